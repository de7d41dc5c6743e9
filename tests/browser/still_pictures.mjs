// Goes through the views of the still world in their looks, and tells of each picture that is approved, or that should be.
import { writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { coloursOf } from './colours.mjs';
import { allLooks, openView, pairsOf, stillViews } from './still_views.mjs';
import { assertKnown, readWorld, stillContext, stillPage } from './still_world.mjs';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
export const approvedFile = join(here, 'still', 'approved.json');
export const largest = 100 << 10; // bytes of all approved pictures together
const settles = 4000; // ms: what a busy machine may need behind the first sign of a view
export const isLong = process.env.BATUTA_LONG_LOOKS !== undefined;

// What follows from another width is drawn: those who watch sizes have been told, and what they changed has its place.
const drawn = () => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 10))); });
const sticksOut = () => document.documentElement.scrollWidth - innerWidth;

/**
 * `seen({name, colours, png})` for the one approved picture of each view, taken anew for a while until it says true;
 * `looked({name, over, faults})` for each look.
 * A language is a page of its own, beside the other's; a theme and a width are not.
 */
export async function pictures(browser, told) {
  const world = readWorld();
  await Promise.all(['en', 'pt'].map((language) => picturesIn(browser, world, language, told)));
}

async function picturesIn(browser, world, language, { seen = () => true, looked = () => undefined, check = async () => undefined }) {
  const views = stillViews({ failed: world.failed, shop: true });
  const has = (view) => view.needs === undefined || Object.keys(world.answers).some((key) => key.includes(view.needs) && (world.answers[key].status ?? 200) === 200);
  const made = await stillContext(browser, world, language);
  const { page, faults } = await stillPage(made);
  for (const [at, view] of views.entries()) {
    if (!has(view)) continue;
    const looks = (isLong ? allLooks : pairsOf(at)).filter((one) => one.language === language);
    const approved = pairsOf(at)[Math.floor(at / 2) % 4]; // over eight views each width and each look
    // What was run or opened in the view before is no part of this one.
    if (views[at - 1]?.first) await page.reload();
    await page.locator('main').first().waitFor();
    await openView(page, view, language).catch((error) => { throw new Error(`${view.name} in ${language}: ${error.message}`); });
    for (const look of looks) {
      await page.emulateMedia({ colorScheme: look.theme, reducedMotion: 'reduce' });
      await page.setViewportSize({ width: look.width, height: 900 });
      await page.evaluate(drawn);
      const name = `${view.name} ${look.width} ${look.theme} ${language}`;
      looked({ name, over: await page.evaluate(sticksOut), faults: faults.splice(0) });
      if (isLong) await check(page, name);
      if (look.width !== approved.width || look.theme !== approved.theme || language !== approved.language) continue;
      await page.evaluate(() => { document.activeElement?.blur?.(); scrollTo(0, 0); });
      for (const end = Date.now() + settles; ; await page.waitForTimeout(100)) {
        const png = await page.screenshot({ animations: 'disabled' });
        if (seen({ name, colours: await coloursOf(page, png), png }) || Date.now() > end) break;
      }
    }
  }
  assertKnown(made.missing);
  await made.context.close();
}

export function keepPicture(name, png) {
  const folder = process.env.BATUTA_SCREENSHOTS ?? join(process.cwd(), 'screenshots');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `still-${name.replaceAll(' ', '-')}.png`);
  writeFileSync(file, png);
  return file;
}
