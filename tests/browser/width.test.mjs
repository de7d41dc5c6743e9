// Nothing may stick out, at any width, however long a name or a value is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { longName } from './fixture_dags.mjs';
import { check, headState, login, newPage, open, real, shoot, taskRow, trigger } from './harness.mjs';

let session;

before(async () => {
  session = await open();
  await login(session);
  if (real) await seed();
});
after(() => session?.close());

// The mock's world has them.
async function seed() {
  const { page, finish } = await newPage(session);
  await page.evaluate(async (name) => {
    const { csrf_token } = await (await fetch('/api/batuta/session')).json();
    const post = (path, body) =>
      fetch(`/api/v2/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-csrf-token': csrf_token }, body: JSON.stringify(body) });
    await post('variables', { key: name, value: 'v'.repeat(5000), description: 'd'.repeat(300) });
    await post('connections', { connection_id: name, conn_type: 'http', host: `https://${'h'.repeat(200)}`, login: 'l'.repeat(100), description: 'd'.repeat(300) });
    await post('pools', { name, slots: 1 });
  }, longName);
  await finish();
}

// What is wider than the room it has: the page itself, or a box that would have to be scrolled sideways.
const sticksOut = () => {
  const wide = [document.documentElement, ...document.querySelectorAll('.table-box, .tabs, .facts, .page-head, .toolbar, .dag-row, .dialog-box, .task-panel, .task-list, .card, .file-notice, .crumbs')];
  const over = wide.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.tagName}.${box.className}: ${box.scrollWidth - box.clientWidth} px`);
  const out = [...document.querySelectorAll('main *, .topbar *')].filter((one) => {
    if (one.closest('svg, .places, .visually-hidden, pre, .graph-box')) return false;
    const box = one.getBoundingClientRect();
    return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
  });
  return [...over, ...out.slice(0, 5).map((one) => `${one.tagName}.${one.className} is outside`)];
};

test('event log, variables, tags and long names fit any width', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, longName);
  await headState(page, 'success').waitFor();
  await taskRow(page, longName).click();
  await page.getByRole('tab', { name: 'Details' }).click();
  const run = await page.evaluate(() => location.hash);
  const dag = `#/dags/${longName}`;
  const places = { dags: '#/dags?q=a_name', all: '#/dags', dag, tasks: `${dag}?tab=tasks`, run, audit: '#/audit', variables: '#/variables', connections: '#/connections', pools: '#/pools', problems: '#/problems', health: '#/health' };
  const faults = [];
  for (const width of [320, 768, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    for (const [name, hash] of Object.entries(places)) {
      await page.evaluate((to) => (location.hash = to), hash);
      await page.locator('.dag-row, .table, .task-row, .problem').first().waitFor();
      await page.waitForTimeout(150);
      faults.push(...(await page.evaluate(sticksOut)).map((fault) => `${name} at ${width}: ${fault}`));
      if (name === 'audit' || name === 'variables') await check(page, `${name} at ${width}`); // a long value scrolls, by keys too
      await shoot(page, `width-${name}-${width}`);
    }
    await page.evaluate((to) => (location.hash = to), dag);
    await page.getByRole('button', { name: 'Trigger', exact: true }).click();
    await page.getByRole('dialog').locator('.field').first().waitFor();
    faults.push(...(await page.evaluate(sticksOut)).map((fault) => `trigger at ${width}: ${fault}`));
    await shoot(page, `width-trigger-${width}`);
    await page.keyboard.press('Escape');
  }
  assert.deepEqual(faults, []);
  await finish();
});
