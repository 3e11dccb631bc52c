/**
 * The picture in the README: a page of a running collector, as an analyst sees it.
 *
 *   VONG_WEB, VONG_USER, VONG_PASSWORD, VONG_CHROMIUM   as for the browser story
 *   VONG_SCREENSHOT   the file to write
 *   VONG_PAGE         the page to show (optional: the overview)
 */
import { needed, openPage, signIn } from './browser.mjs';

const { browser, page } = await openPage(needed('VONG_WEB'));
try {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto('/');
  await signIn(page, needed('VONG_USER'), needed('VONG_PASSWORD'));
  await page.goto(process.env.VONG_PAGE ?? '/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForLoadState('domcontentloaded');
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'hidden' });
  await page.screenshot({ path: needed('VONG_SCREENSHOT') });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
