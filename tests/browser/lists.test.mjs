// The lists of runs and of task instances over all DAGs, with the real server behind them: found, sorted, changed many at once.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, headState, login, look, newPage, notYetRead, open, shoot, trigger } from './harness.mjs';

let session;
let begun; // other tests have had runs before
const goTo = (page, hash) => page.evaluate((to) => (location.hash = to), hash);
const rows = (page) => page.locator('tr[data-row]');
const count = (page, number) => page.waitForFunction((wanted) => document.querySelectorAll('tr[data-row]').length === wanted, number);
const cells = (page, name) => page.locator(`td[data-label="${name}"]`).allTextContents();

before(async () => {
  session = await open();
  await login(session);
  begun = new Date().toISOString();
  const { page, finish } = await newPage(session);
  for (const dag of ['branchy', 'branchy', 'exact']) {
    await trigger(page, dag);
    await headState(page, dag === 'exact' ? 'success' : 'failed').waitFor();
  }
  for (let turn = 0; turn < 2; turn += 1) {
    await trigger(page, 'slow');
    await headState(page, 'running').waitFor();
  }
  await finish();
});
after(() => session?.close());

test('runs are sorted by a column and narrowed by more filters, all of it in the address', async () => {
  const { page, finish } = await newPage(session, `#/runs?from=${begun}`);
  await count(page, 5);
  await page.getByRole('columnheader', { name: 'DAG' }).getByRole('button').click();
  await page.waitForFunction(() => location.hash.includes('order=dag_id'));
  await page.getByRole('columnheader', { name: 'DAG' }).and(page.locator('[aria-sort="ascending"]')).waitFor();
  await page.waitForFunction(() => document.querySelector('tr[data-row]')?.dataset.row.startsWith('branchy'));
  assert.deepEqual(await cells(page, 'DAG'), ['branchy', 'branchy', 'exact', 'slow', 'slow']);
  await page.getByRole('columnheader', { name: 'DAG' }).getByRole('button').click();
  await page.waitForFunction(() => document.querySelector('tr[data-row]')?.dataset.row.startsWith('slow'));
  await page.getByRole('searchbox', { name: 'Part of the configuration' }).fill('9007199254740993');
  await count(page, 1);
  await page.reload();
  await count(page, 1);
  assert.equal(await page.getByRole('searchbox', { name: 'Part of the configuration' }).inputValue(), '9007199254740993');
  await page.getByRole('button', { name: 'All filters off' }).click();
  await page.waitForFunction(() => document.querySelectorAll('tr[data-row]').length >= 5 && !/conf=|from=/.test(location.hash));
  await page.getByRole('spinbutton', { name: 'At least so many seconds' }).fill('100000');
  await page.getByText('No run matches.').waitFor();
  await page.getByRole('button', { name: 'All filters off' }).click();
  await page.getByLabel('Due from').fill('2099-01-01T00:00');
  await page.getByText('No run matches.').waitFor();
  await goTo(page, `#/runs?from=${begun}`);
  await count(page, 5);
  await look(page, 'runs-all', rows(page));
  await finish();
});

test('a list is walked by arrow keys, and the space bar chooses', async () => {
  const { page, finish } = await newPage(session, `#/runs?from=${begun}&order=dag_id`);
  await count(page, 5);
  await rows(page).first().getByRole('checkbox').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await page.getByText('1 chosen').waitFor();
  assert.equal(await rows(page).nth(1).getByRole('checkbox').isChecked(), true);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Space');
  await page.getByText('2 chosen').waitFor();
  await page.getByRole('button', { name: 'Choose none' }).click();
  await page.getByText('All of this page').waitFor();
  await finish();
});

test('runs that run are cancelled together, after a look at what that touches, and those that ended stay; then they are deleted', async () => {
  const { page, finish } = await newPage(session, `#/runs?from=${begun}`);
  await count(page, 5);
  await page.getByRole('checkbox', { name: 'All of this page' }).check();
  await page.getByRole('button', { name: 'Cancel…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel 2 runs?' });
  await dialog.getByText('3 of those that were chosen stay as they are.').waitFor();
  assert.equal(await dialog.getByRole('listitem').count(), 2);
  await check(page, 'cancel dialog');
  await shoot(page, 'view-runs-cancel');
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('Done: 2 runs.').waitFor();
  await goTo(page, `#/runs?dag=slow&state=failed&from=${begun}`);
  await count(page, 2);
  await page.getByRole('checkbox', { name: 'All of this page' }).check();
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('dialog', { name: 'Delete 2 runs?' }).getByRole('button', { name: 'Do it' }).click();
  await page.getByText('No run matches.').waitFor();
  await finish();
});

test('tasks of several runs are cleared with what is behind them, and marked, as the preview says', async () => {
  const { page, finish } = await newPage(session, `#/tasks?dag=branchy&q=bad&from=${begun}`);
  await count(page, 2);
  await look(page, 'tasks-all', rows(page));
  await page.getByRole('checkbox', { name: 'All of this page' }).check();
  await page.getByRole('button', { name: 'Mark skipped…' }).click();
  let dialog = page.getByRole('dialog', { name: 'Mark 2 tasks as skipped?' });
  await dialog.getByText('2 task instances are touched.').waitFor();
  await dialog.getByRole('checkbox', { name: 'Also the tasks after them' }).check();
  await dialog.getByText('4 task instances are touched.').waitFor();
  assert.equal(await dialog.getByRole('listitem').count(), 4);
  await check(page, 'mark tasks');
  await shoot(page, 'view-tasks-mark');
  await page.setViewportSize({ width: 390, height: 800 });
  await shoot(page, 'view-tasks-mark-390');
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
  await page.setViewportSize({ width: 1280, height: 900 });
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('Done: 4 tasks.').waitFor();
  await page.locator('tr[data-row] [data-state="skipped"]').nth(1).waitFor();
  await goTo(page, `#/tasks?dag=branchy&state=skipped&from=${begun}`);
  await count(page, 4);
  await goTo(page, `#/tasks?dag=branchy&q=bad&from=${begun}`);
  await count(page, 2);
  await page.getByRole('checkbox', { name: 'All of this page' }).check();
  await page.getByRole('button', { name: 'Clear…' }).click();
  dialog = page.getByRole('dialog', { name: 'Clear 2 tasks?' });
  await dialog.getByText('4 task instances will run again.').waitFor();
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('Done: 4 tasks.').last().waitFor();
  await page.locator('tr[data-row] [data-state="failed"]').nth(1).waitFor();
  await finish();
});

test('all that match are chosen over the pages', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'wide');
  await goTo(page, `#/tasks?dag=wide&q=task_00&from=${begun}`);
  await count(page, 50);
  await page.getByRole('checkbox', { name: 'All of this page' }).check();
  await page.getByRole('button', { name: 'Choose all 100 that match' }).click();
  await page.getByText('100 chosen').waitFor();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.waitForFunction(() => document.querySelectorAll('tr[data-row] input:checked').length === 50);
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('task_000');
  await count(page, 10);
  await page.getByText('All of this page').waitFor();
  await finish();
});

// Ticks of the past alone, so that no run of it starts by itself; its runs are late before they begin.
const yearly = {
  dag_id: 'yearly', schedule: '0 0 1 1 *', catchup: false, start_date: '2099-01-01T00:00:00Z', is_paused_upon_creation: false,
  deadline: { interval: '1s', reference: 'queued_at' },
  tasks: [{ task_id: 'hold', type: 'mock', run_for: '2s', return: { total: 7 } }],
};

test('a backfill is begun after a look at what it would do, paused, resumed and cancelled', async () => {
  writeFileSync(join(process.env.BATUTA_DAGS, 'yearly.json'), JSON.stringify(yearly));
  const { page, finish } = await newPage(session, '#/runs', [notYetRead]);
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/yearly')).ok, null, { timeout: 20_000 });
  await page.getByRole('navigation', { name: 'Beside runs' }).getByRole('link', { name: 'Backfills' }).click();
  await page.getByText('No backfill yet.').waitFor();
  await goTo(page, '#/dags/yearly?tab=backfills');
  await page.getByRole('button', { name: 'New backfill…' }).click();
  const dialog = page.getByRole('dialog', { name: 'New backfill' });
  assert.equal(await dialog.getByRole('combobox', { name: 'DAG' }).inputValue(), 'yearly');
  await dialog.getByRole('button', { name: 'Begin' }).click();
  await dialog.getByText('is needed').first().waitFor();
  await dialog.getByLabel('From (logical date)').fill('2014-12-01T00:00');
  await dialog.getByLabel('Until (logical date)').fill('2024-06-01T00:00');
  await dialog.getByLabel('Runs at once').fill('1');
  await dialog.getByRole('button', { name: 'Try it first' }).click();
  await dialog.getByText('10 dates: 10 get a new run, 0 run again, 0 stay as they are.').waitFor();
  assert.equal(await dialog.getByRole('listitem').count(), 10);
  await check(page, 'new backfill');
  await shoot(page, 'view-backfill-new');
  await dialog.getByRole('button', { name: 'Begin' }).click();
  await page.getByRole('heading', { name: /^Backfill \d+$/ }).waitFor();
  await page.getByText('a new run', { exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.locator('[data-backfill="paused"]').waitFor();
  await look(page, 'backfill', page.locator('[data-backfill="paused"]'));
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.locator('[data-backfill="running"]').waitFor();
  await page.getByRole('button', { name: 'Cancel…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click();
  await page.locator('[data-backfill="cancelled"]').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Cancel…' }).count(), 0);
  await goTo(page, '#/backfills?dag=yearly');
  await page.locator('[data-backfill="cancelled"]').waitFor();
  await look(page, 'backfills', page.locator('tbody tr'));
  await goTo(page, '#/backfills?dag=yearly&state=unfinished');
  await page.getByText('No backfill matches.').waitFor();
  await finish();
});

test('missed deadlines and XComs of all DAGs are found by filters of the address; a value is opened and changed', async () => {
  const { page, finish } = await newPage(session, '#/deadlines?dag=year');
  await page.getByRole('link', { name: 'yearly', exact: true }).first().waitFor();
  await page.getByText('when it was queued').first().waitFor();
  await look(page, 'deadlines', page.locator('tbody tr'));
  await goTo(page, '#/deadlines?dag=year&from=2099-01-01T00:00Z');
  await page.getByText('No deadline matches.').waitFor();
  await page.getByRole('button', { name: 'All filters off' }).click();
  await page.locator('tbody tr').first().waitFor();
  await goTo(page, '#/xcoms?dag=yearly&key=return');
  await page.getByRole('button', { name: 'Value of return_value of yearly.hold' }).first().waitFor();
  await look(page, 'xcoms', page.locator('tbody tr'));
  await page.getByRole('button', { name: 'Value of return_value of yearly.hold' }).first().click();
  await page.getByRole('dialog', { name: 'XCom return_value' }).getByText('total').waitFor();
  await check(page, 'one XCom');
  await page.getByRole('dialog').getByRole('button', { name: 'Change…' }).click();
  await page.getByRole('dialog').getByLabel('Value, as JSON').fill('{"total": 8}');
  await page.getByRole('dialog').getByRole('button', { name: 'Keep' }).click();
  await page.getByText('XCom return_value is kept.').waitFor();
  await page.getByRole('searchbox', { name: 'Search keys' }).fill('no such key');
  await page.getByText('No XCom matches.').waitFor();
  await finish();
});

test('both lists and what is done there speak Portuguese where the browser does', async () => {
  const context = await session.context.browser().newContext({ locale: 'pt-BR', storageState: await session.context.storageState() });
  const { page, finish } = await newPage({ ...session, context }, `#/tasks?dag=branchy&q=bad&from=${begun}`);
  await count(page, 2);
  await page.getByRole('checkbox', { name: 'Tudo desta página' }).check();
  await page.getByRole('button', { name: 'Limpar…' }).click();
  await page.getByRole('dialog', { name: 'Limpar 2 tarefas?' }).getByText('4 instâncias de tarefas vão correr de novo.').waitFor();
  await check(page, 'tasks in Portuguese');
  await shoot(page, 'view-tasks-pt');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'bad', exact: true }).first().click();
  await page.getByRole('region', { name: 'Tarefa bad' }).getByRole('button', { name: 'Marcar sucesso' }).waitFor();
  await page.getByRole('button', { name: 'Limpar…' }).first().click();
  await page.getByRole('dialog', { name: 'Limpar esta execução' }).getByText('Seriam executadas de novo:').waitFor();
  await shoot(page, 'view-run-pt');
  await finish();
  await context.close();
});
