// The views that need a history to be seen, with the real server behind them; every one of them is also
// asked of axe, and has its picture taken.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { check, headState, login, newPage, open, shoot, trigger } from './harness.mjs';

let session;
const goTo = (page, hash) => page.evaluate((to) => (location.hash = to), hash);
const runs = [];

before(async () => {
  session = await open();
  await login(session);
  const { page, finish } = await newPage(session);
  for (const dag of ['demo', 'branchy', 'branchy']) {
    await trigger(page, dag);
    await headState(page, dag === 'demo' ? 'success' : 'failed').waitFor();
    runs.push(await page.evaluate(() => decodeURIComponent(location.hash.split('/')[4].split('?')[0])));
  }
  await finish();
});
after(() => session?.close());

/** One view at desk and phone, light and dark: nothing sticks out, axe finds nothing. */
async function look(page, name, ready) {
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

test('the grid shows every task by run, and a cell leads to its log beside it', async () => {
  const { page, finish } = await newPage(session, '#/dags/branchy');
  const row = (task) => page.locator(`.grid-row[data-task="${task}"]`);
  await row('end').waitFor();
  assert.equal(await row('start').getAttribute('data-cells'), 'ss');
  assert.equal(await row('bad').getAttribute('data-cells'), 'ff');
  assert.equal(await row('end').getAttribute('data-cells'), 'uu');
  await page.locator('.grid-mapped', { hasText: '[3]' }).waitFor();
  await row('bad').locator('.grid-cells').click({ position: { x: 27, y: 11 } });
  await page.locator('.grid-picked .log-line').first().waitFor();
  assert.match(await page.evaluate(() => location.hash), /run=.*task=bad/);
  await look(page, 'grid-task', row('bad'));
  await page.getByRole('tab', { name: 'Tasks' }).click();
  await page.locator('.graph-node').first().waitFor();
  assert.equal(await row('bad').count(), 1, 'the grid stays beside the tabs');
  await row('many').locator('.grid-cells').click({ position: { x: 27, y: 11 } });
  await page.locator('.grid-picked tbody tr').nth(2).waitFor();
  await finish();
});

test('the grid is walked by keys and follows a run that goes on', async () => {
  const { page, finish } = await newPage(session, '#/dags/branchy?tab=tasks');
  const box = page.getByRole('group', { name: 'Grid of tasks and runs' });
  await page.locator('.grid-row').first().waitFor();
  await box.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Home');
  await page.locator('#grid-status').getByText('bad').or(page.locator('#grid-status').getByText('many')).waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.grid-picked').waitFor();
  await goTo(page, '#/dags/slow');
  await page.getByRole('heading', { name: 'slow', exact: true }).waitFor();
  await trigger(page, 'slow');
  const run = await page.evaluate(() => decodeURIComponent(location.hash.split('/')[4].split('?')[0]));
  await goTo(page, '#/dags/slow');
  await page.locator('.grid-row[data-task="wait"][data-cells$="r"]').waitFor();
  const cut = page.waitForResponse((answer) => answer.request().method() === 'PATCH');
  await page.evaluate(async (id) => {
    const { csrf_token } = await (await fetch('/api/batuta/session')).json();
    await fetch(`/api/v2/dags/slow/dagRuns/${encodeURIComponent(id)}`, { method: 'PATCH', headers: { 'content-type': 'application/json', 'x-csrf-token': csrf_token }, body: '{"state":"failed"}' });
  }, run);
  await cut;
  await page.locator('.grid-row[data-task="wait"][data-cells$="f"]').waitFor();
  await page.getByRole('button', { name: 'Grid', exact: true }).click();
  assert.equal(await page.locator('.grid-pane').count(), 0);
  await page.getByRole('button', { name: 'Grid', exact: true }).click();
  await finish();
});

test('home tells what failed, and each number leads to what it counts', async () => {
  const { page, finish } = await newPage(session, '#/home');
  const failed = page.locator('.tile', { hasText: 'runs failed' });
  await failed.waitFor();
  assert.ok(Number(await failed.locator('.tile-value').textContent()) >= 2);
  await page.getByRole('region', { name: 'Failed' }).getByRole('link', { name: 'branchy' }).first().waitFor();
  await page.getByRole('region', { name: 'Pools' }).getByText('default_pool').waitFor();
  await page.getByRole('link', { name: /Import errors: 1/ }).waitFor();
  await look(page, 'home', failed);
  await failed.click();
  await page.getByRole('heading', { name: 'Runs' }).waitFor();
  assert.equal(await page.getByLabel('State').inputValue(), 'failed');
  await page.getByRole('link', { name: 'branchy' }).first().waitFor();
  await goTo(page, '#/home');
  await page.getByRole('link', { name: 'Runs that ended' }).click();
  await page.getByRole('heading', { name: 'Runs' }).waitFor();
  assert.equal(await page.getByLabel('State').inputValue(), 'success+failed');
  for (const dag of ['demo', 'branchy']) await page.getByRole('link', { name: dag, exact: true }).first().waitFor();
  await finish();
});

test('runs of all DAGs are filtered by the address, and many are cleared after a look at what that touches', async () => {
  const { page, finish } = await newPage(session, '#/runs?dag=branchy&state=failed');
  const rows = page.locator('tr[data-run]');
  await rows.nth(1).waitFor();
  assert.equal(await rows.count(), 2);
  await look(page, 'runs', rows);
  await page.getByRole('checkbox', { name: 'All of this page' }).check();
  await page.getByRole('button', { name: 'Clear…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('2 task instances will run again.').or(dialog.getByText('4 task instances will run again.')).waitFor();
  await check(page, 'clear dialog');
  await shoot(page, 'view-runs-clear');
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('Done: 2 runs.').waitFor();
  await page.getByLabel('State').selectOption('');
  await page.waitForFunction(() => !location.hash.includes('state='));
  await page.locator('tr [data-state="failed"]').nth(1).waitFor();
  await finish();
});

test('task instances of all DAGs are found by state and name', async () => {
  const { page, finish } = await newPage(session, '#/tasks?state=failed&dag=branchy');
  await page.getByRole('link', { name: 'bad', exact: true }).first().waitFor();
  await look(page, 'tasks', page.getByRole('link', { name: 'bad', exact: true }));
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('nothing of that name');
  await page.getByText('No task matches.').waitFor();
  await finish();
});

test('the page speaks Portuguese where the browser does', async () => {
  const context = await session.context.browser().newContext({ locale: 'pt-BR', storageState: await session.context.storageState() });
  const { page, finish } = await newPage({ ...session, context }, '#/home');
  await page.getByRole('heading', { name: 'Início' }).waitFor();
  await page.locator('.tile', { hasText: 'execuções falharam' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'pt-BR');
  await shoot(page, 'view-home-pt');
  await finish();
  await context.close();
});
