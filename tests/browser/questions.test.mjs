// What tasks ask people: found on the home page, answered in the panel of its task.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { check, headState, login, newPage, open, shoot, taskRow, trigger } from './harness.mjs';

let session;
before(async () => {
  session = await open();
  await login(session);
});
after(() => session?.close());

test('a question is on the home page, is answered with its form, and the run goes on', async () => {
  const { page, finish } = await newPage(session, '', [/^(400|422|404) \/api\/v2\/.*\/hitlDetails(\/|$)/]);
  await trigger(page, 'asking');
  await taskRow(page, 'ask', 'deferred').waitFor();
  await page.evaluate(() => (location.hash = '#/home'));
  await page.getByRole('link', { name: 'Deploy 1.4?' }).click();
  const question = page.getByRole('region', { name: 'Question' });
  await question.locator('em', { hasText: 'green' }).waitFor();
  await question.getByText(/then Reject is taken/).waitFor();
  await check(page, 'a question that waits');
  await shoot(page, 'question');
  await question.getByLabel('count').fill('0');
  await question.getByRole('button', { name: 'Approve' }).click();
  await question.getByText('Must be at least 1.').first().waitFor();
  await question.getByLabel('count').fill('3');
  await question.getByRole('button', { name: 'Approve' }).click();
  await question.getByText('was chosen by admin').waitFor();
  await question.getByText('"count": 3').waitFor();
  await headState(page, 'success').waitFor();
  await taskRow(page, 'deploy', 'success').waitFor();
  assert.equal(await question.getByRole('button').count(), 0);
  await check(page, 'a question with its answer');
  await page.evaluate(() => (location.hash = '#/home'));
  await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
  assert.equal(await page.getByText('Waiting for an answer').count(), 0);
  await finish();
});
