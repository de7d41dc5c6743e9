// What is edited on the page: pools, variables, connections, users, roles, groups, tokens, one's own password. With the real
// server behind it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { canary } from './fixture_dags.mjs';
import { check, login, look, newPage, open } from './harness.mjs';

let session;

before(async () => {
  session = await open();
  await login(session);
});
after(() => session?.close());

const button = (at, name) => at.getByRole('button', { name, exact: true });
const row = (page, name) => page.locator('tbody tr', { has: page.getByText(name, { exact: true }) });

// Fills the open dialog by its labels and keeps it; with `said` a dialog is open then that says so.
async function keep(page, values, said) {
  const dialog = page.getByRole('dialog');
  for (const [label, text] of Object.entries(values)) {
    const field = dialog.getByLabel(label, { exact: false }).first();
    if ((await field.evaluate((one) => one.tagName)) === 'SELECT') await field.selectOption(text);
    else await field.fill(text);
  }
  await button(dialog, 'Keep').click();
  if (said === undefined) await dialog.waitFor({ state: 'detached' });
  else await dialog.getByText(said, { exact: false }).first().waitFor();
}

test('a pool is made, changed and deleted; what is wrong is said at its field', async () => {
  const { page, finish } = await newPage(session, '#/pools', [/^4\d\d \/api\/v2\/pools/]);
  await button(page, 'New pool…').click();
  await check(page, 'new pool');
  await keep(page, { Name: 'narrow', Slots: 'many' }, 'must be a whole number');
  await keep(page, { Slots: '0' }, /slots|positive|-1/i);
  await keep(page, { Name: 'default_pool', Slots: '2', Description: canary }, 'default_pool');
  const name = page.getByRole('dialog').getByLabel('Name').first();
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true');
  assert.equal(await name.evaluate((one) => one === document.activeElement), true, 'that there is one already is said at the name');
  await keep(page, { Name: 'narrow' });
  await row(page, 'narrow').waitFor();
  await button(page, 'Change narrow').click();
  await keep(page, { Slots: '3' });
  await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].some((one) => /narrow/.test(one.textContent) && /3/.test(one.lastElementChild.previousElementSibling.textContent)));
  await look(page, 'pools-edited', page.locator('tbody tr'));
  await button(page, 'Delete default_pool').click();
  await button(page.getByRole('dialog'), 'Delete').click();
  await page.getByText('Every installation has this pool').waitFor();
  await page.keyboard.press('Escape');
  await button(page, 'Delete narrow').click();
  await button(page.getByRole('dialog'), 'Delete').click();
  await row(page, 'narrow').waitFor({ state: 'detached' });
  await finish();
});

test('a variable is made and changed; a hidden value stays when nothing is written', async () => {
  const { page, finish } = await newPage(session, '#/variables');
  await button(page, 'New variable…').click();
  await keep(page, { Value: '1' }, 'is needed');
  await keep(page, { Key: 'shop_password', Value: 'hunter2', Description: 'of the shop' });
  await row(page, 'shop_password').waitFor();
  assert.ok(!(await page.locator('main').textContent()).includes('hunter2'));
  await button(page, 'Change shop_password').click();
  assert.equal(await page.getByRole('dialog').getByLabel('Value').inputValue(), '');
  await keep(page, { Description: 'changed' });
  await page.getByText('changed', { exact: true }).waitFor();
  await button(page, 'Delete shop_password').click();
  await button(page.getByRole('dialog'), 'Delete').click();
  await row(page, 'shop_password').waitFor({ state: 'detached' });
  await finish();
});

test('a connection has the fields of its type; a password goes in and never comes out', async () => {
  const { page, finish } = await newPage(session, '#/connections', [/^4\d\d \/api\/v2\/connections/]);
  await button(page, 'New connection…').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address, such as').waitFor();
  assert.equal(await dialog.getByLabel('Database').count(), 0);
  await dialog.getByLabel('Type').fill('postgres');
  await dialog.getByLabel('Database').waitFor();
  await check(page, 'new connection');
  await keep(page, { Name: 'warehouse', Host: 'db.example.org', Port: '5432', Database: 'sales', Login: 'etl', Password: 'hunter2', Extra: '{oops' }, 'is not valid JSON');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true');
  const seen = await page.evaluate(() => {
    const [field, foot] = [document.activeElement, document.querySelector('.dialog-foot')].map((one) => one.getBoundingClientRect());
    return field.top >= 0 && field.bottom <= foot.top;
  });
  assert.ok(seen, 'the field that is wrong is in sight, above the buttons');
  await keep(page, { Extra: '{"sslmode":"require"}' });
  await row(page, 'warehouse').waitFor();
  await button(page, 'Change warehouse').click();
  assert.equal(await dialog.getByLabel('Password').inputValue(), '');
  assert.ok(!(await page.content()).includes('hunter2'));
  await keep(page, { Port: '5433' });
  await page.getByText('5433').waitFor();
  await button(page, 'Change warehouse').click();
  await dialog.getByLabel('Host').fill('elsewhere.example.org');
  await button(dialog, 'Try it').click();
  await dialog.getByText('write it anew').first().waitFor();
  await button(dialog, 'Back').click();
  await button(page, 'Delete warehouse').click();
  await button(dialog, 'Delete').click();
  await row(page, 'warehouse').waitFor({ state: 'detached' });
  await finish();
});

test('a connection is tried before it is kept, and nothing is kept by it', async () => {
  const { page, finish } = await newPage(session, '#/connections');
  await button(page, 'New connection…').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('myself');
  await dialog.getByLabel('Address, such as').fill(session.target.url);
  await button(dialog, 'Try it').click();
  await dialog.getByText('It lets us in. ').waitFor();
  await check(page, 'connection tried');
  await dialog.getByLabel('Address, such as').fill('http://127.0.0.1:1');
  await button(dialog, 'Try it').click();
  await dialog.getByText('It does not: http://127.0.0.1:1').waitFor();
  await button(dialog, 'Back').click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await row(page, 'myself').count(), 0);
  await finish();
});

const contract = `apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers:
  - {server: drop, type: local, path: /srv/nowhere.csv, format: csv}
schema:
  - name: orders_with_a_name_that_is_long_enough_for_any_telephone
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: client, logicalType: string, classification: confidential}
`;

test('a domain is planned while its contract is typed, made after a look at what changes, and taken away', async () => {
  const { page, finish } = await newPage(session, '#/lake/domains', [/^4\d\d \/api\/lake\/domains\//]);
  await button(page, 'New domain…').click();
  const [name, text] = ['Name', 'Contract'].map((label) => page.getByLabel(label, { exact: true }));
  assert.ok(await button(page, 'Apply…').isDisabled());
  await name.fill('Shop');
  await page.getByText('a letter first', { exact: false }).waitFor();
  await name.fill('shop');
  await page.getByLabel('Schedule of the ingestion').fill('');
  await text.fill(`${contract}nonsense: 1\n`);
  await button(page, 'Line 13').click();
  assert.equal(await text.evaluate((one) => one.value.slice(one.selectionStart, one.selectionEnd)), 'nonsense: 1');
  assert.ok(await button(page, 'Apply…').isDisabled());
  await page.getByLabel('Or choose its file').setInputFiles({ name: 'shop.odcs.yaml', mimeType: 'text/yaml', buffer: Buffer.from(contract) });
  await page.getByText('8 of 8 would change').waitFor();
  await page.getByText('these columns are classified', { exact: false }).waitFor();
  await look(page, 'domain-plan', page.getByText('8 of 8 would change'));
  await button(page, 'Apply…').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('list', { name: 'Changes' }).waitFor();
  assert.equal(await dialog.getByRole('list', { name: 'Changes' }).locator('li').count(), 8);
  await check(page, 'what applying changes');
  await button(dialog, 'Apply').click();
  await row(page, 'shop').waitFor();
  await button(page, 'Change shop').click();
  await page.getByText('nothing would change', { exact: false }).waitFor();
  await button(page, 'Close').click();
  await look(page, 'domains', row(page, 'shop'));
  await button(page, 'Cost of shop').click();
  await page.getByText('no table of a domain shop', { exact: false }).waitFor(); // nothing was read yet
  await button(page.getByRole('region', { name: 'Cost of shop' }), 'Close').click();
  await page.route('**/domains/shop', async (route) => {
    // As it is where somebody has put a file of their own beside the domain's.
    if (route.request().method() !== 'GET') return route.fallback();
    const answer = await route.fetch();
    const body = await answer.json();
    body.removal.conflicts.push('the file notes.txt was not made by this domain');
    return route.fulfill({ response: answer, json: body });
  });
  await button(page, 'Take away shop').click();
  await dialog.getByRole('list', { name: 'Changes' }).waitFor();
  assert.equal(await dialog.getByRole('list', { name: 'Changes' }).locator('li').count(), 8);
  await dialog.getByText('notes.txt was not made', { exact: false }).waitFor();
  await dialog.getByLabel('Also what others made or changed').check();
  const sent = page.waitForRequest((request) => request.method() === 'DELETE');
  await button(dialog, 'Take away').click();
  assert.match((await sent).url(), /force=true/);
  await row(page, 'shop').waitFor({ state: 'detached' });
  await finish();
});

test('a role, a user and a group of them are made, changed and deleted', async () => {
  const { page, finish } = await newPage(session, '#/access?tab=roles', [/^4\d\d \/api\/batuta\/(roles|users|groups)/]);
  await button(page, 'New role…').click();
  await keep(page, { Name: 'clerk', Rights: 'read dag:demo\nfly dag:demo' }, /fly/);
  await keep(page, { Rights: 'read dag:demo\nread lake:shop/*', Description: 'reads the shop' });
  await row(page, 'clerk').waitFor();
  assert.equal(await button(page, 'Delete admin').count(), 0); // of every installation
  await look(page, 'roles', page.locator('tbody tr'));
  await page.getByRole('tab', { name: 'Users' }).click();
  await button(page, 'New user…').click();
  await keep(page, { 'User name': 'carla', Role: 'clerk', Password: 'short' }, /8/);
  await keep(page, { Password: 'long enough 1' });
  await row(page, 'carla').waitFor();
  await button(page, 'Change carla').click();
  await keep(page, { Role: 'viewer' });
  await row(page, 'carla').getByText('viewer').waitFor();
  await look(page, 'users', page.locator('tbody tr'));
  await page.getByRole('tab', { name: 'Groups' }).click();
  await button(page, 'New group…').click();
  await keep(page, { Name: 'desk', Roles: 'clerk', Users: 'carla' });
  await row(page, 'desk').waitFor();
  await page.getByRole('tab', { name: 'Roles' }).click();
  await button(page, 'Delete clerk').click();
  await button(page.getByRole('dialog'), 'Delete').click();
  await page.getByRole('dialog').getByRole('alert').waitFor(); // a group has it
  await page.keyboard.press('Escape');
  await page.getByRole('tab', { name: 'Groups' }).click();
  await button(page, 'Delete desk').click();
  await button(page.getByRole('dialog'), 'Delete').click();
  await row(page, 'desk').waitFor({ state: 'detached' });
  await finish();
});

test('a token is shown once and ended; who may not edit sees no buttons, and changes the own password', async () => {
  const { page, finish } = await newPage(session, '#/access?tab=tokens', [/^40[13] \/api\/v2\/dags\/demo$/]);
  await button(page, 'New token…').click();
  await keep(page, { 'What it is for': 'nightly', Days: '7', 'Only for these rights': 'read dag:demo' }, 'It is shown this once');
  const shown = page.getByRole('dialog').getByLabel('Token of admin');
  const token = await shown.inputValue();
  assert.ok(token.length > 20);
  await check(page, 'the token');
  const answers = () => page.evaluate(async (bearer) => (await fetch('/api/v2/dags/demo', { credentials: 'omit', headers: { authorization: `Bearer ${bearer}` } })).status, token);
  assert.equal(await answers(), 200);
  await button(page.getByRole('dialog'), 'Done').click();
  await row(page, 'nightly').getByRole('button').click();
  await button(page.getByRole('dialog'), 'End it').click();
  await row(page, 'nightly').waitFor({ state: 'detached' });
  assert.notEqual(await answers(), 200);
  await finish();

  const other = await session.context.browser().newContext({ viewport: { width: 1280, height: 900 } });
  other.setDefaultTimeout(45_000);
  const carla = await newPage({ ...session, context: other }, '', [/^40[13] \/api\//]);
  const enter = async (password) => {
    await carla.page.getByLabel('User name').fill('carla');
    await carla.page.getByLabel('Password').fill(password);
    await carla.page.getByRole('button', { name: 'Sign in' }).click();
    await carla.page.locator('.who').waitFor();
  };
  await enter('long enough 1');
  await carla.page.evaluate(() => (location.hash = '#/pools'));
  await carla.page.locator('tbody tr').first().waitFor();
  assert.equal(await carla.page.getByRole('button', { name: 'New pool…' }).count(), 0);
  await carla.page.evaluate(() => (location.hash = '#/dags/demo?tab=source&edit=yes'));
  await carla.page.getByText('It can be read here, not edited:').waitFor();
  const text = carla.page.getByRole('textbox', { name: 'The newest version of demo' });
  await text.waitFor();
  await check(carla.page, 'a file that is read');
  await text.press('x');
  assert.match(await text.textContent(), /"dag_id": "demo"/);
  assert.ok(!(await text.textContent()).startsWith('x'));
  await carla.page.evaluate(() => (location.hash = '#/access'));
  await carla.page.getByRole('tab', { name: 'Tokens' }).waitFor();
  assert.equal(await carla.page.getByRole('tab').count(), 1);
  await carla.page.getByRole('button', { name: 'carla: change your password' }).click();
  await keep(carla.page, { 'The password of today': 'long enough 1', 'The new one (needed)': 'even longer 2', 'The new one, again': 'something else' }, 'The new password is not written the same twice.');
  await keep(carla.page, { 'The new one, again': 'even longer 2' });
  await carla.page.evaluate(() => (location.hash = '#/variables'));
  await carla.page.getByLabel('User name').waitFor();
  await enter('even longer 2');
  await carla.finish();
  await other.close();
});
