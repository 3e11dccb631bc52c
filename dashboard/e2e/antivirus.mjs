/**
 * The browser story of antivirus: an analyst finds malware in the list, opens the PC, and lets it scan.
 *
 * Everything is found by role and label, every page is checked by axe-core, and the page itself must report no
 * fault. Exit code 0 means that all of it was so; otherwise the reason is on standard error.
 *
 *   VONG_WEB, VONG_USER, VONG_PASSWORD   as for journey.mjs
 *   VONG_HOST         number of the PC
 *   VONG_THREAT       the malware's name
 *   VONG_SCREENSHOTS  folder for screenshots (optional)
 */
import { accessibilityFaults, needed, openPage, photograph, signIn } from './browser.mjs';

const host = needed('VONG_HOST');
const threat = needed('VONG_THREAT');
const folder = process.env.VONG_SCREENSHOTS;
/** A scan of a few files takes a moment; the answer comes with the next of the PC's turns. */
const SCAN_MS = 60_000;

const { browser, page, faults } = await openPage(needed('VONG_WEB'));
let step = 'opening the dashboard';
try {
  await page.goto('/');
  await signIn(page, needed('VONG_USER'), needed('VONG_PASSWORD'));
  await findMalware();
  await scan();
  if (faults.length > 0) throw new Error('it reports faults of its own');
  console.log('the browser story of antivirus is told');
} catch (error) {
  await photograph(page, folder, 'failure');
  console.error(`${step}: ${error.message}`);
  if (faults.length > 0) console.error(`the page reports faults:\n${faults.join('\n')}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

async function findMalware() {
  step = 'finding the malware in the list';
  await page.getByRole('link', { name: 'Mã độc', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Phát hiện mã độc' }).waitFor();
  await page.getByText(threat).first().waitFor();
  await check('detections');
}

async function scan() {
  step = 'ordering a quick scan';
  await page.goto(`/hosts/${host}?tab=state`);
  await page.getByRole('button', { name: 'Quét nhanh' }).click();
  const dialog = page.getByRole('dialog', { name: 'Quét nhanh máy này?' });
  await dialog.getByRole('button', { name: 'Ra lệnh' }).click();
  await dialog.waitFor({ state: 'hidden' });
  step = 'waiting for the scan';
  const commands = page.getByRole('table', { name: 'Lệnh đã gửi tới máy' });
  const row = commands.getByRole('row').filter({ hasText: 'Quét nhanh' });
  await row.getByText('đã quét xong').waitFor({ timeout: SCAN_MS });
  await row.getByText('1 tệp nhiễm mã độc').waitFor();
  await check('scanned');
}

async function check(name) {
  await photograph(page, folder, name);
  const violations = await accessibilityFaults(page);
  if (violations.length > 0) throw new Error(`axe finds fault with ${name}:\n${violations.join('\n')}`);
}
