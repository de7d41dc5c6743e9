// What only a server under the test's control can show: streams cut, sessions ended.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { headState, login, newPage, open, real, taskRow, trigger } from './harness.mjs';

let session;

before(async () => {
  if (real) return;
  session = await open();
  await login(session);
});
after(() => session?.close());

test('after a gap in the live stream the page reads everything again', { skip: real }, async () => {
  const { page, finish } = await newPage(session, '', [/^net::ERR_\w+ \/api\/batuta\/events$/]);
  await trigger(page, 'slow');
  await taskRow(page, 'wait', 'running').waitFor();
  const { world } = session.target;
  // The change happens while nobody listens, so that only a re-read can show it.
  const listeners = [...world.listeners];
  world.listeners.clear();
  world.cancel(world.runs[0]);
  listeners.forEach((one) => world.listeners.add(one));
  session.target.cutStreams();
  await headState(page, 'failed').waitFor();
  await taskRow(page, 'after', 'skipped').waitFor();
  await page.locator('.live-live').waitFor();
  await finish();
});

test('more pages are open than a browser has connections: those that nobody sees hold none, and are right when they are seen', { skip: real }, async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'slow');
  await taskRow(page, 'wait', 'running').waitFor();
  // What a browser says of a tab behind others; a headless one calls all of them visible.
  const turn = (of, to) =>
    of.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
      document.dispatchEvent(new Event('visibilitychange'));
    }, to);
  const others = [];
  for (let at = 0; at < 6; at += 1) {
    const other = await newPage(session);
    others.push(other);
    await other.page.getByRole('heading', { name: 'DAGs', exact: true }).waitFor();
    await turn(other.page, 'hidden');
    if (at === 3) await other.page.waitForTimeout(3_500); // they rest by now, and the next have room
  }
  await turn(page, 'hidden');
  await page.waitForTimeout(3_500);
  session.target.world.cancel(session.target.world.runs[0]);
  await turn(page, 'visible');
  await headState(page, 'failed').waitFor();
  await page.locator('.live-live').waitFor();
  for (const one of others) await one.finish();
  await finish();
});

test('a session that ends leads back to the login', { skip: real }, async () => {
  const { page, finish } = await newPage(session, '', [/^401 \/api\//]);
  await page.getByRole('heading', { name: 'DAGs' }).waitFor();
  session.target.endSession();
  await page.evaluate(() => (location.hash = '#/pools'));
  await page.getByText('Your session has ended').waitFor();
  assert.equal(await page.locator('.topbar').count(), 0);
  await finish();
});
