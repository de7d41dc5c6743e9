// A world that stands still: what the real server answered once (still/answers.json), at the time when it did. So a view looks
// the same whenever and wherever it is drawn, and pictures of it can be compared.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
export const answersFile = join(here, 'still', 'answers.json');
const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const origin = 'http://still.test';

// Ids that the page makes anew each time say nothing of what is asked.
const plain = (body) => (body ?? '').replace(/"query_id":"[^"]*"/, '"query_id":""');
export const keyOf = (request) => {
  const { pathname, search } = new URL(request.url());
  return `${request.method()} ${pathname}${search}${request.method() === 'GET' ? '' : ` ${plain(request.postData())}`}`;
};

// JSON whose whole numbers keep their digits: JavaScript's end at 2^53, so that longer ones are marked texts meanwhile.
const words = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
export const exactParse = (text) => JSON.parse(text.replace(words, (one) => (/^-?\d{16,}$/.test(one) ? `"\\u0000whole:${one}"` : one)));
export const exactText = (value) => JSON.stringify(value).replace(/"\\u0000whole:(-?\d+)"/g, '$1');

/** A context whose pages see the still world: its clock, its answers, nothing live, UTC, texts in the bundled font. */
export async function stillContext(browser, { now, answers }, language) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 }, locale: language === 'pt' ? 'pt-BR' : 'en-US', timezoneId: 'UTC', reducedMotion: 'reduce', bypassCSP: true,
  });
  await context.clock.setFixedTime(new Date(now));
  await context.addInitScript(quiet, fonts());
  const missing = new Set();
  if (answers) await context.route(`${origin}/**`, (route) => answer(route, answers, missing));
  return { context, missing };
}

function fonts() {
  const require = createRequire(import.meta.url);
  const file = (weight) => readFileSync(require.resolve(`@fontsource/inter/files/inter-latin-${weight}-normal.woff2`)).toString('base64');
  return [400, 600].map((weight) => ({ weight, file: file(weight) }));
}

// In the page: no stream, and one font for every text.
function quiet(files) {
  window.EventSource = class extends EventTarget {
    constructor() {
      super();
      this.readyState = 1;
      setTimeout(() => {
        this.onopen?.(new Event('open'));
        this.dispatchEvent(new Event('open'));
      });
    }
    close() {}
  };
  document.addEventListener('DOMContentLoaded', () => {
    const faces = files.map(({ weight, file }) => `@font-face { font-family: Still; font-weight: ${weight}; src: url(data:font/woff2;base64,${file}); }`);
    const style = document.createElement('style');
    style.textContent = `${faces.join('')} * { font-family: Still !important; caret-color: transparent !important; }`;
    document.head.append(style);
  });
}

async function answer(route, answers, missing) {
  const request = route.request();
  const { pathname } = new URL(request.url());
  if (!pathname.startsWith('/api/')) {
    const name = pathname === '/' ? 'index.html' : pathname.replace(/^\/(a\/[0-9a-f]+\/)?/, ''); // whichever hash it lies under
    return route.fulfill({ path: join(process.env.BATUTA_WEB_DIST, name), contentType: types[name.split('.').pop()] });
  }
  const key = keyOf(request);
  const found = answers[key];
  if (found === undefined) missing.add(key);
  return route.fulfill({ status: found === undefined ? 404 : (found.status ?? 200), contentType: 'application/json', body: exactText(found === undefined ? { detail: 'not in the still world' } : found.body) });
}

export const readWorld = () => exactParse(readFileSync(answersFile, 'utf8'));

/** A page of it, signed in. */
export async function stillPage({ context }) {
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(`${origin}/#/dags`);
  await page.locator('.dag-row').first().waitFor();
  await page.evaluate(() => document.fonts.load('400 16px Still').then(() => document.fonts.load('600 16px Still')));
  return { page, faults };
}

/** A request that the still world does not know is a view that has changed. */
export function assertKnown(missing) {
  assert.deepEqual([...missing], [], 'the page asks for what still/answers.json has not: ./dev pictures --approve records it anew, and then look at what it changed');
}
