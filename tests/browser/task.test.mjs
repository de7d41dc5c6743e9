// One task of a run: what it handed on, its tries side by side, the instances that it is mapped to. With the real server behind it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { check, headState, login, look, newPage, open, shoot, taskRow, trigger } from './harness.mjs';

let session;
let run;

before(async () => {
  session = await open();
  await login(session);
  const { page, finish } = await newPage(session);
  await trigger(page, 'demo');
  await headState(page, 'success').waitFor();
  run = await page.evaluate(() => location.hash.split('?')[0]);
  await finish();
});
after(() => session?.close());

const entry = (page, key) => page.locator(`.xcom[data-key="${key}"]`);

test('a value is a tree that unfolds, and is changed, made and deleted by who may; a task has a note', async () => {
  const { page, finish } = await newPage(session, `${run}?task=transform&tab=xcom`);
  await entry(page, 'return_value').locator('.json-leaf', { hasText: 'records 42' }).waitFor();
  await page.getByRole('button', { name: 'Change XCom return_value' }).click();
  const dialog = page.getByRole('dialog', { name: 'Change XCom return_value' });
  const box = dialog.getByLabel('Value, as JSON');
  assert.match(await box.inputValue(), /"records": 42/);
  await box.fill('{"records": 9007199254740993, "parts": [');
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await dialog.getByText('Not valid JSON').waitFor();
  await check(page, 'xcom dialog');
  await shoot(page, 'view-xcom-dialog');
  await box.fill(`{"records": 9007199254740993, "parts": [${Array.from({ length: 300 }, (_, at) => `{"at": ${at}}`).join()}], "note": "<b>x</b>"}`);
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await page.getByText('XCom return_value is kept.').waitFor();
  await entry(page, 'return_value').locator('.json-leaf', { hasText: 'records 9007199254740993' }).waitFor();
  const list = entry(page, 'return_value').locator('summary', { hasText: 'list of 300' });
  await list.click();
  await page.waitForFunction(() => document.querySelectorAll('.json-branch .json-branch .json-branch').length === 200);
  await page.getByRole('button', { name: '100 more' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.json-branch .json-branch .json-branch').length === 300);
  await list.click();
  await look(page, 'xcom', list);
  await page.getByRole('button', { name: 'New XCom…' }).click();
  const made = page.getByRole('dialog', { name: 'New XCom' });
  await made.getByLabel('Key').fill('by_hand');
  await made.getByLabel('Value, as JSON').fill('true');
  await made.getByRole('button', { name: 'Keep' }).click();
  await entry(page, 'by_hand').locator('.json-leaf', { hasText: 'true' }).waitFor();
  await page.getByRole('button', { name: 'Delete XCom by_hand' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await entry(page, 'by_hand').waitFor({ state: 'detached' });
  await taskRow(page, 'extract').click();
  await page.getByRole('tab', { name: 'Details' }).click();
  const note = async (text) => {
    await page.locator('.task-panel').getByRole('button', { name: 'Note…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Note of this task' });
    await dialog.getByRole('textbox', { name: 'Note' }).fill(text);
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await dialog.waitFor({ state: 'detached' });
  };
  const noted = page.locator('.task-panel .fact', { hasText: 'Note' });
  await note('looked at <b>twice</b>');
  await noted.getByText('looked at <b>twice</b>').waitFor();
  await check(page, 'a task with a note');
  await note('');
  await noted.waitFor({ state: 'detached' });
  await finish();
});

test('two tries of a task stand side by side, searched as one, each with a line of its own', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'flaky');
  await headState(page, 'success').waitFor();
  await taskRow(page, 'wobble').click();
  await page.getByLabel('Beside it').selectOption('1');
  const log = (attempt) => page.getByRole('region', { name: `Log of try ${attempt}` });
  await log(2).locator('.log-line', { hasText: 'try 2' }).waitFor();
  await log(1).locator('.log-line', { hasText: 'try 1' }).waitFor();
  await log(1).locator('.log-time').first().click();
  await page.waitForFunction(() => /line2=0/.test(location.hash) && !/line=/.test(location.hash));
  await log(1).locator('.log-line.is-chosen').waitFor();
  await page.reload();
  await log(1).locator('.log-line.is-chosen').waitFor();
  await log(2).getByRole('searchbox', { name: 'Search the log' }).fill('try');
  await log(1).locator('mark', { hasText: 'try' }).first().waitFor();
  await look(page, 'tries', log(1).locator('.log-line'));
  await page.getByLabel('Beside it').selectOption('');
  await log(1).waitFor({ state: 'detached' });
  await finish();
});

test('the instances of a mapped task are a table beside the grid: sorted, narrowed, cleared many at once', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'branchy');
  await headState(page, 'failed').waitFor();
  // From the run's graph a mapped task opens the same table, and from there one of its instances.
  await page.locator('.graph-node[data-task="many"]').click();
  const beside = page.getByRole('region', { name: 'Task many', exact: true });
  await beside.locator('tr[data-row]').nth(2).waitFor();
  await page.reload();
  await beside.locator('tr[data-row]').nth(2).waitFor();
  await look(page, 'run-mapped', beside);
  await beside.locator('tr[data-row$="many[1]"] a').first().click();
  await page.getByRole('region', { name: 'Task many[1]' }).waitFor();
  await page.evaluate(() => (location.hash = '#/dags/branchy'));
  const row = page.locator('.grid-row[data-task="many"]');
  await row.locator('.grid-cells').click({ position: { x: 9, y: 11 } });
  const rows = page.locator('.grid-picked tr[data-row]');
  await rows.nth(2).waitFor();
  await page.locator('.grid-picked').getByRole('combobox', { name: 'Order' }).selectOption('-map_index');
  await page.waitForFunction(() => document.querySelector('.grid-picked tr[data-row]')?.dataset.row.endsWith('many[2]'));
  await page.reload();
  await page.waitForFunction(() => document.querySelector('.grid-picked tr[data-row]')?.dataset.row.endsWith('many[2]'));
  await page.locator('.grid-picked').getByRole('combobox', { name: 'State', exact: true }).selectOption('failed');
  await page.getByText('No instances.').waitFor();
  await page.locator('.grid-picked').getByRole('combobox', { name: 'State', exact: true }).selectOption('');
  await rows.nth(2).waitFor();
  await look(page, 'mapped', rows);
  await page.getByRole('checkbox', { name: 'All of this page' }).check();
  await page.locator('.grid-picked').getByRole('button', { name: 'Clear…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Clear 3 tasks?' });
  await dialog.getByText('4 task instances will run again.').waitFor();
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('Done: 4 tasks.').waitFor();
  await finish();
});
