// The lake on the page: the catalogue, and a table from its columns to its rows. With the real server behind them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { canary, commit } from './fixture_dags.mjs';
import { check, goByKeys, headState, login, look, newPage, notYetRead, open, shoot, trigger } from './harness.mjs';

const folder = dirname(process.env.BATUTA_DAGS);
const table = '#/lake/silver/shop/orders';
let session;
const goTo = (page, hash) => page.evaluate((to) => (location.hash = to), hash);
const batuta = (args, input = '') => execFileSync(join(process.env.BATUTA_BUILD_DIR, 'batuta'), [...args, '--home', join(folder, 'home')], { input, env: { ...process.env, BATUTA_URL: undefined } });
const tab = (page, name) => page.getByRole('tab', { name, exact: true });

// More columns than any screen has room for, one of them of hashes.
const wide = ['hash', ...Array.from({ length: 14 }, (_, at) => `total_${at}`)];
const hash = 'ab'.repeat(32);
const csv = (...rows) => [`id,day,note,${wide}`, ...rows.map((row) => `${row},${hash}${',1234567890'.repeat(wide.length - 1)}`), ''].join('\n');
const contract = {
  apiVersion: 'v3.1.0', kind: 'DataContract', id: 'shop-orders', version: '1.2.0', status: 'active', domain: 'shop',
  team: [{ username: 'ana', role: 'owner' }],
  slaProperties: [{ property: 'freshness', value: 1, unit: 'd' }],
  servers: [{ server: 'drop', type: 'local', path: join(folder, 'drop', 'orders.csv'), format: 'csv' }],
  schema: [{
    name: 'orders', description: `What the shop sold ${canary}`,
    properties: [
      { name: 'id', logicalType: 'integer', primaryKey: true, required: true, description: 'Number of the order', classification: 'public', tags: ['key'] },
      { name: 'day', logicalType: 'date', required: true, partitioned: true },
      { name: 'note', logicalType: 'string', description: canary },
      ...wide.map((name) => ({ name, logicalType: name === 'hash' ? 'string' : 'integer' })),
    ],
    quality: [{ metric: 'rowCount', mustBeGreaterThan: 0 }],
  }],
};
const put = (path, text) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};

before(async () => {
  put(join(folder, 'drop', 'orders.csv'), csv(`1,2024-05-06,"${canary.replaceAll('"', '""')}"`, '2,2024-05-06,', '3,2024-05-07,fine', `x,2024-05-07,"no number ${canary.replaceAll('"', '""')}"`, 'y,32/05/2024,neither'));
  put(join(folder, 'contracts', 'shop', 'orders.odcs.yaml'), JSON.stringify(contract, null, 2));
  const task = (task_id, type, more = {}) => ({ task_id, type, contract: 'shop/orders', ...more });
  put(join(folder, 'dags', 'shop.json'), JSON.stringify({
    dag_id: 'shop', schedule: null, start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false,
    tasks: [task('take', 'extract'), task('clean', 'transform', { depends_on: ['take'] })],
  }));
  put(join(folder, 'dags', 'waits.json'), JSON.stringify({
    dag_id: 'waits', schedule: { assets: ['lake://silver/shop/orders', 'lake://gold/shop/never'] }, start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false,
    tasks: [{ task_id: 'go', type: 'mock', outlets: ['s3://bucket/made'] }],
  }));
  const monitor = (name, more) => ({ name, kind: 'freshness', table: 'silver/shop/orders', within: '1d', ...more });
  put(join(folder, 'monitors', 'shop.json'), JSON.stringify({ monitors: [
    monitor('fresh', { description: canary }),
    monitor('late', { table: 'silver/shop/nothing', severity: 'critical' }),
  ] }));
  // A table of somebody else's, whose log cannot be read, and one that lies elsewhere.
  put(join(folder, 'home', 'lake', 'gold', 'other', 'broken', '_delta_log', '00000000000000000000.json'), '{not json\n');
  put(join(folder, 'home', 'lake', 'stray', 'one', '_delta_log', '00000000000000000000.json'), '{}\n');
  session = await open();
  await login(session);
  const { page, finish } = await newPage(session, '', [notYetRead]);
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/shop')).ok, null, { timeout: 20_000 });
  await page.reload();
  for (let turn = 0; turn < 2; turn += 1) {
    await trigger(page, 'shop');
    await headState(page, 'success').waitFor();
    put(join(folder, 'drop', 'orders.csv'), csv('4,2024-05-08,later'));
  }
  await finish();
});
after(() => session?.close());

test('the catalogue finds tables by domain, layer and name; what it lacks it says', async () => {
  const { page, finish } = await newPage(session);
  await page.getByRole('heading', { name: 'DAGs', exact: true }).waitFor();
  await goByKeys(page, 'k', 'Lake');
  const rows = page.locator('tbody tr');
  await page.locator('[data-row="silver/shop/orders"]').waitFor();
  assert.match(await page.locator('[data-row="silver/shop/orders"]').textContent(), /fresh/);
  assert.match(await page.locator('[data-row="gold/other/broken"]').textContent(), /gold\/other\/broken/);
  await page.locator('[data-row="gold/other/broken"] [data-badge="broken"]').waitFor();
  await page.locator('[data-row="silver/shop/orders"] [data-badge="trusted"]').waitFor();
  await page.getByText('Left out of this list: 1').click();
  await page.getByText('stray/one does not lie in <layer>/<domain>/<table>').waitFor();
  await page.getByRole('combobox', { name: 'Layer' }).selectOption('silver');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.getByRole('combobox', { name: 'Domain' }).selectOption({ label: 'shop (1)' });
  await page.waitForFunction(() => /layer=silver/.test(location.hash) && /domain=shop/.test(location.hash));
  await page.reload();
  await page.locator('[data-row="silver/shop/orders"]').waitFor();
  assert.equal(await rows.count(), 1);
  await page.getByPlaceholder('Search tables').fill('nothing like it');
  await page.getByText('No table matches.').waitFor();
  await goTo(page, '#/lake');
  await page.locator('[data-row="gold/other/broken"]').waitFor();
  await look(page, 'lake', page.locator('tbody tr'));
  await page.setViewportSize({ width: 390, height: 900 });
  const tall = () => page.locator('tbody tr').evaluateAll((all) => Math.max(...all.map((one) => one.getBoundingClientRect().height)));
  assert.ok((await tall()) < 230, `a table is no screen of its own on a phone: ${await tall()} px`);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.getByRole('link', { name: 'orders', exact: true }).first().click();
  await page.getByRole('heading', { name: 'orders', exact: true }).waitFor();
  await finish();
});

test('a table tells its columns, owner and contract, hostile words as text', async () => {
  const { page, finish } = await newPage(session, table);
  await page.locator('tbody tr').nth(2).waitFor();
  const text = await page.locator('main').textContent();
  for (const said of ['shop/orders, version 1.2.0', 'ana', 'Number of the order', 'public', 'partition', canary]) assert.ok(text.includes(said), said);
  await look(page, 'lake-table', page.locator('tbody tr'));
  const values = page.getByRole('region', { name: 'Statistics' });
  await values.getByRole('button', { name: 'Read the values' }).click();
  await values.getByText('Of 4 rows.').waitFor();
  assert.match(await values.locator('tbody tr', { hasText: 'day' }).first().textContent(), /2024-05-06.*2024-05-08/);
  assert.ok((await values.locator('tbody tr', { hasText: 'note' }).first().textContent()).includes('25'), 'one of four rows has no note');
  await look(page, 'lake-statistics', values.locator('tbody tr'));
  await tab(page, 'Columns').focus();
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => /tab=versions/.test(location.hash));
  await finish();
});

test('versions lead to the run that made them and to their rows', async () => {
  const { page, finish } = await newPage(session, `${table}?tab=versions`, [/^4\d\d \/api\/lake\/tables\/silver\/shop\/orders\/(diff|rows)$/]);
  await page.locator('tbody tr').nth(1).waitFor();
  assert.equal(await page.locator('.version-bar').count(), 2);
  assert.match(await page.locator('tbody tr').first().textContent(), /shop · .* · clean/);
  await look(page, 'lake-versions', page.locator('tbody tr'));
  await page.getByRole('link', { name: 'since 0', exact: true }).click();
  const diff = page.getByRole('region', { name: 'What changed from version 0 to 1' });
  await diff.locator('tbody tr', { hasText: 'added' }).first().waitFor();
  await diff.getByLabel('Version before').fill('none');
  await diff.getByRole('button', { name: 'Compare' }).click();
  assert.equal(await diff.locator('input:invalid').count(), 1, 'what is no version is refused at its box');
  // A key that is typed is asked for, also where a version changes with it.
  await diff.getByLabel('Version before').fill('0');
  await diff.getByLabel('Version behind').fill('');
  await diff.getByLabel('Columns of its key, by commas').fill('no_such_column');
  await diff.getByRole('button', { name: 'Compare' }).click();
  await diff.getByRole('alert').waitFor();
  assert.equal(await diff.getByLabel('Columns of its key, by commas').inputValue(), 'no_such_column');
  await check(page, 'versions compared');
  await diff.getByRole('link', { name: 'Close' }).click();
  await diff.waitFor({ state: 'detached' });
  await page.locator('tbody tr').nth(1).getByRole('link').first().click();
  await page.getByText('Version 0', { exact: true }).waitFor();
  await page.locator('.lake-rows tbody tr').nth(2).waitFor();
  assert.ok((await page.locator('.lake-rows').textContent()).includes(canary));
  await look(page, 'lake-rows', page.locator('.lake-rows tbody tr'));
  const whole = await page.getByRole('link', { name: 'CSV' }).getAttribute('href');
  assert.match(whole, /version=0/);
  const file = await page.evaluate(async (url) => (await fetch(url)).text(), whole);
  assert.equal(file.trim().split('\n').length, 4, 'all rows of that version, below their names');
  const heights = () => page.locator('.lake-rows tbody tr').evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height));
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    assert.ok(Math.max(...(await heights())) < 44, `a row is a line at ${width}: ${await heights()}`);
    assert.ok(await page.locator('.lake-rows').evaluate((box) => box.scrollWidth > box.clientWidth), 'the table scrolls sideways');
  }
  const cell = page.locator('.lake-rows td', { hasText: hash }).first();
  await cell.getByRole('button', { name: 'Show all of it' }).click();
  await cell.getByRole('button', { name: 'Show less of it' }).waitFor();
  assert.ok(Math.max(...(await heights())) > 44, 'a hash that is opened has all of its lines');
  await check(page, 'a value is open');
  await page.getByLabel('Of the version').fill('99');
  await page.getByRole('alert').waitFor();
  for (const wrong of ['-1', '1.5']) {
    await page.getByLabel('Of the version').fill(wrong);
    await page.getByText(`${wrong} is no whole number from 0 on.`).waitFor();
    await page.locator('.lake-rows').waitFor({ state: 'detached' });
  }
  await check(page, 'no such version');
  // The way back, looked at and not gone: what it would do is told first.
  await page.getByLabel('Of the version').fill('0');
  await page.getByRole('button', { name: 'Back to version 0…' }).click();
  const back = page.getByRole('dialog');
  await back.getByText('Files that would come back', { exact: false }).waitFor();
  assert.ok(await back.getByRole('button', { name: 'Do it' }).isEnabled());
  await check(page, 'a restore looked at');
  await back.getByRole('button', { name: 'Back', exact: true }).click();
  await page.getByLabel('Of the version').fill('');
  await page.locator('.lake-rows tbody tr').nth(3).waitFor();
  await goTo(page, `${table}?tab=versions`);
  await page.locator('tbody tr').first().getByRole('link').nth(1).click();
  await page.waitForFunction(() => /dags\/shop\/runs\/.*task=clean/.test(location.hash));
  await finish();
});

test('quality over time, lineage as a picture and a table, files by partition', async () => {
  const { page, finish } = await newPage(session, `${table}?tab=quality`);
  await page.locator('.rule-held').nth(1).waitFor();
  await look(page, 'lake-quality', page.locator('tbody tr'));
  await tab(page, 'Lineage').click();
  await page.locator('.graph [data-unit="bronze/shop/orders"]').waitFor();
  await look(page, 'lake-lineage', page.locator('.graph [data-unit]'));
  const width = () => page.locator('svg.graph').evaluate((one) => one.getBoundingClientRect().width);
  const before = await width();
  await page.getByRole('button', { name: 'Larger' }).click();
  await page.waitForFunction((small) => document.querySelector('svg.graph').getBoundingClientRect().width > small * 1.2, before);
  await page.getByRole('button', { name: 'Smaller' }).click();
  await page.waitForFunction((small) => Math.abs(document.querySelector('svg.graph').getBoundingClientRect().width - small) < 1, before);
  await page.locator('.graph [data-unit="silver/shop/orders"]').focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash.startsWith('#/lake/bronze/shop/orders'));
  // One column: from the source's field to what is made of it.
  await page.getByRole('combobox', { name: 'Column' }).selectOption('total_13');
  await page.locator('.graph [data-unit="silver/shop/orders/total_13"]').waitFor();
  await page.locator('.graph [data-unit="source of bronze/shop/orders/total_13"]').waitFor();
  await page.locator('tbody tr', { hasText: 'silver/shop/orders/total_13' }).first().waitFor();
  await page.locator('tbody tr', { hasText: 'bronze/shop/orders/total_13' }).filter({ hasText: 'source ·' }).waitFor();
  await look(page, 'lake-column', page.locator('tbody tr'));
  await page.locator('.graph [data-unit="silver/shop/orders/total_13"]').click();
  await page.waitForFunction(() => location.hash.startsWith('#/lake/silver/shop/orders') && /column=total_13/.test(location.hash));
  // Partitions by month: two made by runs, which they lead to, and what the form is opened with to make one anew.
  await goTo(page, `${table}?tab=partitions`);
  const parts = page.locator('.part-line .part');
  await parts.nth(2).waitFor();
  assert.deepEqual(await parts.evaluateAll((all) => all.map((one) => `${one.dataset.state} ${one.textContent.trim().slice(-2)}`)), ['materialized 06', 'materialized 07', 'materialized 08']);
  await page.getByRole('row', { name: /2024-05/ }).waitFor();
  await look(page, 'lake-partitions', parts);
  await page.getByPlaceholder('From key').fill('2024-05-08');
  await page.waitForFunction(() => document.querySelectorAll('.part-line .part').length === 1);
  await parts.click();
  await page.waitForFunction(() => /#\/dags\/shop\/runs\//.test(location.hash));
  await goTo(page, `${table}?tab=files`);
  await page.getByText('day = 2024-05-08').waitFor();
  await look(page, 'lake-files', page.locator('tbody tr'));
  await finish();
});

test('a table tells whether it may be relied on, and leads to what its contract rejected, by reason and masked rows', async () => {
  const { page, finish } = await newPage(session, table);
  await page.locator('.facts [data-badge="trusted"]').click();
  await page.getByText('The newest attempt kept all of its rules.').waitFor();
  await page.getByText('It has the columns of its contract.').waitFor();
  await check(page, 'why a table is trusted');
  await page.locator('.facts').getByRole('link', { name: '2 rows' }).click();
  await page.getByRole('heading', { name: 'orders', exact: true }).waitFor();
  assert.equal(await tab(page, 'Rejected rows').getAttribute('aria-selected'), 'true');
  const reasons = page.locator('.lake-panel .table-stack').first().locator('tbody tr');
  await reasons.filter({ hasText: 'bad_id' }).filter({ hasText: '2' }).waitFor();
  await page.locator('.lake-rows tbody tr').nth(1).waitFor();
  assert.ok((await page.locator('.lake-rows').textContent()).includes(canary), 'what was sent is shown as text');
  await look(page, 'lake-rejected', page.locator('.lake-rows tbody tr'));
  await reasons.getByRole('link', { name: 'bad_day' }).click();
  await page.waitForFunction(() => /reason=bad_day/.test(location.hash) && document.querySelectorAll('.lake-rows tbody tr').length === 1);
  await page.reload();
  await page.locator('.lake-rows').getByText('neither').waitFor();
  await page.getByText('By run (1)').click();
  await page.getByRole('button', { name: 'PT Português' }).click();
  await page.getByRole('tab', { name: 'Linhas recusadas' }).waitFor();
  await goTo(page, '#/lake/quarantine');
  await page.getByText('Linhas que violam uma regra', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'EN English' }).click();
  await page.getByRole('link', { name: 'shop/orders' }).waitFor();
  await check(page, 'what is in quarantine');
  await shoot(page, 'lake-quarantine');
  await page.getByPlaceholder('Search tables').fill('nothing like it');
  await page.getByText('No table matches.').waitFor();
  await finish();
});

// As a person does. Were it filled by the browser, new text would take on the colours of the old one as inline styles,
// which the page's policy refuses and tells of.
async function write(page, editor, text) {
  await editor.press('Control+A');
  await editor.press('Delete');
  await page.keyboard.insertText(text);
}

test('SQL is run by keys, its rows drawn in sight alone and saved; a link opens it without running it', async () => {
  const { page, finish } = await newPage(session, '#/lake');
  await page.getByRole('link', { name: 'SQL', exact: true }).last().click();
  const editor = page.getByLabel('One SELECT over tables of the lake');
  // What elsewhere would lead to another view is written here.
  await write(page, editor, 'SELECT ');
  await page.keyboard.type('go', { delay: 40 });
  await page.waitForFunction(() => document.querySelector('.editor-host').shadowRoot.textContent.includes('SELECT go'));
  assert.match(page.url(), /#\/lake\/sql/);
  // Over what is marked, words in several colours among it: no inline style comes of it, of which the console would tell.
  await page.keyboard.press('Control+A');
  await page.keyboard.type("SELECT 'one' AS id, 2 FROM ", { delay: 40 });
  await page.keyboard.press('Control+A');
  await page.keyboard.type('values', { delay: 40 });
  await page.waitForFunction(() => /^values$/i.test(document.querySelector('.editor-host').shadowRoot.querySelector('.cm-content').textContent));
  await write(page, editor, 'SELECT id, note FROM ');
  await page.getByText('Tables', { exact: true }).click();
  // Its columns are offered once it is named.
  await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith('/lake/tables/silver/shop/orders')),
    page.getByRole('button', { name: 'silver.shop.orders', exact: true }).click(),
  ]);
  await page.keyboard.type(' ORDER BY total_1', { delay: 40 });
  await page.locator('.cm-tooltip-autocomplete li', { hasText: 'total_13' }).waitFor();
  await write(page, editor, 'SELECT id, note FROM silver.shop.orders ORDER BY id');
  await editor.press('Control+Enter');
  await page.locator('.sql-rows tbody tr').nth(3).waitFor();
  assert.ok((await page.locator('main').textContent()).includes(canary));
  assert.match(await page.locator('.sql-told').textContent(), /silver\/shop\/orders \(Version 1\)/);
  await look(page, 'lake-sql', page.locator('.sql-rows tbody tr'));
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
  assert.match(readFileSync(await file.path(), 'utf8'), /^id,note\r\n1,/);
  await page.getByRole('combobox', { name: 'Chart' }).selectOption('bars');
  await page.getByRole('combobox', { name: 'Over' }).selectOption('note');
  const chart = page.getByRole('figure', { name: 'id over note' });
  assert.equal(await chart.locator('rect[data-row]').count(), await page.locator('.sql-rows tbody tr').count());
  assert.match(await chart.locator('rect[data-row="0"] title').textContent(), /: 1$/);
  await check(page, 'rows as bars');
  await page.getByRole('combobox', { name: 'Chart' }).selectOption('line');
  await chart.locator('.sql-line').waitFor();
  await look(page, 'lake-sql-chart', chart);
  await page.reload();
  await editor.waitFor();
  assert.equal(await editor.textContent(), 'SELECT id, note FROM silver.shop.orders ORDER BY id');
  assert.equal(await page.locator('.sql-rows').count(), 0);
  await editor.press('Control+Enter');
  await chart.locator('.sql-line').waitFor();
  await page.getByRole('combobox', { name: 'Chart' }).selectOption('');
  await chart.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Explain', exact: true }).click();
  await page.getByText('The statement did not run', { exact: false }).waitFor();
  assert.equal(await page.locator('.sql-rows').count(), 0);
  await page.getByRole('button', { name: 'Explain and measure' }).click();
  await page.getByText('The statement ran', { exact: false }).waitFor();
  await page.getByRole('columnheader', { name: 'Rows expected' }).waitFor();
  await check(page, 'plan');
  await write(page, editor, 'VALUES (1)');
  await page.getByRole('button', { name: 'Explain and measure' }).click();
  await page.getByText('the engine measured no step of it', { exact: false }).waitFor();
  await page.getByRole('combobox', { name: 'How many rows' }).selectOption('10000');
  await write(page, editor, "SELECT range AS n, repeat('x', 90) AS long FROM range(20000)");
  await page.getByRole('button', { name: 'Run it' }).click();
  await page.getByText('Only the first', { exact: false }).waitFor();
  assert.ok((await page.locator('.sql-rows tbody tr').count()) < 60, 'rows out of sight are not drawn');
  await page.locator('.sql-rows').evaluate((box) => (box.scrollTop = box.scrollHeight));
  await page.locator('.sql-rows tbody td', { hasText: /^9999$/ }).waitFor();
  await page.locator('.sql-rows').getByRole('button', { name: 'Show all of it' }).last().click();
  await page.getByRole('dialog').getByText('x'.repeat(90), { exact: true }).waitFor();
  await check(page, 'a value is open');
  await finish();
});

test('what is wrong with a statement leads to its place, one that runs is cancelled, and what was asked comes back', async () => {
  const { page, finish } = await newPage(session, `#/lake/sql?${new URLSearchParams({ sql: 'SELECT id,\n  nothing FROM silver.shop.orders' })}`, [/^4\d\d \/api\/lake\/sql/]);
  const editor = page.getByLabel('One SELECT over tables of the lake');
  await page.getByRole('button', { name: 'Run it' }).click();
  await look(page, 'lake-sql-wrong', page.locator('.sql-wrong'));
  await page.getByRole('button', { name: 'Line 2, column 3' }).click();
  await page.waitForFunction(() => document.activeElement.shadowRoot?.getSelection().toString() === 'nothing');
  await write(page, editor, 'SELECT count(*) FROM range(1000000000) a, range(1000) b');
  await editor.press('Control+Enter');
  await page.getByText('Running for', { exact: false }).waitFor();
  await page.getByRole('progressbar', { name: 'How much of it is done' }).waitFor();
  await check(page, 'a statement runs');
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByText('the query was cancelled').waitFor();
  await page.getByText('Asked before (2)').click();
  await page.getByRole('button', { name: 'SELECT id, nothing', exact: false }).click();
  await editor.filter({ hasText: 'nothing FROM' }).waitFor();
  await page.getByRole('button', { name: 'PT Português' }).click();
  await page.getByRole('button', { name: 'Executar' }).waitFor();
  await check(page, 'SQL in Portuguese');
  await page.getByRole('button', { name: 'EN English' }).click();
  await finish();
});

test('a table that is not there says so, and Portuguese has all of it', async () => {
  const { page, finish } = await newPage(session, '#/lake/gold/shop/nothing', [/^404 \/api\/lake\/tables\/gold\/shop\/nothing/]);
  await page.getByText('It may not have been published yet', { exact: false }).waitFor();
  await check(page, 'no such table');
  await page.getByRole('button', { name: 'PT Português' }).click();
  await page.getByText('Talvez ainda não tenha sido publicada', { exact: false }).waitFor();
  await goTo(page, `${table}?tab=versions`);
  await page.getByRole('tab', { name: 'Linhagem' }).waitFor();
  await page.getByRole('button', { name: 'EN English' }).click();
  await finish();
});

test('an alert is acknowledged and closed on the page, and its monitor tells what it found', async () => {
  const { page, finish } = await newPage(session, '', [notYetRead]);
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/lake_monitors')).ok, null, { timeout: 20_000 });
  await page.reload();
  await trigger(page, 'lake_monitors');
  await headState(page, 'success').waitFor();
  await goTo(page, '#/home');
  await page.getByRole('region', { name: 'Alerts' }).getByText('there is no table silver/shop/nothing').waitFor();
  await page.getByRole('region', { name: 'Newest versions' }).getByRole('link', { name: 'shop/orders', exact: true }).first().waitFor();
  await look(page, 'home-alerts', page.locator('.home-alerts li'));
  await goByKeys(page, 'm', 'Monitors');
  const alerts = page.getByRole('region', { name: 'Alerts' });
  await alerts.getByText('1 open, 0 acknowledged').waitFor();
  await page.getByText('1 well, 1 unwell, 0 unknown').waitFor();
  assert.ok((await page.locator('main').textContent()).includes(canary));
  await look(page, 'monitors', page.locator('.lake-panel tbody tr'));
  await page.getByRole('button', { name: 'PT Português' }).click();
  await page.getByText('bem: 1, mal: 1, sem resposta: 0').waitFor();
  await look(page, 'monitors-portuguese', page.locator('.lake-panel tbody tr'));
  await page.getByRole('button', { name: 'EN English' }).click();
  await alerts.getByText('1 open, 0 acknowledged').waitFor();
  await alerts.getByRole('button', { name: 'Acknowledge' }).click();
  await page.getByRole('dialog').getByLabel('Note').fill(`on it ${canary}`);
  await check(page, 'acknowledging');
  await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).click();
  await alerts.getByText('0 open, 1 acknowledged').waitFor();
  assert.ok((await alerts.textContent()).includes(`on it ${canary}`));
  assert.equal(await alerts.getByRole('button', { name: 'Acknowledge' }).count(), 0);
  await alerts.getByRole('link', { name: 'shop/late' }).click();
  await page.locator('.monitor-bar.monitor-unwell').first().waitFor();
  await look(page, 'monitor', page.locator('.monitor-chart'));
  await page.getByText('As a table').click();
  assert.match(await page.locator('.lake-panel tbody tr').first().textContent(), /unwell/);
  await alerts.getByRole('button', { name: 'Close it' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Close it' }).click();
  await alerts.getByText('No alert is open').waitFor();
  await page.getByRole('combobox', { name: 'Alerts that are shown' }).selectOption('closed');
  await alerts.getByText('there is no table silver/shop/nothing').waitFor();
  await finish();
});

test('an asset tells who makes it, what was told of it, and for whom it is queued', async () => {
  const { page, finish } = await newPage(session, '', [/^4(00|22) \/api\/v2\/assets\/events$/]);
  await page.getByRole('heading', { name: 'DAGs', exact: true }).waitFor();
  await goByKeys(page, 'i', 'Assets');
  const rows = page.locator('tbody tr');
  await page.getByPlaceholder('Search assets').fill('silver/shop');
  await rows.filter({ hasText: 'silver/shop/orders' }).filter({ hasText: 'waits' }).waitFor();
  await look(page, 'assets', rows);
  await rows.getByRole('link', { name: 'silver/shop/orders' }).first().click();
  const queued = page.getByRole('region', { name: 'Queued' });
  await queued.getByRole('link', { name: 'waits' }).waitFor();
  const events = page.getByRole('region', { name: 'Events' });
  assert.match(await events.locator('tbody tr').first().textContent(), /shop\.clean.*version/);
  await look(page, 'asset', events.locator('tbody tr'));
  // What is queued is forgotten, and told anew by hand, with something said; whoever makes it is started from here.
  const dialog = page.getByRole('dialog');
  await queued.getByRole('button', { name: 'Forget what is queued for waits' }).click();
  await check(page, 'what is queued is forgotten');
  await dialog.getByRole('button', { name: 'Forget it' }).click();
  await queued.getByText('Nothing of it is queued', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Tell a change…' }).click();
  await dialog.getByText('For 1 DAG waiting for it', { exact: false }).waitFor();
  await dialog.getByLabel('Said with it, as a JSON object').fill('[1]');
  await dialog.getByRole('button', { name: 'Tell it' }).click();
  await dialog.locator('[data-field="extra"] .field-problem').getByText('object', { exact: false }).waitFor();
  await dialog.getByLabel('Said with it, as a JSON object').fill(JSON.stringify({ by: canary }));
  await check(page, 'a change is told');
  await dialog.getByRole('button', { name: 'Tell it' }).click();
  await events.locator('tbody tr').first().getByText('somebody, over the API').waitFor();
  assert.ok((await events.locator('tbody tr').first().textContent()).includes('onerror'));
  await queued.getByRole('link', { name: 'waits' }).waitFor();
  await page.getByRole('link', { name: 'Table of the lake' }).click();
  await page.getByRole('heading', { name: 'orders', exact: true }).waitFor();
  await page.getByRole('button', { name: 'PT Português' }).click();
  await goTo(page, '#/assets?q=nothing');
  await page.getByText('Nenhum ativo corresponde.').waitFor();
  await page.getByRole('button', { name: 'EN English' }).click();
  // A run tells which assets it changed.
  await goTo(page, '#/dags/shop');
  await page.locator('tr[data-run] a').first().click();
  await page.getByText('Asset events').click();
  await page.getByRole('link', { name: 'silver/shop/orders' }).waitFor();
  await check(page, 'assets of a run');
  // Who makes one is started from it.
  await goTo(page, '#/assets?q=made');
  await rows.getByRole('link', { name: 's3://bucket/made' }).click();
  await page.getByRole('button', { name: 'Materialise…' }).click();
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  // In the graph they stand before the tasks that they start.
  await goTo(page, '#/dags/waits?tab=tasks');
  const box = page.locator('.graph-asset', { hasText: 'orders' });
  await page.locator('.graph-gate', { hasText: 'All of them' }).waitFor();
  await page.locator('.graph-edge[data-to="go"]').waitFor({ state: 'attached' });
  await check(page, 'assets in a graph');
  await page.getByRole('button', { name: 'Assets', exact: true }).click();
  await box.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Assets', exact: true }).click();
  await box.click();
  await page.waitForFunction(() => /^#\/assets\/\d+$/.test(location.hash));
  await page.getByRole('heading', { name: 'silver/shop/orders' }).waitFor();
  await finish();
});

test('a partition of which a run failed, and those that lie between and were never made, are told apart', async () => {
  rmSync(join(folder, 'drop', 'orders.csv'));
  const { page, finish } = await newPage(session);
  await trigger(page, 'shop', async (form) => {
    await form.getByText('Id, date, partition, note (optional)').click();
    await form.getByRole('textbox', { name: 'Partition key' }).fill('2024-05-11');
  });
  await headState(page, 'failed').waitFor();
  put(join(folder, 'drop', 'orders.csv'), csv('4,2024-05-08,later'));
  await goTo(page, `${table}?tab=partitions`);
  const part = (day) => page.locator('.part-line .part', { hasText: new RegExp(`${day}$`) });
  await page.locator('.part-line .part[data-state="failed"]').waitFor();
  const states = await page.locator('.part-line .part').evaluateAll((all) => all.map((one) => `${one.textContent.trim().slice(-2)} ${one.dataset.state}`));
  assert.deepEqual(states, ['06 materialized', '07 materialized', '08 materialized', '09 missing', '10 missing', '11 failed']);
  assert.match(await page.locator('.part-legend').textContent(), /1 failed.*2 missing.*3 materialised/);
  await look(page, 'lake-partitions-failed', part('11'));
  await part('11').click();
  const dialog = page.getByRole('dialog', { name: 'Partition 2024-05-11' });
  await dialog.locator('.fact', { hasText: 'State' }).getByText('failed').waitFor();
  await check(page, 'a partition that failed');
  await dialog.getByRole('button', { name: 'Make it by shop…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Trigger', exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await part('11').click();
  await dialog.getByRole('link').click();
  await headState(page, 'failed').waitFor();
  await finish();
});

test('a bundle of a repository is switched to another revision after a look ahead, and back', async () => {
  const { page, finish } = await newPage(session, '#/installation?tab=bundles');
  const row = page.locator('tbody tr', { hasText: 'teams' });
  const dialog = page.getByRole('dialog');
  await row.getByText('The first of it').waitFor();
  await page.locator('tbody tr', { hasText: 'default' }).getByText('Folder').waitFor();
  commit(join(folder, 'teams'), { 'dags/team_feed.json': { dag_id: 'team_feed', schedule: null, start_date: '2024-01-01T00:00:00Z', tasks: [{ task_id: 'go', type: 'mock' }] } }, 'A DAG more');
  await row.getByRole('button', { name: 'Deploy teams' }).click();
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('+ team_feed').waitFor();
  await look(page, 'bundle-deploy', dialog);
  await dialog.getByRole('button', { name: 'Deploy', exact: true }).click();
  await row.getByText('A DAG more').waitFor();
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/team_feed')).ok, null, { timeout: 20_000 });
  await row.getByRole('button', { name: 'Roll back teams' }).click();
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('− team_feed').waitFor();
  await dialog.getByRole('button', { name: 'Roll back', exact: true }).click();
  await row.getByText('The first of it').waitFor();
  await look(page, 'bundles', row);
  await page.getByRole('button', { name: 'PT Português' }).click();
  await page.getByRole('tab', { name: 'Pacotes' }).waitFor();
  await check(page, 'bundles in Portuguese');
  await page.getByRole('button', { name: 'EN English' }).click();
  await finish();
});

test('what is still to be sent is listed, tried again and, of an alert, forgotten', async () => {
  batuta(['connections', 'add', 'nobody_listens', '--conn-type', 'http', '--conn-host', 'http://127.0.0.1:9/alerts']);
  put(join(folder, 'dags', 'alarming.json'), JSON.stringify({
    dag_id: 'alarming', schedule: null, start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false,
    on_failure: { notifier: 'webhook', connection: 'nobody_listens' },
    tasks: [{ task_id: 'fails', type: 'shell', command: 'exit 1' }],
  }));
  const { page, finish } = await newPage(session, '', [notYetRead]);
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/alarming')).ok, null, { timeout: 20_000 });
  await page.reload();
  await trigger(page, 'alarming');
  await headState(page, 'failed').waitFor();
  await goTo(page, '#/installation?tab=outbox');
  const row = page.locator('tbody tr', { hasText: 'Alert' });
  await row.waitFor();
  await row.locator('.lake-problem').waitFor(); // it was tried once
  await look(page, 'outbox', row);
  await row.getByRole('button', { name: 'Try now: nobody_listens' }).click();
  await page.getByText('It is tried now.').waitFor();
  await row.getByRole('button', { name: /^Forget / }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Forget it' }).click();
  await page.getByText('Nothing waits: all is published and sent.').waitFor();
  await page.getByLabel('Only what was given up').check();
  await page.getByText('Nothing was given up.').waitFor();
  await page.waitForFunction(() => /dead=yes/.test(location.hash));
  await finish();
});

test('plugins are listed with their parameters, settings as they are in effect', async () => {
  const { page, finish } = await newPage(session, '#/installation');
  await page.locator('.plugin summary').filter({ has: page.locator('strong', { hasText: /^shell$/ }) }).click();
  await page.locator('details[open] tbody tr').filter({ hasText: 'command' }).first().waitFor();
  await look(page, 'plugins', page.locator('details[open] tbody tr'));
  await page.getByPlaceholder('Search plugins').fill('nothing like it');
  await page.getByText('No plugin matches.').waitFor();
  await tab(page, 'Settings').click();
  await page.getByPlaceholder('Search settings').fill('lake.mem');
  await page.waitForFunction(() => document.querySelectorAll('.settings dt').length === 1);
  await page.getByPlaceholder('Search settings').fill('');
  await look(page, 'settings', page.locator('.settings dt'));
  await page.getByRole('button', { name: 'Read the settings again…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Read them' }).click();
  await page.getByText('The settings were read again', { exact: false }).waitFor();
  await check(page, 'settings read again');
  await tab(page, 'Metrics').click();
  await page.getByPlaceholder('Search metrics').fill('batuta_stale_reports');
  await page.waitForFunction(() => document.querySelectorAll('.metric').length === 1);
  await page.getByPlaceholder('Search metrics').fill('');
  await page.locator('.metric').nth(5).waitFor();
  await check(page, 'metrics');
  await finish();
});

test('rejected rows are repaired and given up, after a look ahead that changes nothing', async () => {
  const { page, finish } = await newPage(session, '#/lake/quarantine/shop/orders', [/^4(00|22) \/api\/lake\/quarantine\//]);
  const dialog = page.getByRole('dialog');
  await page.getByText('All open rows', { exact: true }).waitFor();
  await page.locator('.lake-rows tbody tr', { hasText: 'no number' }).getByRole('checkbox').check();
  await page.getByText('1 chosen').waitFor();
  await page.getByRole('button', { name: 'Repair…' }).click();
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('Choose the column that gets the value.').waitFor();
  await dialog.getByRole('combobox', { name: 'Column' }).selectOption('id');
  await dialog.getByLabel('The right value').fill('nine');
  await check(page, 'a repair is written');
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('1 wrong still: it stays', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Change it' }).click();
  await dialog.getByLabel('The right value').fill('9');
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('What would become of the rows (1):').waitFor();
  await dialog.getByText('1 good: into silver', { exact: true }).waitFor();
  await look(page, 'lake-order', dialog);
  assert.equal(await page.evaluate(async () => (await (await fetch('/api/lake/quarantine')).json()).tables[0].rows), 2, 'a look ahead changes nothing');
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await dialog.getByText('What became of the rows (1):').waitFor();
  await dialog.getByText('1 good: into silver', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.waitForFunction(() => document.querySelectorAll('.lake-rows tbody tr').length === 1);
  await page.getByRole('button', { name: 'Discard…' }).click();
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('Say in the note why the rows are given up.').waitFor();
  await dialog.getByLabel('Note').fill(`a test ${canary}`);
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('What would become of the rows (1):').waitFor();
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await dialog.getByText('What became of the rows (1):').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.getByText('No row is in quarantine any more.').waitFor();
  await goTo(page, `${table}?tab=rows`);
  await page.locator('.lake-rows').getByText('no number').waitFor();
  await finish();
});

test('dead letters are shown whole, repaired, sent again and given up; whoever may not finds no buttons', async () => {
  batuta(['stream', 'create', 'Pedidos']);
  batuta(['stream', 'produce', 'Pedidos'], ['{"id": 1}', `{"note": ${JSON.stringify(canary)}}`, 'no JSON', 'not this either', ''].join('\n'));
  put(join(folder, 'contracts', 'shop', 'messages.odcs.yaml'), JSON.stringify({
    apiVersion: 'v3.1.0', kind: 'DataContract', id: 'shop-messages', version: '1.0.0', status: 'active', domain: 'shop',
    servers: [{ server: 'log', type: 'custom', format: 'stream' }],
    schema: [{ name: 'messages', physicalName: 'Pedidos', properties: [{ name: 'id', logicalType: 'integer', primaryKey: true, required: true }, { name: 'note', logicalType: 'string' }] }],
  }));
  put(join(folder, 'dags', 'post.json'), JSON.stringify({
    dag_id: 'post', schedule: null, start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false,
    tasks: [{ task_id: 'take', type: 'extract', contract: 'shop/messages' }],
  }));
  const { page, finish } = await newPage(session, '', [notYetRead]);
  await page.waitForFunction(async () => (await fetch('/api/v2/dags/post')).ok, null, { timeout: 20_000 });
  await page.reload();
  await trigger(page, 'post');
  await headState(page, 'success').waitFor();
  await goTo(page, '#/lake');
  await page.getByRole('link', { name: 'Dead letters' }).click();
  await page.locator('tbody tr', { hasText: 'shop/messages' }).getByText('3', { exact: true }).waitFor();
  await look(page, 'letter-topics', page.locator('tbody tr'));
  await page.getByRole('link', { name: 'Pedidos.dlq' }).click();
  await page.getByText('3 messages of the topic Pedidos lie open in Pedidos.dlq.').waitFor();
  const rows = page.locator('tbody tr');
  await look(page, 'letters', rows);
  const dialog = page.getByRole('dialog');
  await rows.filter({ hasText: 'missing_id' }).getByRole('button').first().click();
  await dialog.getByText('"note"', { exact: false }).first().waitFor();
  assert.ok((await dialog.textContent()).includes(JSON.stringify(canary)), 'what was sent is shown as text');
  await check(page, 'a letter');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await rows.filter({ hasText: 'missing_id' }).getByRole('button', { name: 'Repair letter' }).click();
  await dialog.getByLabel('The right value, sent in its place').fill('{"id": 2, "note": "mended"}');
  await check(page, 'a letter is repaired');
  await dialog.getByRole('button', { name: 'Send it' }).click();
  await page.getByText('2 messages of the topic', { exact: false }).waitFor();
  await rows.first().getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Discard…' }).click();
  await page.getByRole('heading', { name: 'Discard 1 letters?' }).waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Do it' }).isDisabled(), 'it needs a note');
  await dialog.getByLabel('Note').fill('a test');
  await check(page, 'letters are given up');
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('1 messages of the topic', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Replay…' }).click();
  await page.getByRole('heading', { name: 'Replay 1 letters?' }).waitFor();
  await dialog.getByLabel('Those stay that were tried so often').fill('1');
  await dialog.getByText('it was tried 1 times', { exact: false }).waitFor();
  await dialog.getByLabel('Those stay that were tried so often').fill('5');
  await dialog.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('No letter is open.').waitFor();
  await trigger(page, 'post');
  await headState(page, 'success').waitFor();
  await goTo(page, '#/lake/dead-letters/shop/messages');
  await page.getByText('1 messages of the topic', { exact: false }).waitFor();
  assert.match(await rows.first().textContent(), /not_json/);
  await page.getByRole('button', { name: 'PT Português' }).click();
  await page.getByText('1 mensagens do tópico', { exact: false }).waitFor();
  await check(page, 'dead letters in Portuguese');
  await page.getByRole('button', { name: 'EN English' }).click();
  await rows.first().waitFor();
  await page.route('**/api/batuta/session', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), role: 'onlooker' } });
  });
  await page.route('**/api/batuta/rights*', (route) => route.fulfill({ json: { allowed: false } }));
  await page.reload();
  await rows.first().waitFor();
  assert.equal(await page.getByRole('button', { name: /…$/ }).count(), 0);
  await finish();
});

test('a branch is begun, a run is started on it, what differs is shown by key, it is promoted and dropped', async () => {
  const { page, finish } = await newPage(session, '#/lake', [/^4(00|22) \/api\/lake\/branches$/, /^4\d\d \/api\/v2\/dags\/post\/dagRuns$/]);
  const place = (dialog) => dialog.getByRole('combobox', { name: 'Branch of the lake' });
  const dialog = page.getByRole('dialog');
  await page.getByRole('link', { name: 'Branches', exact: true }).click();
  await page.getByText('There is no branch.', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'New branch…' }).click();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('Not a name');
  await dialog.getByRole('button', { name: 'Begin' }).click();
  await dialog.locator('[data-field="name"] .field-problem').getByText('must be 1 to 64', { exact: false }).waitFor();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('fix');
  await dialog.getByRole('textbox', { name: 'Note' }).fill(canary);
  await dialog.getByRole('button', { name: 'Begin' }).click();
  await page.getByRole('heading', { name: 'fix', exact: true }).waitFor();
  put(join(folder, 'drop', 'orders.csv'), csv('5,2024-05-09,tried'));
  await trigger(page, 'shop', async (form) => {
    await place(form).selectOption('fix');
    await form.getByText('Id, date, partition, note (optional)').click();
    await form.getByRole('textbox', { name: 'Run id' }).fill('on_fix');
    await form.getByRole('textbox', { name: 'Note' }).fill('for the branch');
    await check(page, 'a run on a branch is started');
  });
  await headState(page, 'success').waitFor();
  await page.getByRole('heading', { name: 'on_fix' }).waitFor();
  await page.locator('.page-head, .facts').getByText('fix', { exact: true }).first().waitFor();
  await page.locator('.facts').getByText('for the branch').waitFor();
  await page.getByRole('button', { name: 'Note…' }).click();
  await dialog.getByRole('textbox', { name: 'Note' }).fill(`kept ${canary}`);
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await page.locator('.facts').getByText(`kept ${canary}`).waitFor();
  await goTo(page, '#/lake/branches/fix');
  await page.getByRole('link', { name: 'silver/shop/orders' }).click();
  await page.getByText('id = 5').waitFor();
  assert.match(await page.locator('.facts').last().textContent(), /Rows added1/);
  await look(page, 'branch', page.locator('tbody tr'));
  await page.getByRole('button', { name: 'Promote…' }).click();
  await dialog.locator('.preview li', { hasText: 'silver/shop/orders' }).waitFor();
  await check(page, 'what a promotion would publish');
  await dialog.getByRole('button', { name: 'Promote', exact: true }).click();
  await dialog.getByRole('link', { name: /^promote__fix__/ }).click();
  await headState(page, 'success').waitFor();
  await goTo(page, '#/lake/branches/fix');
  await page.getByRole('button', { name: 'Promote…' }).click();
  await dialog.getByText('The last promotion of it:').getByText('success').waitFor();
  await page.keyboard.press('Escape');
  // What the form says of a DAG that may not run there stands at the field.
  await goTo(page, '#/dags/post');
  await page.getByRole('button', { name: 'Trigger', exact: true }).click();
  await place(dialog).selectOption('fix');
  const other = await session.context.newPage();
  await other.goto(`${session.target.url}/#/lake/branches/fix`);
  await other.getByRole('button', { name: 'Drop…' }).click();
  await other.getByRole('button', { name: 'Drop it' }).click();
  await other.getByText('There is no branch.', { exact: false }).waitFor();
  await other.close();
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).click();
  await dialog.locator('[data-field="branch"] .field-problem').getByText('there is no branch fix', { exact: false }).waitFor();
  await finish();
});

test('a person is erased after a look ahead, which changes nothing and is told as one', async () => {
  const { page, finish } = await newPage(session, '#/lake/erasures');
  const dialog = page.getByRole('dialog');
  await page.getByText('Nobody was erased', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Erase a person…' }).click();
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('Each key needs a column and a value.').waitFor();
  await dialog.getByRole('textbox', { name: 'Column' }).fill('id');
  await dialog.getByRole('textbox', { name: "The person's value in it" }).fill('3');
  await dialog.getByRole('textbox', { name: /^Domain/ }).fill('shop');
  await dialog.getByRole('textbox', { name: 'What the record calls the person' }).fill('request-3');
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.locator('tbody tr', { hasText: 'silver/shop/orders' }).waitFor();
  await check(page, 'what an erasure would touch');
  await dialog.getByRole('button', { name: 'Erase for good' }).click();
  await page.waitForFunction(() => /^#\/lake\/erasures\//.test(location.hash));
  await page.getByText('ended', { exact: true }).waitFor();
  await page.locator('tbody tr', { hasText: 'silver/shop/orders' }).waitFor();
  await look(page, 'erasure', page.locator('tbody tr'));
  await goTo(page, '#/lake/erasures');
  await page.locator('tbody tr').nth(1).waitFor();
  assert.equal(await page.locator('tbody tr', { hasText: 'request-3' }).count(), 2);
  // Who ordered it stands in the event log, which its filters find.
  await goTo(page, '#/audit?event=lake_erase_ordered');
  await page.locator('tbody tr').nth(1).waitFor();
  assert.match(await page.locator('tbody').textContent(), /request-3/);
  assert.doesNotMatch(await page.locator('tbody').textContent(), /"value"/);
  await look(page, 'events', page.locator('tbody tr'));
  await goTo(page, '#/audit?event=nothing_like_it');
  await page.getByText('No event matches.').waitFor();
  await goTo(page, '#/dags/shop?tab=events&event=dag_run');
  await page.getByPlaceholder('Search events').waitFor();
  await finish();
});

test('a worker is drained and takes tasks again; the store is backed up', async () => {
  const { page, finish } = await newPage(session, '#/health');
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Drain…' }).click();
  await dialog.getByRole('button', { name: 'Drain it' }).click();
  await page.getByRole('cell', { name: 'drained' }).waitFor();
  await page.getByRole('button', { name: 'Resume…' }).click();
  await dialog.getByRole('button', { name: 'Resume it' }).click();
  await page.getByRole('button', { name: 'Drain…' }).waitFor();
  await page.getByRole('button', { name: 'Back up the store…' }).click();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('by_hand');
  await check(page, 'a backup is ordered');
  await dialog.getByRole('button', { name: 'Back it up' }).click();
  await page.getByText('/backups/by_hand.db', { exact: false }).waitFor();
  assert.ok(existsSync(join(folder, 'home', 'backups', 'by_hand.db')));
  await finish();
});
