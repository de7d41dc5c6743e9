// How a DAG's runs, or a task of them, went over time: how long they waited and took, when they landed, which failed. Pure.
import type { DagRun, TaskInstance } from '../api/types';
import { parseTime } from './format';
import { isEnded, worstFirst } from './states';
import { partsOf } from './zone';

export interface Point {
  run: string; // its id
  state: string | null;
  at: string; // when it was due
  waited: number; // seconds from when it was queued to its start
  took: number | null; // seconds; null: it has not started
  landed: number | null; // seconds from when it was due to its end; null: it has not ended
}

const seconds = (from: string | null, to: string | number | null): number | null => {
  const [start, end] = [parseTime(from), typeof to === 'number' ? to : parseTime(to)];
  return start === null || end === null ? null : Math.max(0, (end - start) / 1000);
};

/** The oldest first, as charts are read. What runs is as long as it has run by now. */
export function runPoints(runs: readonly DagRun[], now: number): Point[] {
  return [...runs].reverse().map((run) => ({
    run: run.dag_run_id,
    state: run.state,
    at: run.run_after,
    waited: seconds(run.queued_at, run.start_date) ?? 0,
    took: seconds(run.start_date, run.end_date ?? now),
    landed: isEnded(run.state) ? seconds(run.run_after, run.end_date) : null,
  }));
}

/** One point a run: of a mapped task its longest instance, in the state that needs attention most. */
export function taskPoints(tasks: readonly TaskInstance[], now: number): Point[] {
  const points = new Map<string, Point>();
  const rank = (state: string | null) => worstFirst.indexOf(state ?? 'none');
  const longest = (one: number | null, other: number | null) => (one === null || other === null ? (one ?? other) : Math.max(one, other));
  for (const task of tasks) {
    const ended = isEnded(task.state);
    const point: Point = {
      run: task.dag_run_id,
      state: task.state,
      at: task.run_after,
      waited: seconds(task.queued_when, task.start_date) ?? 0,
      took: seconds(task.start_date, ended ? task.end_date : now),
      landed: ended ? seconds(task.run_after, task.end_date) : null,
    };
    const before = points.get(point.run);
    if (!before) points.set(point.run, point);
    else {
      before.state = rank(point.state) < rank(before.state) ? point.state : before.state;
      before.waited = Math.max(before.waited, point.waited);
      before.took = longest(before.took, point.took);
      before.landed = longest(before.landed, point.landed);
    }
  }
  return [...points.values()].reverse();
}

/** The value below which so large a share of them lies; null of none. */
export function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? null;
}

export interface Summary {
  ended: number;
  failed: number;
  median: number | null; // of how long they took, of those that succeeded
  slow: number | null; // 19 of 20 took no longer
  landing: number | null; // the median
}

export function summaryOf(points: readonly Point[]): Summary {
  const ended = points.filter((point) => isEnded(point.state as DagRun['state']));
  const good = points.flatMap((point) => (point.state === 'success' && point.took !== null ? [point.took] : []));
  return {
    ended: ended.length,
    failed: ended.filter((point) => point.state === 'failed' || point.state === 'upstream_failed').length,
    median: quantile(good, 0.5),
    slow: quantile(good, 0.95),
    landing: quantile(points.flatMap((point) => point.landed ?? []), 0.5),
  };
}

const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** Round amounts of seconds for an axis up to `most`, the last at or above it; at most five. */
export function axisOf(most: number): number[] {
  const step = steps.find((one) => most / one <= 4) ?? Math.ceil(most / 4 / 86_400) * 86_400;
  const count = Math.max(1, Math.ceil(most / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toFixed(3)));
}

export interface DayCount {
  day: string; // the reader's, "2026-11-20"
  success: number;
  failed: number;
  rest: number; // what else ended
}

/** What ended, by the day it was due; days without any are left out. */
export function byDay(points: readonly Point[]): DayCount[] {
  const days = new Map<string, DayCount>();
  for (const { at, state } of points) {
    const ms = parseTime(at);
    if (ms === null || !isEnded(state as DagRun['state'])) continue;
    const date = partsOf(ms);
    const day = `${date.year}-${String(date.month + 1).padStart(2, '0')}-${String(date.day).padStart(2, '0')}`;
    let count = days.get(day);
    if (!count) days.set(day, (count = { day, success: 0, failed: 0, rest: 0 }));
    count[state === 'success' ? 'success' : state === 'failed' || state === 'upstream_failed' ? 'failed' : 'rest'] += 1;
  }
  return [...days.values()];
}
