import { describe, expect, test } from 'vitest';
import type { DagRun, TaskInstance } from '../src/api/types';
import { axisOf, byDay, quantile, runPoints, summaryOf, taskPoints } from '../src/lib/trends';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 12) + seconds * 1000).toISOString();
const now = Date.parse(at(100));
const run = (id: string, state: DagRun['state'], queued: number, start: number | null, end: number | null) =>
  ({ dag_run_id: id, state, run_after: at(0), queued_at: at(queued), start_date: start === null ? null : at(start), end_date: end === null ? null : at(end) }) as DagRun;
const task = (id: string, index: number, state: TaskInstance['state'], start: number, end: number | null) =>
  ({ dag_run_id: id, map_index: index, state, run_after: at(0), queued_when: at(start - 1), start_date: at(start), end_date: end === null ? null : at(end) }) as TaskInstance;

describe('points', () => {
  test('of runs are the oldest first: waited, took, landed', () => {
    const points = runPoints([run('new', 'running', 10, 20, null), run('old', 'success', 1, 2, 32)], now);
    expect(points.map(({ run: id, waited, took, landed }) => [id, waited, took, landed])).toEqual([
      ['old', 1, 30, 32],
      ['new', 10, 80, null],
    ]);
    expect(runPoints([run('q', 'queued', 1, null, null)], now)[0]).toMatchObject({ took: null, landed: null, waited: 0 });
  });
  test('of a mapped task are one a run: its longest instance, in the state that needs attention most', () => {
    const points = taskPoints([task('new', 0, 'success', 10, 12), task('new', 1, 'failed', 10, 30), task('old', -1, 'success', 5, 6)], now);
    expect(points.map((point) => [point.run, point.state, point.took, point.landed])).toEqual([
      ['old', 'success', 1, 6],
      ['new', 'failed', 20, 30],
    ]);
  });
});

test('a summary counts what ended, and measures what succeeded', () => {
  const points = runPoints([run('a', 'failed', 0, 0, 500), run('b', 'success', 0, 0, 10), run('c', 'success', 0, 0, 30), run('d', 'running', 0, 0, null)], now);
  expect(summaryOf(points)).toEqual({ ended: 3, failed: 1, median: 10, slow: 30, landing: 30 });
  expect(summaryOf([])).toEqual({ ended: 0, failed: 0, median: null, slow: null, landing: null });
  expect([quantile([], 0.5), quantile([3, 1, 2], 0.5), quantile([3, 1, 2], 0.95), quantile([1], 0)]).toEqual([null, 2, 3, 1]);
});

test('an axis has few and round amounts, and reaches over the largest', () => {
  expect(axisOf(10)).toEqual([0, 5, 10]);
  expect(axisOf(61)).toEqual([0, 30, 60, 90]);
  expect(axisOf(0.3)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(axisOf(0.001)).toEqual([0, 0.001]);
  for (const most of [0.013, 7, 4000, 90_000, 10_000_000]) {
    const axis = axisOf(most);
    expect(axis.length).toBeLessThanOrEqual(6);
    expect(axis.at(-1)).toBeGreaterThanOrEqual(most);
  }
});

test('failures are counted by the day they were due, and what has not ended is not counted', () => {
  const points = runPoints([run('a', 'failed', 0, 0, 5), run('b', 'success', 0, 0, 10), run('c', 'running', 0, 0, null)], now);
  expect(byDay(points)).toEqual([{ day: expect.stringMatching(/^2026-11-/) as string, success: 1, failed: 1, rest: 0 }]);
  expect(byDay([])).toEqual([]);
});
