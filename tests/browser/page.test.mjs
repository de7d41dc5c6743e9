import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, goByKeys, headState, login, newPage, open, patience, real, shoot, signedOut, taskRow, trigger } from './harness.mjs';

let session;
let loginHash;

before(async () => {
  session = await open();
  loginHash = await login(session);
});
after(() => session?.close());

test('the one-time code is gone from the address once it has been used', () => {
  assert.equal(loginHash, session.target.code ? '#/dags' : '');
});

test('a spent code leads to the login form, where a password works', async (t) => {
  if (!session.target.password) return t.skip('no password given');
  const fresh = await session.context.browser().newContext();
  const { page, finish } = await newPage({ ...session, context: fresh }, '#login=spent', [signedOut, /^401 \/api\/v2\/dags$/]);
  await page.getByText('This link has been used or is too old').waitFor();
  await shoot(page, 'login');
  await page.getByLabel('User name').fill(session.target.username);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
  await page.getByLabel('Password').fill(session.target.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'DAGs' }).waitFor();
  if (real) { // the mock has one session for all
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Password').waitFor();
    assert.equal(await page.evaluate(async () => (await fetch('/api/v2/dags')).status), 401);
  }
  await finish();
  await fresh.close();
});

test('a login provider has a button above the password, or alone; why nobody got in is a sentence', async () => {
  for (const password of [true, false]) {
    const fresh = await session.context.browser().newContext();
    await fresh.route('**/api/batuta/login', (route) => route.fulfill({ json: { password, provider: 'Example Corp' } }));
    const { page, finish } = await newPage({ ...session, context: fresh }, '#login_error=role', [signedOut]);
    const button = page.getByRole('link', { name: 'Sign in with Example Corp' });
    await button.waitFor();
    assert.equal(await button.getAttribute('href'), `/auth/oidc/login?next=${encodeURIComponent('/#/dags')}`);
    await page.getByRole('alert').filter({ hasText: 'None of your groups gives you access here.' }).waitFor();
    assert.equal(await page.getByLabel('Password').count(), password ? 1 : 0);
    await check(page, 'login by a provider');
    await finish();
    await fresh.close();
  }
});

test('the list finds DAGs by name and by tag', async () => {
  const { page, finish } = await newPage(session);
  const rows = page.getByRole('list', { name: 'DAGs' }).locator('.dag-row');
  await page.getByRole('link', { name: 'wide', exact: true }).waitFor();
  assert.ok((await rows.count()) >= 5);
  await page.getByRole('searchbox', { name: 'Search DAGs' }).fill('flak');
  await page.waitForFunction(() => document.querySelectorAll('.dag-row').length === 1);
  assert.equal(await rows.first().locator('.dag-link').textContent(), 'flaky');
  await page.getByRole('searchbox', { name: 'Search DAGs' }).fill('');
  await page.getByRole('button', { name: 'finance' }).first().click();
  await page.waitForFunction(() => document.querySelectorAll('.dag-row').length === 1);
  assert.equal(await rows.first().locator('.dag-link').textContent(), 'demo');
  await finish();
});

test('Ctrl-K leads to a page, a DAG, a task or a run by a part of its name, and ? tells the keys', async () => {
  const { page, finish } = await newPage(session);
  await page.locator('.dag-row').first().waitFor();
  const box = page.getByRole('combobox', { name: 'Go to' });
  const option = (name) => page.getByRole('option', { name });
  await page.keyboard.press('Control+k');
  await box.fill('transf');
  await option(/Task transform demo/).waitFor();
  await check(page, 'palette');
  await shoot(page, 'palette');
  await page.keyboard.press('Enter');
  await page.locator('tr.is-selected[data-task="transform"]').waitFor();
  assert.match(await page.evaluate(() => location.hash), /dags\/demo.*node=transform/);
  await page.keyboard.press('Control+k');
  await box.fill('flaky');
  await option(/DAG flaky/).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'flaky', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Go to' }).click();
  await box.fill('no such thing at all');
  await page.getByText('Nothing of that name.').waitFor();
  await box.fill('ev');
  await option(/Page Event log/).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await check(page, 'keyboard help');
  await shoot(page, 'keys');
  await page.setViewportSize({ width: 390, height: 800 });
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
  await page.keyboard.press('Escape');
  await goByKeys(page, 'o', 'Pools');
  await page.keyboard.press('Control+k');
  await shoot(page, 'palette-390');
  await finish();
});

test('the switch pauses a DAG, and another page sees it at once', async () => {
  const first = await newPage(session);
  const second = await newPage(session);
  await first.page.getByRole('switch', { name: 'slow is active' }).click();
  await first.page.getByRole('switch', { name: 'slow is paused' }).waitFor();
  await second.page.getByRole('switch', { name: 'slow is paused' }).waitFor();
  await second.page.getByRole('switch', { name: 'slow is paused' }).click();
  await first.page.getByRole('switch', { name: 'slow is active' }).waitFor();
  await first.finish();
  await second.finish();
});

test('broken files are announced and shown with file and line', async () => {
  const { page, finish } = await newPage(session);
  await page.getByRole('link', { name: /import error/ }).click();
  await page.getByText(/broken\.json:\d+/).first().waitFor();
  await shoot(page, 'problems');
  await finish();
});

test('a file that breaks is announced on a page that is open, and its repair too', async (t) => {
  const dags = process.env.BATUTA_DAGS;
  if (!dags) return t.skip('needs the DAG folder of a real server');
  const { page, finish } = await newPage(session);
  const late = join(dags, 'late.json');
  await page.getByRole('link', { name: '1 import error' }).waitFor();
  writeFileSync(late, '{');
  await page.getByRole('link', { name: '2 import errors' }).waitFor();
  rmSync(late);
  await page.getByRole('link', { name: '1 import error' }).waitFor();
  await finish();
});

test('a run is triggered from the form and watched to its end', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'demo', async (dialog) => {
    await dialog.getByLabel('tickers').fill('AAPL\nMSFT');
    await dialog.getByLabel('mode').selectOption('"thorough"');
    await dialog.getByLabel('full').check();
    await shoot(page, 'trigger');
  });
  await taskRow(page, 'extract').click();
  await headState(page, 'success').waitFor();
  for (const task of ['extract', 'transform', 'audit', 'aggregate']) {
    await taskRow(page, task, 'success').waitFor();
    await page.locator(`.graph-node[data-task="${task}"][data-state="success"]`).waitFor();
  }
  await page.locator('.log-text', { hasText: 'row 4' }).waitFor();
  await page.getByText('Configuration').click();
  const conf = JSON.parse(await page.locator('.conf pre').textContent());
  assert.deepEqual(conf.tickers, ['AAPL', 'MSFT']);
  assert.equal(conf.mode, 'thorough');
  assert.equal(conf.full, true);
  assert.equal(conf.rows, 10);
  await shoot(page, 'run-done');
  await finish();
});

test('the log of a running task grows while one watches', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'chatty');
  await taskRow(page, 'talk', 'running').waitFor();
  await taskRow(page, 'talk').click();
  await page.waitForFunction(() => {
    const running = document.querySelector('.task-row[data-state="running"]');
    return running && document.querySelector('.log-box')?.textContent.includes('word 3');
  });
  await shoot(page, 'run-live');
  await headState(page, 'success').waitFor();
  await page.locator('.log-text').getByText('word 10', { exact: true }).waitFor();
  const words = (await page.locator('.log-text').allTextContents()).filter((text) => text.startsWith('word'));
  assert.deepEqual(words, Array.from({ length: 10 }, (_, at) => `word ${at + 1}`));
  await finish();
});

test('XCom and details of a task are a tab away', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'demo');
  await headState(page, 'success').waitFor();
  await taskRow(page, 'transform').click();
  await page.getByRole('tab', { name: 'XCom' }).click();
  await page.locator('.xcom .json-leaf', { hasText: 'records 42' }).waitFor();
  await page.getByRole('tab', { name: 'Details' }).click();
  await page.getByText('default_pool').waitFor();
  await finish();
});

test('what the API refuses is said at the field', async () => {
  const { page, finish } = await newPage(session, '#/dags/demo', [/^422 \/api\/v2\/dags\/demo\/dagRuns$/]);
  await page.getByRole('button', { name: 'Trigger', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('rows').fill('101');
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).click();
  await dialog.locator('[data-field="rows"] .field-problem', { hasText: 'at most 100' }).waitFor();
  await dialog.getByLabel('rows').fill('5');
  await dialog.getByLabel('label').fill('much too long');
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).click();
  await dialog.locator('[data-field="label"] .field-problem', { hasText: '8' }).waitFor();
  await shoot(page, 'trigger-refused');
  await finish();
});

async function openTrigger(page, dag) {
  await page.evaluate((id) => (location.hash = `#/dags/${id}`), dag);
  await page.getByRole('heading', { name: dag, exact: true }).waitFor();
  await page.getByRole('button', { name: 'Trigger', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).waitFor();
  return dialog;
}

test('an invalid form moves to its first problem and lists them all', async () => {
  const { page, finish } = await newPage(session);
  const dialog = await openTrigger(page, 'exact');
  await dialog.getByLabel('alpha').fill('10');
  await dialog.getByLabel('middle').fill('0');
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).click();
  await dialog.getByText('2 values cannot be used:').waitFor();
  assert.deepEqual(await dialog.locator('.form-problems li').allTextContents(), ['middle: Must be at least 1.', 'alpha: Must be at most 9.']);
  await page.waitForFunction(() => document.activeElement?.name === 'param-middle');
  await dialog.locator('.form-problems').getByRole('button', { name: 'alpha' }).click();
  assert.equal(await page.evaluate(() => document.activeElement.name), 'param-alpha');
  await shoot(page, 'trigger-problems');
  await finish();
});

test('line breaks, whole numbers above 2^53 and dates are sent as they stand, also when edited', async () => {
  const { page, finish } = await newPage(session);
  const dialog = await openTrigger(page, 'exact');
  const text = dialog.getByLabel('zeta');
  assert.equal(await text.inputValue(), 'first line\nsecond line');
  await text.press('Control+End');
  await text.pressSequentially(' and more');
  await dialog.locator('[name="param-day"][type="date"]').fill('2026-03-11');
  await dialog.locator('[name="param-since"][type="datetime-local"]').fill('2026-03-10T12:00');
  await dialog.locator('[data-field="day"]').getByRole('button', { name: 'Write it' }).click();
  assert.equal(await dialog.locator('[name="param-day"]:not([type])').inputValue(), '2026-03-11');
  assert.equal(await dialog.locator('[name="param-moment"]:not([type])').inputValue(), '2026-03-10T12:05:09.123456-03:00', 'no box holds parts of a millisecond');
  await check(page, 'pickers');
  const since = await page.evaluate(() => new Date('2026-03-10T12:00').toISOString().replace('.000Z', 'Z'));
  const sent = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/dagRuns'));
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).click();
  const body = (await sent).postData();
  assert.match(body, /"zeta":"first line\\nsecond line and more"/);
  assert.match(body, /"account":9007199254740993[,}]/);
  const { day, moment, since: told } = JSON.parse(body).conf;
  assert.deepEqual([day, moment, told], ['2026-03-11', '2026-03-10T12:05:09.123456-03:00', since]);
  await headState(page, 'success').waitFor();
  if (real) {
    await page.getByText('Configuration').click();
    assert.match(await page.locator('.conf pre').textContent(), /"account": 9007199254740993\b/);
    const again = await openTrigger(page, 'exact');
    await again.getByLabel('Values of an earlier run').selectOption({ index: 1 });
    assert.equal(await again.getByLabel('zeta').inputValue(), 'first line\nsecond line and more');
  }
  await finish();
});

test('the raw JSON says the same as the form and is checked before it is sent', async () => {
  const { page, finish } = await newPage(session, '#/dags/demo');
  await page.getByRole('button', { name: 'Trigger', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('rows').fill('7');
  await dialog.getByRole('tab', { name: 'JSON' }).click();
  const box = dialog.getByLabel('Configuration (conf)');
  assert.equal(JSON.parse(await box.inputValue()).rows, 7);
  await box.fill('[1]');
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).click();
  await dialog.getByText('must be a JSON object').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await finish();
});

test('a task that failed once shows both tries and their logs', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'flaky');
  await taskRow(page, 'wobble', 'up_for_retry').waitFor();
  await headState(page, 'success').waitFor();
  await taskRow(page, 'wobble').locator('[data-try="1"]').waitFor({ state: 'attached' }); // the earlier try has its bar
  await taskRow(page, 'wobble').click();
  const picker = page.getByLabel('Try', { exact: true });
  await picker.selectOption('1');
  await page.locator('.log-line').first().waitFor();
  assert.match(await picker.locator('option:checked').textContent(), /Try 1: (Failed|Up for retry)/);
  await finish();
});

test('the rules that a try broke stand open above its log, those that hold are folded away', async (t) => {
  if (real) return t.skip('needs tasks that report quality');
  const { page, finish } = await newPage(session);
  await trigger(page, 'flaky');
  await headState(page, 'success').waitFor();
  await taskRow(page, 'wobble').click();
  const quality = page.locator('.quality').first();
  await quality.getByText('2 rules hold').waitFor();
  assert.equal(await quality.getByText('open_and_close_inside_range').isVisible(), false);
  await page.getByLabel('Try', { exact: true }).selectOption('1');
  await quality.getByText('1 of 2 rules broken').waitFor();
  const cells = await quality.getByRole('row', { name: /open_and_close_inside_range/ }).getByRole('cell').allTextContents();
  assert.deepEqual(cells, ['open_and_close_inside_range', 'silver/financial/quotes', 'broken', '1,204 of 56,000']);
  // What it read, at which version, and what it made.
  await page.getByText('Tables read and made').click();
  const made = page.getByRole('row', { name: /bronze\/financial\/quotes/ });
  assert.deepEqual(await made.getByRole('cell').allTextContents(), ['bronze/financial/quotes', '7', 'silver/financial/quotes']);
  assert.match(await made.getByRole('link').first().getAttribute('href'), /#\/lake\/bronze\/financial\/quotes\?tab=rows&version=7$/);
  for (const width of [1360, 390]) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.locator('.task-panel').evaluate((panel) => panel.scrollWidth - panel.clientWidth);
    assert.ok(over <= 0, `the panel's content is ${over} px too wide at ${width}`);
    await shoot(page, `quality-${width}`);
  }
  await trigger(page, 'demo');
  await taskRow(page, 'extract', 'success').click();
  await page.locator('.log-text', { hasText: 'row 4' }).waitFor();
  assert.equal(await page.locator('.quality').count(), 0);
  await finish();
});

test('an address that changes while the page starts is followed', async () => {
  const page = await session.context.newPage();
  await page.addInitScript(() => {
    const add = window.addEventListener.bind(window);
    window.addEventListener = (type, ...rest) => {
      if (type !== 'hashchange') return add(type, ...rest);
      location.hash = '#/pools'; // told before anybody listens
      return setTimeout(() => add(type, ...rest), 500);
    };
  });
  await page.goto(`${session.target.url}/`);
  await page.getByRole('heading', { name: 'Pools' }).waitFor();
  await page.close();
});

test('a waiting task says why, a run is held and released, and cancelling ends it', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'slow');
  await taskRow(page, 'wait', 'running').waitFor();
  await taskRow(page, 'after').click();
  await page.getByText('Why is it not running?').waitFor();
  await page.locator('.why li').first().waitFor();
  await shoot(page, 'why-not');
  if (real) {
    for (const [act, done, told] of [['Hold…', 'Hold the run', 1], ['Release…', 'Release the run', 0]]) {
      await page.getByRole('button', { name: act }).click();
      await check(page, act);
      await page.getByRole('dialog').getByRole('button', { name: done }).click();
      await page.waitForFunction((count) => [...document.querySelectorAll('.notice')].filter((one) => one.textContent.startsWith('This run is held')).length === count, told);
    }
  }
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click();
  await headState(page, 'failed').waitFor();
  await taskRow(page, 'wait', 'failed').waitFor();
  await taskRow(page, 'after', 'skipped').waitFor();
  await finish();
});

test('clearing shows first what would run again; a run and a task are marked by hand', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'demo');
  await headState(page, 'success').waitFor();
  await taskRow(page, 'transform').click();
  await page.locator('.task-panel').getByRole('button', { name: 'Clear…' }).click();
  const dialog = page.getByRole('dialog');
  const preview = dialog.getByRole('list', { name: 'Tasks that would run again' }).getByRole('listitem');
  await preview.nth(1).waitFor();
  assert.equal(await preview.count(), 2);
  await dialog.getByLabel('Also the tasks after it').uncheck();
  await page.waitForFunction(() => document.querySelectorAll('.preview li').length === 1);
  await check(page, 'clear one task');
  await shoot(page, 'clear');
  await dialog.getByRole('button', { name: 'Clear', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.locator('.page-head [data-state="running"], .page-head [data-state="queued"]').waitFor();
  await headState(page, 'success').waitFor();
  if (real) {
    const mark = async (place, name) => {
      await page.locator(place).getByRole('button', { name, exact: true }).click();
      await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
    };
    await mark('.page-head', 'Mark failed');
    await headState(page, 'failed').waitFor();
    await mark('.page-head', 'Mark success');
    await headState(page, 'success').waitFor();
    // What a mark touches is told before: the task, and what is behind it or in other runs where that is chosen.
    await page.locator('.task-panel').getByRole('button', { name: 'Mark skipped', exact: true }).click();
    await dialog.getByText('Would be marked: 1 task').waitFor();
    await dialog.getByLabel('Also the tasks after it').check();
    await dialog.getByText('Would be marked: 2 tasks').waitFor();
    await dialog.getByLabel('Also in earlier runs').check();
    await page.waitForFunction(() => document.querySelectorAll('.preview li').length >= 4); // an earlier case ran it, too
    await check(page, 'a mark with neighbours');
    await dialog.getByLabel('Also in earlier runs').uncheck();
    await dialog.getByText('Would be marked: 2 tasks').waitFor();
    await dialog.getByRole('button', { name: 'Mark skipped', exact: true }).click();
    await taskRow(page, 'transform', 'skipped').waitFor();
    await taskRow(page, 'aggregate', 'skipped').waitFor();
  }
  await finish();
});

test('where nothing is, a heading says so and a link leads on', async () => {
  const { page, finish } = await newPage(session, '#/nowhere', [/^404 \/api\/.*\/no_such_dag(\/|$)/]);
  await page.getByRole('heading', { name: 'Nothing is at this address.' }).waitFor();
  await check(page, 'an address where nothing is');
  await page.evaluate(() => (location.hash = '#/dags/no_such_dag'));
  await page.getByRole('heading', { name: 'no_such_dag' }).waitFor();
  await page.getByRole('main').getByRole('link', { name: 'Problems' }).waitFor();
  await check(page, 'a DAG that is not there');
  await finish();
});

test('a run of 1,200 tasks draws only what is in sight and can be searched', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'wide');
  await page.getByText('1,200', { exact: true }).waitFor();
  await headState(page, 'success').waitFor({ timeout: 2 * patience });
  assert.ok((await page.locator('.task-row').count()) < 60);
  await page.locator('[data-unit="fan:task_0000"]', { hasText: 'task_…' }).waitFor(); // they stand beside each other: one box
  await page.getByRole('button', { name: 'Unfold all groups' }).click();
  await page.getByText('1,200 boxes are too many for a picture').waitFor(); // no picture is missing without a word
  await page.getByRole('button', { name: 'Fold all groups', exact: true }).click();
  await page.locator('[data-unit="fan:task_0000"]').waitFor();
  await page.locator('.virtual-rows').evaluate((list) => (list.scrollTop = list.scrollHeight));
  await taskRow(page, 'task_1199').waitFor();
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('0777');
  await taskRow(page, 'task_0777').click();
  await page.getByRole('region', { name: 'Task task_0777' }).waitFor();
  await shoot(page, 'wide');
  await finish();
});

test('the pages of pools, variables, connections, events and health open', async () => {
  const { page, finish } = await newPage(session);
  for (const name of ['Pools', 'Variables', 'Connections', 'Event log', 'Health']) {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.locator('.table, .empty').first().waitFor();
  }
  await shoot(page, 'health');
  await finish();
});

test('hostile text is only ever text', async () => {
  const { page, finish } = await newPage(session, '', [/^4\d\d \/api\//]);
  await page.locator('.dag-about', { hasText: '<img src=x' }).waitFor();
  await trigger(page, 'hostile', (dialog) => dialog.getByText('<script>').first().waitFor());
  await headState(page, 'success').waitFor();
  await taskRow(page, 'shout').click();
  await page.locator('.log-text', { hasText: '<script>window.pwned' }).first().waitFor();
  await page.locator('.log-text').getByText('red', { exact: true }).first().waitFor();
  await page.getByRole('tab', { name: 'Details' }).click();
  await page.getByText('Configuration').click();
  await shoot(page, 'hostile');
  assert.equal(await page.locator('img:not([src="/favicon.svg"]), main script, #app script').count(), 0);
  for (const hash of ['#/dags/%3Cimg%20src%3Dx%20onerror%3D%22window.pwned%3D1%22%3E', '#/dags/..', '#/dags/%zz', '#/<b>']) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.locator('.notice-error, .empty').first().waitFor();
  }
  await finish();
});

test('every view fits a narrow screen and a dark one', async () => {
  const { page, finish } = await newPage(session);
  await trigger(page, 'demo');
  await headState(page, 'success').waitFor();
  await taskRow(page, 'extract').click();
  await page.locator('.log-line').first().waitFor();
  const run = await page.evaluate(() => location.hash);
  const places = { dags: '#/dags', dag: '#/dags/demo', tasks: '#/dags/demo?tab=tasks', source: '#/dags/demo?tab=source', run, pools: '#/pools' };
  for (const scheme of ['light', 'dark']) {
    for (const width of [1360, 390]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 900 });
      for (const [name, hash] of Object.entries(places)) {
        await page.evaluate((to) => (location.hash = to), hash);
        await page.locator('.dag-row, .table, .code-box, .task-row').first().waitFor();
        await page.waitForTimeout(150);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${name} is ${over} px too wide at ${width}`);
        await shoot(page, `${name}-${scheme}-${width}`);
      }
    }
  }
  await finish();
});

test('the language is switched by keyboard, on a narrow screen too, and is kept', async () => {
  const context = await session.context.browser().newContext({ viewport: { width: 390, height: 900 }, storageState: await session.context.storageState() });
  context.setDefaultTimeout(patience);
  const { page, finish } = await newPage({ ...session, context }, '#/home');
  const lang = () => page.evaluate(() => document.documentElement.lang);
  await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
  assert.equal(await lang(), 'en');
  await page.getByRole('button', { name: 'PT Português' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Início', exact: true }).waitFor();
  assert.equal(await lang(), 'pt-BR');
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'the bar is too wide');
  await check(page, 'Portuguese at 390');
  await shoot(page, 'language-390');
  // The places are one line, which names where one is; opened, each is there, and the one that is chosen closes them.
  const menu = page.locator('.places-button');
  const links = page.getByRole('navigation', { name: 'Principal' }).getByRole('link');
  assert.match(await menu.textContent(), /Menu: Início/);
  assert.ok((await menu.evaluate((one) => one.getBoundingClientRect().height)) < 48);
  assert.equal(await links.count(), 0);
  await menu.focus();
  await page.keyboard.press('Enter');
  await links.nth(15).waitFor();
  await check(page, 'the menu of places at 390');
  await shoot(page, 'menu-390');
  await page.keyboard.press('Escape');
  await links.first().waitFor({ state: 'detached' });
  assert.equal(await menu.evaluate((one) => one === document.activeElement), true);
  await page.keyboard.press('Enter');
  await links.filter({ hasText: 'Pools' }).click();
  await page.getByRole('heading', { name: 'Pools', exact: true }).waitFor();
  assert.equal(await links.count(), 0);
  await page.evaluate(() => (location.hash = '#/home'));
  await page.getByRole('heading', { name: 'Início', exact: true }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Início', exact: true }).waitFor();
  await page.getByRole('button', { name: 'EN English' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
  await finish();
  await context.close();
});

test('everything needed to trigger a run is reachable by keyboard', async () => {
  const { page, finish } = await newPage(session, '#/dags/flaky');
  await page.getByRole('button', { name: 'Trigger', exact: true }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Trigger', exact: true }).focus();
  await page.keyboard.press('Enter');
  await taskRow(page, 'wobble').waitFor();
  await taskRow(page, 'wobble').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('tab', { name: 'Log' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.locator('[role="tab"][aria-selected="true"]', { hasText: 'XCom' }).waitFor();
  await finish();
});
