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

test('a session that ends leads back to the login', { skip: real }, async () => {
  const { page, finish } = await newPage(session, '', [/^401 \/api\//]);
  await page.getByRole('heading', { name: 'DAGs' }).waitFor();
  session.target.endSession();
  await page.evaluate(() => (location.hash = '#/pools'));
  await page.getByText('Your session has ended').waitFor();
  assert.equal(await page.locator('.topbar').count(), 0);
  await finish();
});
