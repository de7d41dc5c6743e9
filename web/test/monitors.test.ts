import { expect, test } from 'vitest';
import type { LakeMonitorResult } from '../src/api/types';
import { barsOf, valueText } from '../src/lib/monitors';
import { monitorsLink, parseRoute, watchedLink } from '../src/lib/route';

const result = (at: number, value: number | null, limit_value: number | null): LakeMonitorResult => ({ monitor_id: 'a/b', status: 'well', message: '', evaluated_at: `2026-11-20T0${at}:00:00Z`, value, limit_value });

test('bars stand from the oldest to the newest, as high as the largest of values and bounds allows', () => {
  const { bars, limit } = barsOf([result(3, 50, 100), result(2, null, null), result(1, 200, 100)]);
  expect(bars.map((one) => one.share)).toEqual([1, null, 0.25]);
  expect(bars[0]?.result.evaluated_at).toBe('2026-11-20T01:00:00Z');
  expect(limit).toBe(0.5);
  expect(barsOf([result(1, 0, null)])).toMatchObject({ bars: [{ share: 0 }], limit: null });
  expect(barsOf([])).toEqual({ bars: [], limit: null });
});

test('a value is told in the unit of its kind', () => {
  expect(valueText('freshness', 7200)).toBe('2 h 0 min');
  expect(valueText('volume', 0.1)).toBe('0.10 times');
  expect(valueText('failures', 3)).toBe('3');
  expect(valueText('cost', 2.5)).toBe('2.50 times');
  expect(valueText('schema', null)).toBe('–');
});

test('links lead to the monitors, to the table that one watches, and to the failed tasks of its DAG', () => {
  expect(parseRoute(monitorsLink({ monitor: 'bank/late' }))).toEqual({ view: 'monitors' });
  expect(monitorsLink()).toBe('#/lake/monitors');
  expect(watchedLink('freshness', 'gold/bank/x')).toBe('#/lake/gold/bank/x');
  expect(watchedLink('failures', 'bank.load')).toBe('#/tasks?dag=bank&state=failed');
  expect(watchedLink('cost', 'gold/bank/x')).toBe('#/lake/gold/bank/x');
  expect(watchedLink('cost', 'bank')).toBe('#/lake/monitors?domain=bank');
  expect(watchedLink('lag', 'orders of bank')).toBe('#/lake/monitors?target=orders+of+bank');
});
