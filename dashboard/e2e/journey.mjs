/**
 * The browser story: an administrator signs in, finds the alert about a file, reads the PC's page, and
 * goes through the protection, the malware and the coverage of all PCs.
 *
 * Everything is found by role and label, every page is checked by axe-core in light and in dark, and the
 * page itself must report no fault. Exit code 0 means that all of it was so; otherwise the reason is on
 * standard error.
 *
 *   VONG_WEB          address of the dashboard, such as http://127.0.0.1:8080
 *   VONG_USER         who signs in
 *   VONG_PASSWORD     with what; a one-time password is replaced on the way
 *   VONG_ALERT        number of the alert about the file
 *   VONG_HOST         number of the PC
 *   VONG_FILE         the file's name as it must be shown (optional: else as the API has it)
 *   VONG_SCREENSHOTS  folder for screenshots (optional)
 *   VONG_CHROMIUM     the browser (optional: /usr/bin/chromium)
 */
import { accessibilityFaults, needed, openPage, photograph, signIn } from './browser.mjs';

const web = needed('VONG_WEB');
const alert = needed('VONG_ALERT');
const host = needed('VONG_HOST');
const folder = process.env.VONG_SCREENSHOTS;

const { browser, page, faults } = await openPage(web);
let step = 'opening the dashboard';
try {
  await page.goto('/');
  begin('signing in');
  await check('sign-in');
  await signIn(page, needed('VONG_USER'), needed('VONG_PASSWORD'));
  await overview();
  const file = process.env.VONG_FILE ?? (await fileOfAlert());
  await openAlert(file);
  await openHost(file);
  await readProtection();
  await readCoverage();
  await readHostInEnglish();
  await signOut();
  demand(faults.length === 0, `the page reports faults:\n${faults.join('\n')}`);
  console.log('the browser story is told');
} catch (error) {
  await photograph(page, folder, 'failure');
  console.error(`${step}: ${error.message}`);
  if (faults.length > 0) console.error(`the page reports faults:\n${faults.join('\n')}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

async function overview() {
  begin('reading the overview');
  await page.getByRole('heading', { level: 1, name: 'Tổng quan' }).waitFor();
  for (const number of ['Đã đăng ký', 'Có kết nối', 'Đang được bảo vệ']) {
    await page.getByRole('link', { name: number }).first().waitFor();
  }
  await page.getByText('Không thiếu sự kiện nào').waitFor();
  await check('overview');
}

/** What the alert says of the file, asked as the page asks. */
async function fileOfAlert() {
  begin('asking which file it is about');
  const path = await page.evaluate(async (id) => {
    const answer = await fetch(`/api/v1/alerts/${id}`);
    const { title } = await answer.json();
    return typeof title.params.path === 'string' ? title.params.path : title.params.path?.text;
  }, alert);
  demand(typeof path === 'string', `alert ${alert} names no file`);
  return path.slice(path.lastIndexOf('/') + 1);
}

async function openAlert(file) {
  begin('finding the alert in the queue');
  await page.getByRole('link', { name: 'Cảnh báo', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Cảnh báo' }).waitFor();
  const row = page.getByRole('table', { name: 'Cảnh báo' }).locator(`a[href$="/alerts/${alert}"]`);
  await row.waitFor();
  demand((await row.innerText()).includes(file), `the queue does not show “${file}”: ${await row.innerText()}`);
  await check('alerts');
  begin('reading the alert');
  await row.click();
  const heading = page.getByRole('heading', { level: 1, name: file });
  await heading.waitFor();
  demand((await heading.innerText()).includes(file), `the heading does not show “${file}” letter by letter`);
  await page.getByRole('region', { name: 'Vì sao: dấu hiệu bất thường' }).getByText(file).first().waitFor();
  await page.getByRole('button', { name: 'Đã tiếp nhận' }).waitFor();
  await check('alert');
}

async function openHost(file) {
  begin('reading the PC’s timeline');
  await page.getByRole('link', { name: 'Xem diễn biến trên máy' }).click();
  await page.waitForURL(`**/hosts/${host}`);
  await page.getByText('Không thiếu sự kiện nào').first().waitFor();
  const row = page.getByRole('table', { name: 'Diễn biến' }).getByRole('button', { name: file }).first();
  await row.waitFor();
  await check('host-timeline');
  begin('reading the event');
  await row.click();
  const panel = page.getByRole('dialog', { name: 'Sự kiện' });
  await panel.getByText(file).first().waitFor();
  await check('event');
  await panel.getByRole('tab', { name: 'Dữ liệu gốc' }).click();
  await panel.getByRole('button', { name: 'Sao chép' }).waitFor();
  await check('event-raw');
  await panel.getByRole('button', { name: 'Đóng lại' }).click();
  await panel.waitFor({ state: 'hidden' });
  begin('reading what became of the PC’s files');
  await page.getByRole('tab', { name: 'Tệp', exact: true }).click();
  const changes = page.getByRole('table', { name: 'Thay đổi của tệp' });
  await changes.getByRole('button', { name: file }).first().waitFor();
  await check('host-files');
  await changes.getByRole('button', { name: file }).first().click();
  await panel.getByRole('button', { name: 'Đánh dấu đáng ngờ' }).click();
  await panel.getByRole('form', { name: 'Đánh dấu thay đổi đáng ngờ' }).waitFor();
  await check('file-review');
  await panel.getByRole('textbox', { name: 'Lý do' }).fill('Không ai ở đơn vị sửa tệp này.');
  await panel.getByRole('form').getByRole('button', { name: 'Đánh dấu đáng ngờ' }).click();
  await panel.getByText('Lý do: Không ai ở đơn vị sửa tệp này.').waitFor();
  await panel.getByRole('button', { name: 'Bỏ dấu này' }).click();
  await panel.getByText('Lý do: Không ai ở đơn vị sửa tệp này.').waitFor({ state: 'hidden' });
  await panel.getByRole('button', { name: 'Đóng lại' }).click();
  await panel.waitFor({ state: 'hidden' });
  begin('reading the PC’s state and ledger');
  await page.getByRole('tab', { name: 'Tình trạng' }).click();
  await page.getByRole('heading', { level: 2, name: 'Nhận dạng' }).waitFor();
  await check('host-state');
  await page.getByRole('tab', { name: 'Tính đầy đủ của dữ liệu' }).click();
  await page.getByRole('heading', { level: 2, name: 'Khoảng dữ liệu thiếu' }).waitFor();
  await check('host-ledger');
  begin('reading the list of PCs');
  await page.getByRole('link', { name: 'Máy tính', exact: true }).first().click();
  await page.getByRole('table', { name: 'Máy tính' }).getByRole('link').first().waitFor();
  await check('hosts');
}

/** Protection and malware of the whole fleet. */
async function readProtection() {
  begin('reading the protection of all units');
  await go('Bảo vệ', 'Bảo vệ');
  await page.getByRole('table', { name: 'Tình trạng bảo vệ theo đơn vị' }).getByRole('link').first().waitFor();
  await page.getByRole('heading', { level: 2, name: 'Tuổi mẫu nhận diện' }).waitFor();
  await check('protection');
  begin('reading the list of protected PCs');
  await page.getByRole('link', { name: 'Danh sách máy' }).click();
  await page.getByRole('table', { name: 'Danh sách máy' }).getByRole('link').first().waitFor();
  await check('protection-pcs');
  begin('reading the malware');
  await go('Mã độc', 'Phát hiện mã độc');
  await page.getByRole('heading', { level: 2, name: 'Mã độc gặp nhiều nhất' }).waitFor();
  await check('detections');
  begin('reading the lists of hashes');
  await page.getByRole('link', { name: 'Danh sách mã băm' }).click();
  await page.getByRole('button', { name: 'Thêm mã băm' }).waitFor();
  await page.locator('main [aria-busy="true"]').first().waitFor({ state: 'hidden' });
  await check('hashes');
}

/** The proof of coverage, from its numbers to the paper. */
async function readCoverage() {
  begin('reading the coverage');
  await go('Độ bao phủ', 'Độ bao phủ');
  await page
    .getByRole('region', { name: 'Ba con số' })
    .getByRole('link', { name: /^Đã đăng ký/ })
    .waitFor();
  await check('coverage');
  const sections = page.getByRole('navigation', { name: 'Độ bao phủ' });
  for (const [section, name] of [
    ['Danh sách máy', 'coverage-pcs'],
    ['Ngoại lệ', 'coverage-exceptions'],
    ['Máy chưa quản lý', 'coverage-unmanaged'],
    ['Báo cáo kỳ', 'coverage-report'],
    ['Nhập danh mục tài sản', 'coverage-import'],
  ]) {
    begin(`reading “${section}”`);
    await sections.getByRole('link', { name: section }).click();
    await page.locator('main [aria-busy="true"]').first().waitFor({ state: 'hidden' });
    await check(name);
  }
  begin('reading the certificate');
  await sections.getByRole('link', { name: 'Con số' }).click();
  await page.getByRole('link', { name: 'Bản xác nhận' }).click();
  await page.getByRole('article').getByRole('table', { name: 'Số liệu' }).waitFor();
  await check('certificate');
  await go('Máy tính', 'Máy tính');
}

/** Follows the navigation to a page. */
async function go(link, heading) {
  await page.getByRole('navigation', { name: 'Chính' }).getByRole('link', { name: link, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
}

async function readHostInEnglish() {
  begin('changing to English');
  await page.getByRole('button', { name: 'Tài khoản' }).click();
  await page.getByText('English').click();
  await page.getByRole('heading', { level: 1, name: 'PCs' }).waitFor();
  await page.keyboard.press('Escape');
  await page.goto(`/hosts/${host}`);
  await page.getByText('0 events missing').first().waitFor();
  await check('host-english');
}

async function signOut() {
  begin('signing out');
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
}

/** Names what comes next, for the message if it fails. */
function begin(what) {
  step = what;
}

/** What the page shows now, in light and in dark: photographed, and without a violation. */
async function check(name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor();
    await photograph(page, folder, `${name}-${colorScheme}`);
    const violations = await accessibilityFaults(page);
    demand(violations.length === 0, `axe-core on ${name} in ${colorScheme}:\n${violations.join('\n')}`);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
}

function demand(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}
