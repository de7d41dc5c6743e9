// Starts a browser against the mock, or against a running server when BATUTA_URL is set.
//   BATUTA_URL            http://127.0.0.1:8080, with the DAGs of fixture_dags.mjs
//   BATUTA_LOGIN_CODE     a one-time code; or BATUTA_USERNAME and BATUTA_PASSWORD
//   BATUTA_WEB_DIST       the built page, for the mock
//   BATUTA_SCREENSHOTS    where pictures go
//   CHROMIUM              the browser's binary
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startMock } from './mock_server.mjs';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const shots = process.env.BATUTA_SCREENSHOTS ?? join(process.cwd(), 'screenshots');
export const real = process.env.BATUTA_URL !== undefined;
export const patience = 45_000; // a loaded machine is slow, not wrong

async function startTarget() {
  if (real) {
    return {
      url: process.env.BATUTA_URL,
      code: process.env.BATUTA_LOGIN_CODE,
      username: process.env.BATUTA_USERNAME ?? 'admin',
      password: process.env.BATUTA_PASSWORD,
      stop: () => undefined,
    };
  }
  const mock = await startMock({ dist: process.env.BATUTA_WEB_DIST, codes: ['first-code'] });
  return { ...mock, code: 'first-code', username: 'admin', password: 'admin-password' };
}

/** One browser and one signed-in context for a file of tests. */
export async function open() {
  const target = await startTarget();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: flags,
  });
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: 'light' });
  context.setDefaultTimeout(patience);
  mkdirSync(shots, { recursive: true });
  return {
    target,
    context,
    close: async () => {
      await browser.close();
      await target.stop();
    },
  };
}

// What the browser says of a request that failed, as "404 /api/v2/dags/none"; of anything else its own words.
function saidOf(message) {
  const failed = /^Failed to load resource: (?:the server responded with a status of (\d+)|(\S+))/.exec(message.text());
  return failed ? `${failed[1] ?? failed[2]} ${new URL(message.location().url).pathname}` : message.text();
}

/** Whoever is not signed in is told so once, when the page asks who it is. */
export const signedOut = /^401 \/api\/batuta\/(session|login|logout)$/;
/** A DAG whose file was written just now is asked for until it is there. */
export const notYetRead = /^404 \/api\/v2\/dags\/\w+$/;

/**
 * A page whose console must stay clean and in which no canary may come to life. `refused`: what this case has refused,
 * each matched against "<status> <path>"; any other failed request is a fault as all else on the console is, a broken
 * content security policy above all.
 */
export async function newPage(session, hash = '', refused = []) {
  const page = await session.context.newPage();
  const faults = [];
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const said = saidOf(message);
    const isMocks = session.target.lacks?.has(said) === true; // a route that the mock has not, and every server has
    if (!isMocks && !refused.some((one) => one.test(said))) faults.push(said);
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(session.target.url) && !/^(data|blob):/.test(url)) faults.push(`asked for ${url}`);
  });
  await page.goto(`${session.target.url}/${hash}`);
  return {
    page,
    finish: async () => {
      assert.equal(await page.evaluate(() => window.pwned), undefined, 'a canary came to life');
      assert.deepEqual(faults, []);
      await page.close();
    },
  };
}

export async function login(session) {
  const { page, finish } = await newPage(session, session.target.code ? `#login=${session.target.code}` : '', session.target.code ? [] : [signedOut]);
  if (!session.target.code) {
    await page.getByLabel('User name').fill(session.target.username);
    await page.getByLabel('Password').fill(session.target.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }
  await page.getByRole('heading', { name: 'DAGs' }).waitFor();
  const hash = await page.evaluate(() => location.hash);
  await finish();
  return hash;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds in the page as it stands is a failure. */
export async function check(page, name) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap((one) => one.nodes.slice(0, 3).map((node) => `${one.id}: ${node.target.join(' ')}: ${node.failureSummary}`));
  });
  assert.deepEqual(found, [], name);
}

export const shoot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), animations: 'disabled' });

/** One view at desk and phone, light and dark: nothing sticks out, axe finds nothing. */
export async function look(page, name, ready) {
  for (const [width, scheme] of [[1280, 'light'], [390, 'light'], [390, 'dark'], [1280, 'dark']]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    await ready.first().waitFor();
    await page.waitForTimeout(80);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${name} is ${over} px too wide at ${width}`);
    if (width === 1280 || scheme === 'dark') await check(page, `${name} at ${width}, ${scheme}`);
    await shoot(page, `view-${name}-${scheme}-${width}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Presses g and a letter until its view is there: between the two keys a loaded machine may take longer than they may. */
export async function goByKeys(page, letter, heading) {
  const there = page.getByRole('heading', { name: heading, exact: true });
  for (const end = Date.now() + patience; Date.now() < end; ) {
    await page.keyboard.press('g');
    await page.keyboard.press(letter);
    const found = await there.waitFor({ timeout: 5_000 }).then(() => true, () => false);
    if (found) return;
  }
  assert.fail(`g and ${letter} lead to no view with the heading ${heading}`);
}

/** Opens a DAG's trigger dialog, starts a run as it stands, and waits for the run's page. */
export async function trigger(page, dag, fill = async () => undefined) {
  await page.evaluate((id) => (location.hash = `#/dags/${id}`), dag);
  await page.getByRole('heading', { name: dag, exact: true }).waitFor();
  await page.getByRole('button', { name: 'Trigger', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).waitFor();
  await fill(dialog);
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).click();
  await page.waitForFunction(() => location.hash.includes('/runs/'));
}

export const taskRow = (page, task, state) =>
  page.locator(`.task-row[data-task="${task}"]${state ? `[data-state="${state}"]` : ''}`);
export const headState = (page, state) => page.locator(`.page-head [data-state="${state}"]`);
