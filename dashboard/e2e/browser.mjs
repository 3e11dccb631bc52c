/**
 * A real browser for the stories: Debian's Chromium, a fresh profile, no services of its own.
 */
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
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

/** A page as wide as an analyst's screen; every error of the page's own is kept. */
export async function openPage({ baseUrl, executable }) {
  const browser = await chromium.launch({ executablePath: executable, args: FLAGS, headless: true });
  const context = await browser.newContext({
    baseURL: baseUrl,
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'vi-VN',
    // Deliberately not Vietnam: the dashboard shows Vietnamese time everywhere.
    timezoneId: 'America/New_York',
  });
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !isExpected(message.text())) faults.push(`console: ${message.text()}`);
  });
  return { browser, page, faults };
}

/** Before signing in, asking who one is answers 401, and Chromium logs that by itself. */
function isExpected(text) {
  return text.includes('status of 401');
}

const require = createRequire(import.meta.url);
let axeSource;

/** Runs axe-core on what the page shows now; answers its violations as lines. */
export async function accessibilityFaults(page) {
  axeSource ??= await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations.flatMap((violation) =>
    violation.nodes.map(
      (node) => `${violation.id}: ${violation.help}: ${node.target.join(' ')}\n    ${node.failureSummary ?? ''}`,
    ),
  );
}

/** Saves what the page shows, when a directory was named. */
export async function screenshot(page, directory, name) {
  if (directory === undefined || directory === '') return;
  await mkdir(directory, { recursive: true });
  await page.screenshot({ path: path.join(directory, `${name}.png`), fullPage: true });
}
