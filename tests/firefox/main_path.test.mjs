// The main path in Debian's firefox-esr, by WebDriver BiDi, with the real server behind it: ./dev test long.
//   FIREFOX    the browser's binary; BATUTA_URL, BATUTA_USERNAME and BATUTA_PASSWORD as against_server.mjs sets them
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';

const patience = 60_000;
const url = process.env.BATUTA_URL;
let browser;
let page;
const faults = [];

// Failed requests are shown by the page itself; all else that Firefox calls an error is a fault of the page.
const expected = /Failed to load resource|NetworkError|downloadable font/;

const goTo = (hash) => page.evaluate((to) => void (location.hash = to), hash);
const there = (selector) => page.waitForSelector(selector, { timeout: patience });
const heading = (name) => page.waitForFunction((text) => [...document.querySelectorAll('h1')].some((one) => one.textContent.trim() === text), { timeout: patience }, name);
const over = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
async function press(name, within = '') {
  const button = await page.waitForFunction((text, where) => [...document.querySelectorAll(`${where} button`)].find((one) => one.textContent.trim() === text && !one.disabled), { timeout: patience }, name, within);
  await button.click();
}

before(async () => {
  browser = await puppeteer.launch({ browser: 'firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr', headless: true, timeout: patience, protocolTimeout: 2 * patience, defaultViewport: { width: 1280, height: 900 } });
  page = await browser.newPage();
  page.setDefaultTimeout(patience);
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text())) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(`${url}/`);
  await there('input[type="password"]');
  await page.type('input[autocomplete="username"]', process.env.BATUTA_USERNAME);
  await page.type('input[type="password"]', process.env.BATUTA_PASSWORD);
  await press('Sign in');
  await heading('DAGs');
});
after(() => browser?.close());

test('a run is started by the form, with a date that Firefox\'s own box takes, and watched to its end', async () => {
  await goTo('#/dags/exact');
  await heading('exact');
  await press('Trigger');
  const day = await there('dialog [name="param-day"][type="date"]');
  await day.evaluate((box) => {
    box.value = '2026-03-11';
    box.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await there('dialog [name="param-since"][type="datetime-local"]');
  await press('Trigger', 'dialog');
  await page.waitForFunction(() => location.hash.includes('/runs/'), { timeout: patience });
  await there('.page-head [data-state="success"]');
  const conf = await page.$eval('.conf pre', (one) => one.textContent);
  assert.match(conf, /"day": "2026-03-11"/);
  assert.match(conf, /"account": 9007199254740993\b/);
});

test('a run is drawn live, and the log of a task opens at its end', async () => {
  await goTo('#/dags/demo');
  await heading('demo');
  await press('Trigger');
  await there('dialog .field');
  await press('Trigger', 'dialog');
  await page.waitForFunction(() => location.hash.includes('/runs/'), { timeout: patience });
  await there('.page-head [data-state="success"]');
  await there('.graph [data-unit]');
  await (await there('.task-row[data-task="extract"]')).click();
  await page.waitForFunction(() => [...document.querySelectorAll('.log-line')].some((one) => one.textContent.includes('row 4')), { timeout: patience });
  await goTo('#/dags/demo');
  await there('.grid-row[data-task="extract"][data-cells^="s"]');
});

test('a statement is written in the editor and its rows come', async () => {
  await goTo('#/lake/sql');
  await (await there('>>> .cm-content')).click();
  await page.keyboard.type('SELECT 41 + 1 AS answer');
  await press('Run it');
  await page.waitForFunction(() => document.querySelector('.sql-rows tbody')?.textContent.includes('42'), { timeout: patience });
});

const views = ['home', 'dags', 'dags/branchy', 'dags/grouped?tab=tasks', 'dags/halfyearly?tab=calendar', 'dags/demo?tab=trends', 'dags/demo?tab=source', 'dags/demo?tab=details', 'runs', 'tasks', 'backfills', 'deadlines', 'xcoms', 'assets', 'lake', 'lake/monitors', 'lake/domains', 'lake/quarantine', 'lake/dead-letters', 'lake/branches', 'lake/erasures', 'problems', 'pools', 'variables', 'connections', 'access', 'audit', 'health', 'installation', 'installation?tab=settings', 'installation?tab=metrics'];

test('every view opens, at a desk and on a phone, and nothing sticks out', async () => {
  const wide = [];
  for (const view of views) {
    await page.setViewport({ width: 1280, height: 900 });
    await goTo(`#/${view}`);
    await there('main h1');
    await page.waitForFunction(() => document.querySelector('main .loading') === null, { timeout: patience });
    const refused = await page.$$eval('main [role="alert"]', (all) => all.map((one) => one.textContent));
    assert.deepEqual(refused, [], view);
    for (const width of [1280, 390]) {
      await page.setViewport({ width, height: 900 });
      await new Promise((done) => setTimeout(done, 100));
      const more = await over();
      if (more > 0) wide.push(`${view} at ${width}: ${more} px`);
    }
  }
  assert.deepEqual(wide, []);
});

test('in Portuguese and dark it says so, and the console has said nothing', async () => {
  await page.setViewport({ width: 1280, height: 900 });
  await page.emulateMediaFeatures?.([{ name: 'prefers-color-scheme', value: 'dark' }]).catch(() => undefined); // not in every Firefox
  await page.evaluate(() => localStorage.setItem('batuta-language', 'pt'));
  await page.goto(`${url}/#/lake`);
  await page.reload();
  await heading('Lago');
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'pt-BR');
  assert.deepEqual(faults, []);
});
