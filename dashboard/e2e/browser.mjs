/**
 * A real browser for the stories: Debian's Chromium, a fresh profile, no services of its own.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Nothing on a page of ours may take longer. */
const PATIENCE_MS = 20_000;

/** The value of an environment variable that a story cannot do without. */
export function needed(name) {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is missing`);
  return value;
}

/** A page as wide as an analyst's screen; every fault that the page itself reports is kept. */
export async function openPage(baseURL) {
  const executablePath = process.env.VONG_CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: FLAGS, headless: true });
  const context = await browser.newContext({
    baseURL,
    // The collector of a story has a certificate of its own authority, if any.
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'vi-VN',
    // Deliberately not Vietnam: the dashboard shows Vietnamese time everywhere.
    timezoneId: 'America/New_York',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  // The stories begin in Vietnamese, whatever language the account was left in.
  await context.addInitScript(() => {
    if (localStorage.getItem('vong.language') === null) localStorage.setItem('vong.language', 'vi');
  });
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !isExpected(message.text())) faults.push(`console: ${message.text()}`);
  });
  return { browser, page, faults };
}

/** Asking who one is before signing in is answered by 401, which Chromium reports by itself. */
function isExpected(text) {
  return text.includes('status of 401');
}

/**
 * Signs in by label and button, and replaces a one-time password when the page asks for it.
 */
export async function signIn(page, user, password) {
  await page.getByLabel('Tên đăng nhập').fill(user);
  await page.getByLabel('Mật khẩu', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Đăng nhập' }).click();
  const home = page.getByRole('navigation', { name: 'Chính' });
  const first = page.getByRole('heading', { name: 'Đặt mật khẩu mới' });
  const refused = page.getByRole('alert');
  await home.or(first).or(refused).first().waitFor();
  if (await refused.isVisible()) throw new Error(`sign-in is refused: ${await refused.innerText()}`);
  if (await first.isVisible()) {
    const own = process.env.VONG_NEW_PASSWORD ?? `${password} của tôi`;
    await page.getByLabel('Mật khẩu hiện tại').fill(password);
    await page.getByLabel('Mật khẩu mới', { exact: true }).fill(own);
    await page.getByLabel('Nhập lại mật khẩu mới').fill(own);
    await page.getByRole('button', { name: 'Đổi mật khẩu' }).click();
    await home.waitFor();
  }
}

const require = createRequire(import.meta.url);
let axeSource;

/** Runs axe-core on what the page shows now; answers each violation as text. */
export async function accessibilityFaults(page) {
  axeSource ??= await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return found.violations.flatMap(({ id, help, nodes }) =>
      nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}\n    ${node.failureSummary}`),
    );
  });
  return violations;
}

/** Saves what the page shows, when a folder was named. */
export async function photograph(page, folder, name) {
  if (folder === undefined || folder === '') return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}
