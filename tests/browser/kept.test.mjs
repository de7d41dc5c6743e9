// What must not get lost: the tasks of a run's own version, filters over a reload, lines of a log, and
// the word that a DAG's file is broken or gone.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { changing, floodLines } from './fixture_dags.mjs';
import { headState, login, newPage, open, patience, real, shoot, taskRow, trigger } from './harness.mjs';

let session;
const file = real ? join(process.env.BATUTA_DAGS, 'changing.json') : '';

before(async () => {
  session = await open();
  await login(session);
});
after(() => session?.close());

const goTo = (page, hash) => page.evaluate((to) => (location.hash = to), hash);

// The same change to the mock's world and to the real server's file.
function changeTasks(tasks) {
  if (real) writeFileSync(file, JSON.stringify({ ...changing, tasks }));
  else session.target.world.change('changing', tasks);
}
// What becomes of a file is news of the list, as the real server tells it.
function fileIs(how, text) {
  if (real) return text === null ? rmSync(file) : writeFileSync(file, text);
  Object.assign(session.target.world.dags.get('changing'), { has_import_errors: false, is_stale: false, ...how });
  return session.target.world.emit('dags', {});
}
const breakFile = () => fileIs({ has_import_errors: true }, '{');
const mendFile = () => fileIs({}, JSON.stringify(changing));
const removeFile = () => fileIs({ is_stale: true }, null);

test('a run is drawn with the tasks of its own version when the DAG has others by now, until it is cleared onto the newest', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'changing');
  await headState(page, 'success').waitFor();
  const run = await page.evaluate(() => location.hash);
  changeTasks([{ task_id: 'one', type: 'mock' }, { task_id: 'three', type: 'mock', depends_on: ['one'] }]);
  await goTo(page, '#/dags/changing?tab=tasks');
  await page.locator('.graph-node[data-task="three"]').waitFor();
  await goTo(page, run);
  await page.locator('.graph-node[data-task="two"][data-state="success"]').waitFor();
  await taskRow(page, 'two', 'success').waitFor();
  const drawn = await page.locator('.graph-node').evaluateAll((nodes) => nodes.map((node) => node.dataset.task));
  assert.deepEqual(drawn.sort(), ['one', 'two']);
  assert.equal(await page.locator('.graph-edge').count(), 1);
  if (real) {
    await page.getByRole('button', { name: 'Clear…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Clear this run' });
    await dialog.getByLabel('On the newest version of the DAG').check();
    await dialog.getByRole('list', { name: 'Tasks that would run again' }).getByText('one').waitFor();
    await dialog.getByRole('button', { name: 'Clear', exact: true }).click();
    await page.locator('.graph-node[data-task="three"][data-state="success"]').waitFor();
    await taskRow(page, 'three', 'success').waitFor();
    assert.equal(await page.locator('.graph-node[data-task="two"]').count(), 0);
  }
  await finish();
});

test('a DAG whose file is broken or gone says so, until it is mended', async () => {
  const { page, finish } = await newPage(session, '#/dags/changing', [/^404 \/api\/.*\/never_was(\/|$)/]);
  await page.getByRole('heading', { name: 'changing', exact: true }).waitFor();
  assert.equal(await page.locator('.file-notice').count(), 0);
  breakFile();
  await page.getByText('The file of this DAG is broken.').waitFor();
  if (real) await page.locator('.file-notice pre').waitFor();
  await shoot(page, 'file-broken');
  await goTo(page, '#/dags');
  await page.locator('.dag-row', { hasText: 'changing' }).locator('.dag-broken').waitFor();
  await goTo(page, '#/dags/changing');
  removeFile();
  await page.getByText('No file holds this DAG any more.').waitFor();
  await shoot(page, 'file-gone');
  mendFile();
  await page.locator('.file-notice').waitFor({ state: 'detached' });
  await goTo(page, '#/dags/never_was');
  await page.getByText('that file may be broken').waitFor();
  await finish();
});

test('a reload keeps the filters of a list and of a run, and the chosen try', async () => {
  const { page, finish } = await newPage(session);
  await page.getByRole('searchbox', { name: 'Search DAGs' }).fill('a');
  await page.getByLabel('Tag').selectOption('demo');
  await page.getByLabel('Active or paused').selectOption('false');
  await page.waitForFunction(() => ['q=a', 'tag=demo', 'paused=false'].every((part) => location.hash.includes(part)));
  const rows = () => page.locator('.dag-link').allTextContents();
  await page.waitForFunction(() => document.querySelectorAll('.dag-row').length === 1);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('.dag-row').length === 1);
  assert.deepEqual(await rows(), ['flaky']);
  assert.equal(await page.getByRole('searchbox', { name: 'Search DAGs' }).inputValue(), 'a');
  assert.equal(await page.getByLabel('Tag').inputValue(), 'demo');

  await trigger(page, 'flaky');
  await headState(page, 'success').waitFor();
  await taskRow(page, 'wobble').click();
  await page.getByLabel('Try', { exact: true }).selectOption('1');
  await page.locator('.state-count').first().click();
  await page.waitForFunction(() => /try=1/.test(location.hash) && /state=success/.test(location.hash));
  await page.reload();
  await page.waitForFunction(() => document.querySelector('.try-picker select')?.value === '1');
  assert.equal(await page.locator('.state-count').first().getAttribute('aria-pressed'), 'true');

  await goTo(page, '#/dags/flaky?state=failed');
  await page.getByText('No run matches.').waitFor();
  await page.getByLabel('State').selectOption('success');
  await page.locator('tr[data-run]').first().waitFor();
  await page.reload();
  await page.locator('tr[data-run]').first().waitFor();
  assert.equal(await page.getByLabel('State').inputValue(), 'success');
  await finish();
});

test('the download of a log holds every line, those that are not shown too', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'flood');
  await headState(page, 'success').waitFor({ timeout: 2 * patience });
  await taskRow(page, 'flood').click();
  await page.getByText(/before this: scroll up/).waitFor();
  await page.locator('.log-line', { hasText: `line ${floodLines}` }).waitFor();
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download log' }).click();
  const text = readFileSync(await (await saved).path(), 'utf8');
  const lines = text.split('\n').flatMap((line) => /line (\d+)$/.exec(line)?.[1] ?? []);
  assert.equal(lines.length, floodLines);
  assert.ok(lines.every((line, at) => line === String(at + 1)));
  await finish();
});
