// How a DAG went and what it is: its trends, its source over the versions, and editing it. With the real server behind them.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { edited } from './fixture_dags.mjs';
import { check, headState, login, look, newPage, notYetRead, open, shoot, taskRow, trigger } from './harness.mjs';

let session;
const goTo = (page, hash) => page.evaluate((to) => (location.hash = to), hash);

before(async () => {
  session = await open();
  await login(session);
  const { page, finish } = await newPage(session);
  for (let turn = 0; turn < 3; turn += 1) {
    await trigger(page, 'steady');
    await headState(page, 'failed').waitFor();
  }
  await finish();
});
after(() => session?.close());

test('trends tell how the last runs went, of all tasks or of one, and lead to each', async () => {
  const { page, finish } = await newPage(session, '#/dags/steady?tab=trends');
  const bars = page.locator('.trend-run');
  await page.waitForFunction(() => document.querySelectorAll('figure[aria-label="Duration"] .trend-run').length === 3);
  assert.equal(await page.locator('figure[aria-label="Duration"] .run-bar[data-state="failed"]').count(), 3);
  assert.match(await page.locator('.trends .facts').textContent(), /Failed3 of 3/);
  await page.getByText('As a table').click();
  await page.locator('.trends tbody tr').nth(2).waitFor();
  await look(page, 'trends', bars);
  await page.getByLabel('Of what').selectOption('many');
  await page.locator('figure[aria-label="Duration"] .run-bar[data-state="success"]').nth(2).waitFor();
  await page.reload();
  await page.locator('figure[aria-label="Duration"] .run-bar[data-state="success"]').nth(2).waitFor();
  assert.equal(await page.getByLabel('Of what').inputValue(), 'many');
  await page.locator('figure[aria-label="Duration"] .trend-run').first().locator('.run-bar').click();
  await page.waitForFunction(() => /dags\/steady\/runs\/.*task=many/.test(location.hash));
  await finish();
});

test('the source has numbered lines, its versions, and what changed between two of them', async () => {
  const { page, finish } = await newPage(session, '#/dags/edited?tab=source');
  await page.locator('.code-line').first().waitFor();
  writeFileSync(join(process.env.BATUTA_DAGS, 'edited.json'), JSON.stringify({ ...edited, description: 'It has changed', tasks: [...edited.tasks, { task_id: 'three', type: 'mock' }] }, null, 2));
  const picker = page.getByRole('combobox', { name: 'Version', exact: true });
  await picker.waitFor();
  await page.locator('.code-line', { hasText: 'It has changed' }).waitFor();
  await picker.selectOption({ index: 1 });
  await page.locator('.code-line', { hasText: 'Changes while one looks' }).waitFor();
  await page.locator('.code-line[data-line="3"] .code-number').click();
  await page.waitForFunction(() => /line=3/.test(location.hash));
  await page.locator('.code-line.is-chosen[data-line="3"]').waitFor();
  await page.reload();
  await page.locator('.code-line.is-chosen[data-line="3"]').waitFor();
  await page.getByRole('combobox', { name: 'Compare with', exact: true }).selectOption({ index: 1 });
  await page.locator('.code-new', { hasText: 'It has changed' }).waitFor();
  await page.locator('.code-gone', { hasText: 'Changes while one looks' }).waitFor();
  await page.locator('.code-new', { hasText: 'three' }).waitFor();
  const folds = await page.locator('.code-fold').count();
  if (folds > 0) await page.locator('.code-fold').first().click();
  await look(page, 'source-diff', page.locator('.code-new'));
  // The same version as a graph.
  await page.getByRole('tab', { name: 'Tasks', exact: true }).click();
  await page.locator('.graph-node[data-task="two"]').waitFor();
  assert.equal(await page.locator('.graph-node[data-task="three"]').count(), 0);
  await picker.selectOption('');
  await page.locator('.graph-node[data-task="three"]').waitFor();
  await goTo(page, '#/dags/steady?tab=source');
  await page.locator('.code-line', { hasText: 'about to fail' }).waitFor();
  await look(page, 'source', page.locator('.code-line'));
  await finish();
});

const file = join(process.env.BATUTA_DAGS, 'edited.json');
const saved = () => readFileSync(file, 'utf8');
// The whole text, as if it came from the clipboard.
const paste = (page, text) =>
  page.locator('.cm-content').evaluate((content, what) => {
    content.focus();
    getSelection().selectAllChildren(content);
    document.execCommand('selectAll');
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', what);
    content.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);

test('a DAG is edited: errors at their lines, drawn while one types, saved over what was read', async () => {
  const { page, finish } = await newPage(session, '#/dags/edited?tab=source');
  await page.getByRole('button', { name: 'Edit the file' }).click();
  const save = page.getByRole('button', { name: 'Save the file' });
  await page.getByText(/No errors. Tasks: \d/).waitFor();
  assert.equal(await save.isDisabled(), true);
  const read = JSON.parse(saved());
  await paste(page, JSON.stringify({ ...read, tasks: [...read.tasks, { task_id: 'typed', type: 'mock', retries: -2 }] }, null, 2));
  await page.locator('.edit-problems li', { hasText: 'retries' }).waitFor();
  await page.locator('.cm-lintRange-error').first().waitFor();
  assert.equal(await save.isDisabled(), true);
  await page.locator('.edit-problems button').first().click();
  await look(page, 'edit', page.locator('.edit-problems li'));
  const good = JSON.stringify({ ...read, description: 'Edited in the page', tasks: [...read.tasks, { task_id: 'typed', type: 'mock' }, ...Array.from({ length: 14 }, (_, at) => ({ task_id: `beside_${at}`, type: 'mock', depends_on: ['typed'] }))] }, null, 2);
  await paste(page, good);
  await page.locator('[data-unit="fan:beside_0"]', { hasText: 'beside_…' }).waitFor();
  await page.locator('[data-unit="typed"]').waitFor();
  await goTo(page, '#/dags');
  await page.getByRole('heading', { name: 'DAGs' }).waitFor();
  await goTo(page, '#/dags/edited?tab=source&edit=yes');
  await page.locator('[data-unit="typed"]').waitFor(); // the draft is still there
  await save.click();
  await page.getByText('Saved. The DAG is read anew').waitFor();
  assert.equal(saved(), good);
  await page.locator('.code-line', { hasText: 'Edited in the page' }).waitFor();
  await finish();
});

test('what somebody else changed in a file meanwhile is shown, and written over only when one says so', async () => {
  const { page, finish } = await newPage(session, '#/dags/edited?tab=source&edit=yes', [/^409 \/api\/batuta\/dags\/edited\/file$/]);
  await page.getByText(/No errors. Tasks: \d/).waitFor();
  const [theirs, mine] = ['Theirs', 'Mine'].map((word) => saved().replace('Edited in the page', word));
  writeFileSync(file, theirs);
  await paste(page, mine);
  await page.locator('button:enabled', { hasText: 'Save the file' }).waitFor();
  await page.keyboard.press('Control+s');
  await page.locator('.code-gone', { hasText: 'Theirs' }).waitFor();
  await page.locator('.code-new', { hasText: 'Mine' }).waitFor();
  assert.equal(saved(), theirs);
  await check(page, 'a file that was changed meanwhile');
  await shoot(page, 'view-edit-conflict');
  await page.getByRole('button', { name: 'Go on with mine' }).click();
  await page.locator('button:enabled', { hasText: 'Save the file' }).click();
  await page.getByText('Saved. The DAG is read anew').waitFor();
  assert.equal(saved(), mine);
  await finish();
});

// Its schedule begins its one run; its task asks for so much and no more.
const once = {
  dag_id: 'once', schedule: '@once', start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false,
  tasks: [{ task_id: 'narrow', type: 'shell', command: 'echo done', memory: '128MiB', cpu: 0.5 }],
};

test('the events of a DAG have the run that its schedule began, and a task that asks for memory and processors tells of both', async () => {
  writeFileSync(join(process.env.BATUTA_DAGS, 'once.json'), JSON.stringify(once));
  const { page, finish } = await newPage(session, '', [notYetRead]);
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/once')).ok, null, { timeout: 20_000 });
  await page.waitForFunction(async () => (await (await fetch('/api/v2/eventLogs?dag_id=once&event=scheduled_run')).json()).total_entries === 1, null, { timeout: 20_000 });
  await goTo(page, '#/dags/once?tab=events');
  const begun = page.locator('tbody tr', { hasText: 'scheduled_run' });
  await begun.getByText('2024-01-01', { exact: false }).first().waitFor(); // its logical date
  await look(page, 'dag-events', begun);
  await begun.getByRole('link').first().click();
  await headState(page, 'success').waitFor();
  await taskRow(page, 'narrow').click();
  await page.getByRole('tab', { name: 'Details' }).click();
  const fact = (name) => page.locator('.task-panel .fact', { hasText: name });
  await fact('Peak memory').getByText('of 134 MB', { exact: false }).waitFor();
  await fact('Processors asked for').getByText('0.5').waitFor();
  await check(page, 'a task that asks for memory');
  await finish();
});

test('the details of a DAG have every field that the API has', async () => {
  const { page, finish } = await newPage(session, '#/dags/steady?tab=details');
  const shown = page.locator('.dag-details [data-field]');
  await shown.first().waitFor();
  const fields = await page.evaluate(async () => Object.keys(await (await fetch('/api/v2/dags/steady/details')).json()));
  assert.ok(fields.length > 40);
  assert.deepEqual((await shown.evaluateAll((all) => all.map((one) => one.dataset.field))).sort(), fields.sort());
  assert.match(await page.locator('[data-field="dag_id"]').textContent(), /steady/);
  await look(page, 'dag-details', shown);
  await finish();
});

test('the file of a DAG is read again, and a DAG without a file is deleted with all that it has done', async () => {
  const own = join(process.env.BATUTA_DAGS, 'once.json');
  const { page, finish } = await newPage(session, '#/dags/once?tab=details');
  await page.getByRole('button', { name: 'Read the file again' }).click();
  await page.getByText('The folders of DAGs are read again.').waitFor();
  await page.getByRole('button', { name: 'Delete the DAG…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete once and all that it has done?' });
  await dialog.getByText('Its file stays', { exact: false }).waitFor();
  await check(page, 'a DAG is deleted');
  await page.keyboard.press('Escape');
  rmSync(own);
  await page.getByText('No file holds this DAG any more.').waitFor();
  await page.getByRole('button', { name: 'Delete the DAG…' }).click();
  await dialog.getByRole('button', { name: 'Delete it' }).click();
  await page.getByRole('heading', { name: 'DAGs', exact: true }).waitFor();
  assert.equal(await page.evaluate(async () => (await (await fetch('/api/v2/dags?dag_id_pattern=once')).json()).dags.filter((one) => one.dag_id === 'once').length), 0);
  await finish();
});

test('trends and source speak Portuguese where the browser does', async () => {
  const context = await session.context.browser().newContext({ locale: 'pt-BR', storageState: await session.context.storageState() });
  const { page, finish } = await newPage({ ...session, context }, '#/dags/steady?tab=trends');
  await page.getByText('Duração mediana').waitFor();
  await shoot(page, 'view-trends-pt');
  await page.getByRole('tab', { name: 'Código' }).click();
  await page.getByRole('button', { name: 'Copiar' }).waitFor();
  await check(page, 'source in Portuguese');
  await goTo(page, '#/dags/edited?tab=source&edit=yes');
  await page.getByText(/Sem erros. Tarefas: \d/).waitFor();
  await finish();
  await context.close();
});
