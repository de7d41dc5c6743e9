import { expect, test } from 'vitest';
import type { LakePlanNode } from '../src/api/types';
import { amountText, foundMetrics, labelsOf, pointsOf, sampleName, sparkPath } from '../src/lib/metrics';
import { detailsOf, planLines } from '../src/lib/sql_plan';
import { keyOf, versionOf } from '../src/lib/versions';

const node = (operator: string, more: Partial<LakePlanNode> = {}): LakePlanNode => ({ operator, details: {}, estimated_rows: null, rows: null, seconds: null, children: [], ...more });

test('a plan is read from the top down, each operator behind the one that it works for', () => {
  const plan = [node('PROJECTION', { seconds: 1, children: [node('HASH_JOIN', { seconds: 3, children: [node('READ_PARQUET'), node('FILTER', { rows: 5, estimated_rows: 4000 })] })] })];
  const lines = planLines(plan);
  expect(lines.map((one) => [one.depth, one.node.operator, one.share])).toEqual([[0, 'PROJECTION', 0.25], [1, 'HASH_JOIN', 0.75], [2, 'READ_PARQUET', null], [2, 'FILTER', null]]);
  expect(lines.map((one) => one.isOff)).toEqual([false, false, false, true]);
  expect(planLines([node('A', { rows: 3, estimated_rows: 90 })])[0]?.isOff).toBe(false); // few rows are nobody's worry
  const beyond = 10n ** 18n as unknown as number; // as exact_json reads a number above 2^53
  expect(planLines([node('CROSS_PRODUCT', { rows: 10, estimated_rows: beyond })])[0]?.isOff).toBe(true);
  expect(detailsOf(node('FILTER', { details: { Filters: ['a > 1', 'b = 2'], Type: 'x' } }))).toEqual([['Filters', 'a > 1, b = 2'], ['Type', 'x']]);
});

test('a plan as deep as none is drawn to an end', () => {
  let deep = node('LEAF');
  for (let at = 0; at < 5000; at += 1) deep = node('STEP', { children: [deep] });
  expect(planLines([deep]).length).toBe(5001);
  expect(Math.max(...planLines([deep]).map((one) => one.depth))).toBe(200);
});

test('a counter tells what came in each minute, also when it began anew; a gauge what it was', () => {
  expect(pointsOf({ type: 'counter', values: [5, 8, null, 9, 2] })).toEqual([null, 3, null, null, 2]);
  expect(pointsOf({ type: 'gauge', values: [5, null, 9] })).toEqual([5, null, 9]);
});

test('a small line is broken where nothing is known', () => {
  expect(sparkPath([0, 10, null, 5], 30, 10)).toBe('M0.0 10.0L10.0 0.0h0M30.0 5.0h0');
  expect(sparkPath([0, 0], 10, 10)).toBe('M0.0 10.0L10.0 10.0h0');
  expect(sparkPath([null], 10, 10)).toBe('');
});

test('metrics are found by name, help and labels', () => {
  const metric = (name: string, help: string, labels = {}) => ({ name, type: 'gauge' as const, help, samples: [{ name, labels, value: 1 }], left_out: 0 });
  const metrics = [metric('batuta_runs', 'Runs by state', { state: 'failed' }), metric('batuta_slots', 'Slots of workers')];
  expect(foundMetrics({ metrics }, 'runs FAILED').map((one) => one.name)).toEqual(['batuta_runs']);
  expect(foundMetrics({ metrics }, '').length).toBe(2);
  expect(labelsOf({ state: 'failed', dag: 'shop' })).toBe('state failed, dag shop');
});

test('a counted number is told whole, and a small one is not nothing', () => {
  expect([12_345_678, 0, 0.000123456, -0.5, 1234.5678, 1e-9].map((one) => amountText(one, 'en'))).toEqual(['12,345,678', '0', '0.0001235', '-0.5', '1,234.568', '0.000000001']);
  expect(amountText(12_345_678, 'pt')).toBe('12.345.678');
});

test('what a summary adds up and what it counts have names of their own beside the same labels', () => {
  const name = (sample: string, labels = {}) => sampleName('batuta_time_seconds', { name: sample, labels, value: 1 });
  expect(name('batuta_time_seconds_sum', { dag_id: 'shop' })).toBe('dag_id shop, sum');
  expect(name('batuta_time_seconds_count', { dag_id: 'shop' })).toBe('dag_id shop, count');
  expect(name('batuta_time_seconds', { dag_id: 'shop' })).toBe('dag_id shop');
  expect(name('batuta_time_seconds_sum')).toBe('sum');
  expect(name('batuta_time_seconds')).toBe('batuta_time_seconds');
});

test('versions and keys of an address are numbers and names', () => {
  expect([versionOf('0'), versionOf('12'), versionOf('-1'), versionOf('x'), versionOf(null), versionOf('9'.repeat(16))]).toEqual([0, 12, null, null, null, null]);
  expect(keyOf(' a, b ,,a')).toEqual(['a', 'b']);
});
