import { expect, test } from 'vitest';
import type { TaskInstance } from '../src/api/types';
import { axisMarks, barOf, buildTimeline, taskKey } from '../src/lib/timeline';
import { visibleWindow } from '../src/lib/window';

const at = (seconds: number) => new Date(Date.UTC(2024, 0, 1, 0, 0, seconds)).toISOString();
const task = (id: string, queued: number, start: number, end: number | null) =>
  ({ task_id: id, map_index: -1, queued_when: at(queued), start_date: at(start), end_date: end === null ? null : at(end) }) as TaskInstance;

test('bars share one axis, from the run start to now', () => {
  const line = buildTimeline([task('a', 0, 2, 5), task('b', 5, 5, null)], at(0), Date.parse(at(10)));
  expect(line.length).toBe(10_000);
  expect(line.bars.get('a')).toMatchObject({ queuedFrom: 0, from: 0.2, to: 0.5 });
  expect(line.bars.get('b')).toMatchObject({ from: 0.5, to: 1 });
});

test('an earlier try stands on the axis of the run, at its own time', () => {
  const line = buildTimeline([task('a', 6, 8, 10)], at(0), Date.parse(at(10)));
  expect(barOf(task('a', 1, 2, 4), line, 0)).toMatchObject({ queuedFrom: 0.1, from: 0.2, to: 0.4 });
  expect(barOf({ ...task('a', 1, 2, 4), start_date: null }, line, 0)).toBeNull();
});

test('a run in which nothing has started has no bars', () => {
  const idle = { task_id: 'a', map_index: -1, queued_when: null, start_date: null, end_date: null } as TaskInstance;
  expect(buildTimeline([idle], null, 0).bars.size).toBe(0);
});

test('the axis has a few round marks at any length', () => {
  for (const length of [1, 7, 950, 61_000, 5_000_000, 3e10]) {
    const marks = axisMarks(length, 4);
    expect(marks.length).toBeGreaterThan(0);
    expect(marks.length).toBeLessThanOrEqual(5);
    expect(marks[0]).toBe(0);
  }
  expect(axisMarks(10_000, 4)).toEqual([0, 5000, 10_000]);
});

test('a mapped task has its index in its key', () => {
  expect(taskKey({ task_id: 'a', map_index: -1 })).toBe('a');
  expect(taskKey({ task_id: 'a', map_index: 3 })).toBe('a[3]');
});

test('a window draws what is in sight and accounts for the rest', () => {
  const one = visibleWindow(20_000, 40, 4000, 400, 5);
  expect(one).toEqual({ first: 95, last: 115, before: 3800, after: 19_885 * 40 });
  expect(visibleWindow(3, 40, 9999, 400).first).toBe(0);
  expect(visibleWindow(0, 40, 0, 400)).toEqual({ first: 0, last: 0, before: 0, after: 0 });
});
