// Live events folded into what the page has already read. Pure: the same inputs give the same lists,
// and a list nothing touched is returned as it was, so that nothing redraws.
import type { DagRun, RunEvent, TaskEvent, TaskInstance } from '../api/types';
import { worstFirst } from './states';
import { taskKey } from './timeline';

/** The run as its event leaves it. */
export function mergeRun<Run extends Pick<DagRun, 'state' | 'start_date' | 'end_date' | 'queued_at'>>(
  run: Run,
  event: RunEvent,
): Run {
  return {
    ...run,
    state: event.state,
    start_date: event.start_date,
    end_date: event.end_date,
    queued_at: event.queued_at ?? run.queued_at,
  };
}

/**
 * The listed runs as the events leave them. A run that is not listed stays out: an event does not tell whether it is new
 * or an old one that was cleared, so that its place is the server's to tell.
 */
export function applyRuns(runs: readonly DagRun[], events: readonly RunEvent[], dag: string): readonly DagRun[] {
  let next: DagRun[] | null = null;
  for (const event of events) {
    if (event.dag_id !== dag) continue;
    const at = (next ?? runs).findIndex((run) => run.dag_run_id === event.dag_run_id);
    if (at < 0) continue;
    next ??= [...runs];
    next[at] = mergeRun(next[at] as DagRun, event);
  }
  return next ?? runs;
}

export function applyRun(run: DagRun, events: readonly RunEvent[]): DagRun {
  return events
    .filter((event) => event.dag_id === run.dag_id && event.dag_run_id === run.dag_run_id)
    .reduce(mergeRun, run);
}

export type TaskMap = ReadonlyMap<string, TaskInstance>;

export function taskMap(tasks: readonly TaskInstance[]): TaskMap {
  return new Map(tasks.map((task) => [taskKey(task), task]));
}

/** An event of an older try is dropped: it can only be late. */
export function applyTasks(
  tasks: TaskMap,
  events: readonly TaskEvent[],
  dag: string,
  run: string,
): TaskMap {
  let next: Map<string, TaskInstance> | null = null;
  for (const event of events) {
    if (event.dag_run_id !== run || event.dag_id !== dag) continue;
    const key = taskKey(event);
    const old = (next ?? tasks).get(key);
    if (!old || event.try_number < old.try_number) continue;
    next ??= new Map(tasks);
    next.set(key, { ...old, ...event });
  }
  return next ?? tasks;
}

/** A mapped task was expanded: the events tell of instances that nobody has read yet. */
export function hasNewInstances(tasks: TaskMap, events: readonly TaskEvent[], dag: string, run: string): boolean {
  return events.some(
    (event) =>
      event.dag_run_id === run && event.dag_id === dag && event.map_index >= 0 && !tasks.has(taskKey(event)),
  );
}

const rank = (task: TaskInstance) => worstFirst.indexOf(task.state ?? 'none');

/** With each mapped task under its own id, too: as the worst of its instances. */
export function foldMapped(tasks: TaskMap): TaskMap {
  const folded = new Map(tasks);
  for (const task of tasks.values()) {
    if (task.map_index < 0) continue;
    const before = folded.get(task.task_id);
    if (!before || rank(task) < rank(before)) folded.set(task.task_id, task);
  }
  return folded;
}

export function countStates(tasks: Iterable<TaskInstance>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const task of tasks) {
    const name = task.state ?? 'none';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
