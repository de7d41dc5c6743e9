// A run that is started by the form: its date, and a DAG that is activated with it.
import { afterEach, expect, test, vi } from 'vitest';
import { dateOf, noFacts, startRun, withoutSecrets } from '../src/views/trigger_more';

afterEach(() => vi.unstubAllGlobals());

test('a date that was given is sent, also with a branch, so that the server says what is wrong with it', () => {
  const dated = { ...noFacts, logical_date: '2026-03-10T00:00:00Z' };
  expect(dateOf(dated, '')).toBe(dated.logical_date);
  expect(dateOf(dated, 'fix')).toBe(dated.logical_date);
  expect(dateOf(noFacts, 'fix')).toBeNull();
  expect(dateOf({ ...noFacts, partition_key: '2026-03-10' }, '')).toBeNull();
  expect(dateOf({ ...noFacts, partition_key: ' ' }, '')).not.toBeNull();
});

test('a run that was started stays one where its DAG cannot be activated', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    asked.push(init.method ?? 'GET');
    return Promise.resolve(init.method === 'POST' ? new Response('{"dag_id":"d","dag_run_id":"r"}') : new Response('{"detail":"no right"}', { status: 403 }));
  });
  expect(await startRun('d', { logical_date: null, conf: {} }, true)).toEqual({ run: { dag_id: 'd', dag_run_id: 'r' }, problem: 'no right' });
  expect(asked).toEqual(['POST', 'PATCH']);
});

test('values of an earlier run are taken without the stars that stand for its secrets', () => {
  const fields = [{ name: 'table', secret: false }, { name: 'key', secret: true }];
  expect(withoutSecrets(fields, { table: 'orders', key: '***', further: 1 })).toEqual({ table: 'orders', further: 1 });
});
