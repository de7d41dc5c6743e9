// Where each task's bar stands on a run's time axis. Times in ms, positions as shares of the axis.
import type { TaskInstance } from '../api/types';
import { parseTime } from './format';

export interface Bar {
  key: string;
  queuedFrom: number; // 0..1; equals `from` when nothing was waited for
  from: number;
  to: number;
}

export interface Timeline {
  start: number;
  length: number; // ms, at least 1
  bars: Map<string, Bar>;
}

export function buildTimeline(tasks: readonly TaskInstance[], runStart: string | null, now: number): Timeline {
  let start = parseTime(runStart) ?? Infinity;
  let end = 0;
  for (const task of tasks) {
    const from = parseTime(task.queued_when) ?? parseTime(task.start_date);
    if (from === null) continue;
    start = Math.min(start, from);
    end = Math.max(end, parseTime(task.end_date) ?? now);
  }
  if (start === Infinity) return { start: now, length: 1, bars: new Map() };
  const axis = { start, length: Math.max(1, end - start) };
  const bars = new Map<string, Bar>();
  for (const task of tasks) {
    const bar = barOf(task, axis, now);
    if (bar) bars.set(bar.key, bar);
  }
  return { ...axis, bars };
}

/** Where one try stands on the axis, an earlier one too; null: it has not started. */
export function barOf(task: TaskInstance, { start, length }: Pick<Timeline, 'start' | 'length'>, now: number): Bar | null {
  const started = parseTime(task.start_date);
  if (started === null) return null;
  const share = (ms: number) => Math.min(1, Math.max(0, (ms - start) / length));
  return {
    key: taskKey(task),
    queuedFrom: share(Math.min(parseTime(task.queued_when) ?? started, started)),
    from: share(started),
    to: share(parseTime(task.end_date) ?? now),
  };
}

export function taskKey(task: { task_id: string; map_index: number }): string {
  return task.map_index < 0 ? task.task_id : `${task.task_id}[${task.map_index}]`;
}

const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** Round times (ms from the start) at which the axis gets a mark; at most `most` of them. */
export function axisMarks(length: number, most = 6): number[] {
  const seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400];
  const candidates = [...steps, ...seconds.map((s) => s * 1000)];
  const last = candidates[candidates.length - 1] as number;
  const step = candidates.find((one) => length / one < most) ?? Math.ceil(length / most / last) * last;
  const marks: number[] = [];
  for (let at = 0; at <= length && marks.length <= most; at += step) marks.push(at);
  return marks;
}
