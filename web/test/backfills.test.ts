import { expect, test } from 'vitest';
import type { Backfill } from '../src/api/types';
import { backfillState, isUnderWay, outcomeName, planText } from '../src/lib/backfills';
import { deadlineOf, referenceName } from '../src/lib/deadlines';
import { xcomsQuery } from '../src/lib/list_query';
import { listLink, parseRoute } from '../src/lib/route';

const one = (more: object, batuta: object = {}) =>
  ({ is_paused: false, completed_at: null, ...more, batuta: { cancelled: false, ended: false, done: 1, ticks: 3, ...batuta } }) as unknown as Backfill;

test('a backfill that was cancelled stays so while its runs go on', () => {
  const all = [one({}), one({ is_paused: true }), one({ completed_at: '2026-01-01T00:00:00Z' }, { cancelled: true }), one({ is_paused: true, completed_at: '2026-01-01T00:00:00Z' }, { ended: true })];
  expect(all.map(backfillState)).toEqual(['running', 'paused', 'cancelled', 'completed']);
  expect(all.map(isUnderWay)).toEqual([true, true, false, false]);
});

test('a plan says how many dates get a run, run again and stay', () => {
  const plan = { backfills: [{ batuta: { action: 'create' } }, { batuta: { action: 'clear' } }], total_entries: 2, batuta: { ticks: 3, left_alone: [{}] } };
  expect(planText(plan as never)).toBe('3 dates: 1 get a new run, 1 run again, 1 stay as they are.');
  expect([outcomeName('created'), outcomeName('newer')]).toEqual(['a new run', 'newer']);
});

test('a missed deadline is read from its event; one that holds something else has none', () => {
  expect(deadlineOf('{"deadline":"2026-01-01T00:00:00Z","reference":"queued_at"}')).toEqual({ at: '2026-01-01T00:00:00Z', reference: 'queued_at' });
  expect([deadlineOf(null), deadlineOf('{'), deadlineOf('null')].map((found) => found.at)).toEqual([null, null, null]);
  expect([referenceName('queued_at'), referenceName('other'), referenceName('')]).toEqual(['when it was queued', 'other', '–']);
});

test('backfills, deadlines and XComs have places, and filters in the address', () => {
  expect(['#/backfills', '#/deadlines', '#/xcoms', '#/backfills/7', '#/backfills/x'].map((hash) => parseRoute(hash).view)).toEqual(['backfills', 'deadlines', 'xcoms', 'backfill', 'unknown']);
  expect(listLink('backfills', 'a&b')).toBe('#/backfills?dag=a%26b');
  const query = xcomsQuery(new URLSearchParams('key=ret&q=load&map=-1&from=2026-01-01T00:00Z'));
  expect(query).toMatchObject({ xcom_key_pattern: '%ret%', task_id_pattern: '%load%', map_index_filter: -1, run_after_gte: '2026-01-01T00:00:00.000Z', order_by: '-run_after' });
  expect(xcomsQuery(new URLSearchParams('map=two'))['map_index_filter']).toBeUndefined();
});
