// The calendar of a DAG, with the real server behind it: what ran, what is planned, which ticks had no run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { check, headState, login, look, newPage, open, shoot, trigger } from './harness.mjs';

let session;

before(async () => {
  session = await open();
  await login(session);
  const { page, finish } = await newPage(session);
  for (let turn = 0; turn < 3; turn += 1) {
    await trigger(page, 'halfyearly');
    await headState(page, 'success').waitFor();
  }
  await finish();
});
after(() => session?.close());

test('the calendar has what ran today, and a day leads to its runs', async () => {
  const { page, finish } = await newPage(session, '#/dags/halfyearly');
  await page.getByRole('tab', { name: 'Calendar' }).click();
  const today = page.locator('.day[aria-current="date"]');
  await today.locator('.state-success', { hasText: '3' }).waitFor();
  assert.match(await today.getAttribute('title'), /, 3 Success(,|$)/);
  await today.click();
  await page.locator('.day-detail tbody tr').nth(2).waitFor();
  await look(page, 'calendar', today);
  await page.reload();
  await page.locator('.day-detail tbody tr').nth(2).waitFor();
  await today.focus();
  const before = Number(await today.getAttribute('data-day'));
  await page.keyboard.press(before === 1 ? 'ArrowRight' : 'ArrowLeft');
  assert.equal(await page.evaluate(() => Number(document.activeElement?.dataset.day)), before === 1 ? 2 : before - 1);
  await page.keyboard.press('Enter');
  await page.getByText('No runs on this day.').waitFor();
  await page.locator('.day-detail').waitFor();
  await finish();
});

test('the calendar shows what is planned, months ahead, and ticks that had no run', async () => {
  const { page, finish } = await newPage(session, '#/dags/halfyearly?tab=calendar');
  await page.locator('.day .state-success', { hasText: '3' }).waitFor();
  for (let months = 0; (await page.locator('.day .day-planned').count()) === 0 && months < 7; months += 1) {
    const before = await page.locator('.month-bar h2').textContent();
    await page.getByRole('button', { name: 'The month after' }).click();
    await page.waitForFunction((old) => document.querySelector('.month-bar h2').textContent !== old && document.querySelector('.month') !== null, before);
    await page.waitForTimeout(150);
  }
  assert.match(await page.locator('.day').first().getAttribute('title'), /1 planned/);
  await page.locator('.day').first().click();
  await page.getByText('Still to come: 1 run.').waitFor();
  await shoot(page, 'view-calendar-planned');
  await page.getByRole('button', { name: 'This month' }).click();
  await page.locator('.day[aria-current="date"]').waitFor();
  assert.doesNotMatch(await page.evaluate(() => location.hash), /month=/);
  // The server tells of them when they happen, which no test waits for.
  await page.route('**/calendar?*', async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    const at = body.parts.at(-1).from;
    await route.fulfill({ response: answer, json: { ...body, is_paused: true, skipped: [{ from: at, to: at, count: 1, more: false, why: 'the DAG was paused' }] } });
  });
  await page.reload();
  await page.locator('.day .day-skips').click();
  await page.getByText(/1 ticks without a run, .*: the DAG was paused/).waitFor();
  await page.getByText('The DAG is paused: nothing is planned.').waitFor();
  await check(page, 'calendar with ticks without a run');
  await finish();
});

test('a year shows each month with what ran and is planned in it, and leads to its days', async () => {
  const { page, finish } = await newPage(session, '#/dags/halfyearly?tab=calendar');
  await page.getByRole('button', { name: 'By months' }).click();
  const now = page.locator('.year-month[aria-current="date"]');
  await now.locator('.state-success', { hasText: '3' }).waitFor();
  assert.equal(await page.locator('.year-month').count(), 12);
  await look(page, 'calendar-year', now);
  await page.getByRole('button', { name: 'The year after' }).click();
  await page.locator('.year-month .day-planned').nth(1).waitFor(); // two half years
  assert.equal(await now.count(), 0);
  await page.reload();
  await page.locator('.year-month .day-planned').nth(1).waitFor();
  await page.locator('.year-month:has(.day-planned)').first().click();
  await page.locator('.day .day-planned').waitFor();
  assert.match(await page.evaluate(() => location.hash), /month=\d{4}-\d\d/);
  await page.getByRole('button', { name: 'By months' }).click();
  await page.getByRole('button', { name: 'This year' }).click();
  await now.locator('.state-success').waitFor();
  await page.getByRole('button', { name: 'By days' }).click();
  await page.locator('.day[aria-current="date"] .state-success').waitFor();
  assert.doesNotMatch(await page.evaluate(() => location.hash), /year=/);
  await finish();
});

test('the calendar speaks Portuguese where the browser does', async () => {
  const context = await session.context.browser().newContext({ locale: 'pt-BR', storageState: await session.context.storageState() });
  const { page, finish } = await newPage({ ...session, context }, '#/dags/halfyearly?tab=calendar');
  await page.getByRole('tab', { name: 'Calendário' }).waitFor();
  await page.locator('.day[aria-current="date"] .state-success').waitFor();
  await page.getByText('previstas').first().waitFor();
  await shoot(page, 'view-calendar-pt');
  await finish();
  await context.close();
});
