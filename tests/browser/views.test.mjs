// The views that need a history to be seen, with the real server behind them; every one of them is also
// asked of axe, and has its picture taken.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, headState, login, look, newPage, notYetRead, open, shoot, trigger } from './harness.mjs';

let session;
const goTo = (page, hash) => page.evaluate((to) => (location.hash = to), hash);
const runs = [];

before(async () => {
  session = await open();
  await login(session);
  const { page, finish } = await newPage(session);
  for (const dag of ['demo', 'branchy', 'branchy', 'grouped']) {
    await trigger(page, dag);
    await headState(page, dag === 'demo' ? 'success' : 'failed').waitFor();
    runs.push(await page.evaluate(() => decodeURIComponent(location.hash.split('/')[4].split('?')[0])));
  }
  await finish();
});
after(() => session?.close());

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

test('groups are folded in grid and graph alike, by mouse and keys, and a reload keeps what was unfolded', async () => {
  const { page, finish } = await newPage(session, '#/dags/grouped?tab=tasks');
  const row = (name) => page.locator(`.grid-row[data-group="${name}"]`);
  const box = (name) => page.locator(`.graph-node[data-task="${name}"]`);
  await page.locator('.graph-node[data-group="load"]').waitFor();
  await page.locator('.graph-edge[data-from="open_store"][data-to="load"]').waitFor({ state: 'attached' });
  await page.locator('.graph-edge[data-from="load"][data-to="report"]').waitFor({ state: 'attached' });
  await row('load').locator('.grid-fold').waitFor();
  assert.equal(await row('load').getAttribute('data-cells'), 'f', 'a group shows the failure in it');
  assert.equal(await page.locator('.grid-row[data-task="orders"]').count(), 0);
  assert.equal(await box('orders').count(), 0);
  await page.locator('.graph-node[data-group="load"]').press('Enter');
  await box('orders').waitFor();
  await page.locator('.grid-row[data-task="orders"]').waitFor();
  assert.equal(await page.locator('.graph-frame[data-group="load"]').count(), 1);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-unit')), 'load', 'who unfolds a group stays on it');
  await page.locator('.graph-label', { hasText: 'when open' }).waitFor();
  await row('prices').locator('.grid-name').click();
  await box('spot').locator('text', { hasText: 'Spot prices' }).waitFor();
  await box('open_store').locator('.graph-note', { hasText: 'setup' }).waitFor();
  await box('close_store').locator('.graph-note', { hasText: 'teardown' }).waitFor();
  await look(page, 'grouped', box('spot'));
  await page.reload();
  await box('spot').waitFor();
  await box('spot').click();
  await page.getByText('From the market.').waitFor();
  await page.getByLabel('Which part').selectOption('up');
  await page.waitForFunction(() => document.querySelectorAll('.graph-node').length === 2);
  await page.getByRole('searchbox', { name: 'Find in the graph' }).fill('open');
  await page.locator('.graph-node.is-miss[data-task="spot"]').waitFor();
  await page.getByRole('searchbox', { name: 'Find in the graph' }).fill('');
  await page.getByLabel('Which part').selectOption('all');
  await page.getByRole('button', { name: 'From top to bottom' }).click();
  await page.getByRole('button', { name: 'Fit into view' }).click();
  await shoot(page, 'view-grouped-down');
  await page.getByRole('button', { name: 'From top to bottom' }).click();
  await page.getByText('Documentation').first().click();
  await page.getByText('Loads prices and tells of them.').waitFor();
  await page.locator('.grid-pane').getByRole('button', { name: 'Fold all groups', exact: true }).click();
  await box('spot').waitFor({ state: 'detached' });
  const grid = page.getByRole('group', { name: 'Grid of tasks and runs' });
  await grid.focus();
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp', 'Enter']) await page.keyboard.press(key);
  await page.locator('.grid-row[data-task="orders"]').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.grid-row[data-task="orders"]').waitFor({ state: 'detached' });
  await finish();
});

test('a run draws its groups in the state of what is in them', async () => {
  const { page, finish } = await newPage(session, `#/dags/grouped/runs/${encodeURIComponent(runs[3])}`);
  await page.evaluate(() => localStorage.removeItem('batuta-open-groups'));
  await page.reload();
  await page.locator('.graph-node[data-group="load"][data-state="failed"] .graph-note', { hasText: '1 Failed, 3 Success' }).waitFor();
  await look(page, 'grouped-run', page.locator('.graph-node[data-group="load"]'));
  await finish();
});

test('the list of DAGs asks once, follows its runs, and is narrowed and sorted by its address', async () => {
  const { page, finish } = await newPage(session, '#/problems');
  await page.getByRole('heading', { name: 'Problems' }).waitFor();
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await goTo(page, '#/dags');
  const row = (dag) => page.locator('.dag-row', { has: page.getByRole('link', { name: dag, exact: true }) });
  await row('branchy').locator('.run-bar[data-state="failed"]').first().waitFor();
  await page.waitForTimeout(300);
  assert.deepEqual(asked.filter((path) => path.startsWith('/api/v2/dags')), ['/api/v2/dags'], 'one request, not one a row');
  await look(page, 'dags', row('branchy'));
  await page.getByLabel('State of the last run').selectOption('failed');
  await row('demo').waitFor({ state: 'detached' });
  await row('branchy').getByRole('button', { name: 'Favourite: branchy' }).click();
  await row('branchy').locator('.star.is-on').waitFor();
  await goTo(page, '#/dags?favorite=true&order=-last_run_start_date');
  await page.waitForFunction(() => document.querySelectorAll('.dag-row').length === 1);
  await page.reload();
  await row('branchy').waitFor();
  assert.equal(await page.locator('.dag-row').count(), 1);
  assert.equal(await page.getByLabel('Order').inputValue(), '-last_run_start_date');
  await row('branchy').getByRole('button', { name: 'Favourite: branchy' }).click();
  await finish();
});

test('many DAGs are paused, resumed and triggered at once, after a look at what that touches', async () => {
  const { page, finish } = await newPage(session, '#/dags');
  for (const dag of ['flaky', 'chatty']) await page.getByRole('checkbox', { name: `Choose ${dag}` }).check();
  const act = async (name, title) => {
    await page.getByRole('button', { name, exact: true }).click();
    const dialog = page.getByRole('dialog', { name: title });
    await dialog.getByText('flaky').waitFor();
    if (name === 'Trigger…') {
      await check(page, 'bulk trigger');
      await shoot(page, 'view-dags-bulk');
    }
    await dialog.getByRole('button', { name: 'Do it' }).click();
    await page.getByText('Done: 2 DAGs.').first().waitFor();
    await dialog.waitFor({ state: 'hidden' }); // the words may be of the act before; with the dialog goes the choice
    for (const dag of ['flaky', 'chatty']) await page.getByRole('checkbox', { name: `Choose ${dag}` }).check();
  };
  await act('Pause…', 'Pause 2 DAGs?');
  await page.getByRole('switch', { name: 'flaky is paused' }).waitFor();
  await act('Resume…', 'Resume 2 DAGs?');
  await page.getByRole('switch', { name: 'chatty is active' }).waitFor();
  await act('Trigger…', 'Trigger 2 DAGs?');
  await page.locator('.dag-row', { hasText: 'Fails once' }).locator('.run-bar').first().waitFor();
  await finish();
});

test('a long log is opened at its end, read upward and searched from end to end, and a line has its link', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'flood');
  await headState(page, 'success').waitFor();
  const moved = [];
  page.on('response', async (answer) => {
    if (answer.url().includes('/log?')) moved.push((await answer.body().catch(() => '')).length); // one that was given up has none
  });
  await page.locator('.task-row[data-task="flood"]').click();
  const line = (number) => page.locator('.log-line', { has: page.getByText(`line ${number}`, { exact: true }) });
  await line(60000).waitFor();
  await page.waitForTimeout(300);
  assert.ok(moved.reduce((sum, size) => sum + size, 0) < 1_000_000, `${moved} bytes for the end of a log`);
  const first = async () => Number(/line (\d+)/.exec(await page.locator('.log-line').first().textContent())?.[1] ?? 0);
  const before = await first();
  const box = page.getByRole('log');
  await box.evaluate((element) => (element.scrollTop = 0));
  await page.waitForFunction((old) => Number(/line (\d+)/.exec(document.querySelector('.log-line').textContent)?.[1] ?? 0) < old, before);
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('line 12345');
  await page.locator('.log-line.is-chosen', { hasText: 'line 12345' }).waitFor();
  await page.locator('.log-found', { hasText: '1 of 1' }).waitFor();
  assert.equal(await page.locator('.log-line.is-chosen mark').textContent(), 'line 12345');
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('line 5999');
  await page.locator('.log-found', { hasText: '11 of 11' }).waitFor();
  await page.locator('.log-line.is-chosen', { hasText: 'line 59999' }).waitFor();
  await page.getByRole('button', { name: 'Previous match' }).click();
  await page.locator('.log-line.is-chosen', { hasText: 'line 59998' }).waitFor();
  await look(page, 'log', page.locator('.log-line.is-chosen'));
  const link = await page.evaluate(() => location.hash);
  assert.match(link, /line=\d+/);
  await page.reload();
  await page.locator('.log-line.is-chosen', { hasText: 'line 59998' }).waitFor();
  await page.locator('.log-found', { hasText: '10 of 11' }).waitFor();
  assert.equal(await page.evaluate(() => location.hash), link, 'a link to a line stays on it');
  await page.getByRole('button', { name: 'Full screen' }).click();
  await page.locator('.log-full').waitFor();
  await shoot(page, 'view-log-full');
  await page.keyboard.press('Escape');
  await page.locator('.log-full').waitFor({ state: 'detached' });
  await page.getByRole('checkbox', { name: 'Follow' }).check();
  await line(60000).waitFor();
  await finish();
});

test('a log is drawn in the colours that it asks for', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'hostile');
  await headState(page, 'success').waitFor();
  await page.locator('.task-row[data-task="shout"]').click();
  await page.locator('.log-line .ansi-1', { hasText: 'red' }).waitFor();
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
  assert.equal(await page.getByRole('combobox', { name: 'State', exact: true }).inputValue(), 'failed');
  await page.getByRole('link', { name: 'branchy' }).first().waitFor();
  await goTo(page, '#/home');
  await page.getByRole('link', { name: 'Runs that ended' }).click();
  await page.getByRole('heading', { name: 'Runs' }).waitFor();
  assert.equal(await page.getByRole('combobox', { name: 'State', exact: true }).inputValue(), 'success+failed');
  for (const dag of ['demo', 'branchy']) await page.getByRole('link', { name: dag, exact: true }).first().waitFor();
  await finish();
});

test('runs of all DAGs are filtered by the address, and many are cleared after a look at what that touches', async () => {
  const { page, finish } = await newPage(session, '#/runs?dag=branchy&state=failed');
  const rows = page.locator('tr[data-row]');
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
  await page.getByRole('combobox', { name: 'State', exact: true }).selectOption('');
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
  await goTo(page, '#/dags');
  await page.getByRole('button', { name: 'Disparar…' }).waitFor();
  await shoot(page, 'view-dags-pt');
  await goTo(page, '#/dags/grouped?tab=tasks');
  await page.getByRole('tab', { name: 'Código' }).waitFor();
  await page.locator('td[data-label="Depende de"]').first().waitFor();
  await check(page, 'a DAG in Portuguese');
  await shoot(page, 'view-dag-pt');
  for (const [hash, words] of [['#/pools', 'Em uso'], ['#/variables', /^(Nenhuma variável\.|Chave)$/], ['#/connections', /^(Nenhuma conexão\.|Conexão)$/], ['#/audit', 'Quando'], ['#/health', 'Sinal de vida'], ['#/problems', 'Erro de importação']]) {
    await goTo(page, hash);
    await page.getByText(words).first().waitFor();
  }
  await finish();
  await context.close();
});

test('colours and zone are switched, and both are kept over a reload', async () => {
  const { page, finish } = await newPage(session, '#/runs');
  await page.locator('tbody tr').first().waitFor();
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  const turn = () => page.locator('.theme-switch').click();
  await turn(); // from the system's, which is light here, to light
  assert.equal(await ground(), light);
  await turn();
  await page.waitForFunction((was) => getComputedStyle(document.documentElement).backgroundColor !== was, light);
  const dark = await ground();
  await check(page, 'dark by choice');
  await page.reload();
  await page.locator('tbody tr').first().waitFor();
  assert.equal(await ground(), dark);
  await turn();
  assert.equal(await ground(), light);
  const zone = page.locator('.zone-switch');
  assert.match(await zone.textContent(), /Local/);
  for (const said of [/UTC/, /UTC/, /Local/]) {
    if (!said.test(await zone.textContent())) await zone.click();
    else await page.reload();
    await page.locator('.zone-switch', { hasText: said }).waitFor();
  }
  await finish();
});

test('a graph of a thousand boxes is laid out beside the page, drawn where one looks, and moved by the map in its corner', async () => {
  const size = 1000;
  const wide = 25;
  // Each stands behind two of the column before it.
  const tasks = Array.from({ length: size }, (_, at) => ({
    task_id: `t_${at}`, type: 'mock',
    depends_on: at < wide ? [] : [...new Set([0, 7].map((aside) => `t_${(Math.floor(at / wide) - 1) * wide + ((at * 3 + aside) % wide)}`))],
  }));
  writeFileSync(join(process.env.BATUTA_DAGS, 'layered.json'), JSON.stringify({ dag_id: 'layered', schedule: null, start_date: '2024-01-01T00:00:00Z', tasks }));
  const { page, finish } = await newPage(session, '', [notYetRead]);
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/layered')).ok, null, { timeout: 20_000 });
  const worker = page.waitForEvent('worker');
  await goTo(page, '#/dags/layered?tab=tasks');
  assert.match((await worker).url(), /graph_worker\.js$/);
  await page.locator('.graph-node[data-task="t_0"]').waitFor();
  const drawn = () => page.locator('.graph-node').count();
  await page.waitForFunction(() => document.querySelectorAll('.graph-edge').length > 20);
  assert.ok((await drawn()) < 500, `${await drawn()} boxes are drawn`);
  const map = page.locator('.graph-map');
  await shoot(page, 'view-graph-large');
  const { width, height } = await map.boundingBox();
  await map.click({ position: { x: width - 4, y: height / 2 } });
  await page.locator(`.graph-node[data-task="t_${size - 1}"]`).waitFor({ state: 'attached' });
  await page.waitForFunction(() => document.querySelector('.graph-box').scrollLeft > 1000);
  // By keys too: what comes next is drawn when it is reached.
  await page.locator('.graph-node').last().focus();
  for (let step = 0; step < 8; step += 1) await page.keyboard.press('ArrowLeft');
  const at = await page.evaluate(() => document.activeElement?.getAttribute('data-unit'));
  assert.match(at ?? '', /^t_\d+$/);
  await finish();
});
