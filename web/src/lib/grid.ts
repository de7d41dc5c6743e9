// The grid of a DAG as the page holds it: what the server answered, with live events folded in. Pure.
import type { Grid, GridRun, RunEvent, TaskEvent } from '../api/types';
import { mergeRun } from './live';

// As the server writes them (scheduler/api/grid_routes.cc).
const states: Readonly<Record<string, string>> = {
  '-': 'none',
  h: 'scheduled',
  q: 'queued',
  r: 'running',
  s: 'success',
  f: 'failed',
  y: 'up_for_retry',
  u: 'upstream_failed',
  k: 'skipped',
  w: 'deferred',
  p: 'up_for_reschedule',
  x: 'removed',
};
const letters = new Map(Object.entries(states).map(([letter, state]) => [state, letter]));

/** The letter that stands for a state. */
export const letterOf = (state: string | null): string => letters.get(state ?? 'none') ?? '-';

/** The state a letter stands for; null where the run's version has no such task. */
export const stateOf = (letter: string | undefined): string | null =>
  letter === undefined || letter === ' ' ? null : (states[letter] ?? 'none');

/** One row's letters, the oldest run first. */
export function lettersOf(grid: Grid, row: number): string {
  let text = '';
  for (let at = grid.runs.length - 1; at >= 0; at -= 1) text += grid.runs[at]?.cells[row] ?? ' ';
  return text;
}

export interface Applied {
  grid: Grid;
  stale: readonly string[]; // shown runs that only the server can tell the rest of
  unknown: readonly string[]; // live runs that are not shown: new ones, or older than those that are
}

/**
 * What the events say. Of a mapped task one instance's event does not tell what its cell shows, and of a
 * task that is not in the grid none does: those runs are named, to be read again.
 */
export function applyEvents(
  grid: Grid,
  runs: readonly RunEvent[],
  tasks: readonly TaskEvent[],
): Applied {
  const stale = new Set<string>();
  const unknown = new Set<string>();
  const changed = new Map<string, GridRun>();
  const known = new Map(grid.runs.map((run) => [run.dag_run_id, run]));
  for (const event of runs) {
    if (event.dag_id !== grid.dag_id) continue;
    const run = changed.get(event.dag_run_id) ?? known.get(event.dag_run_id);
    if (run) changed.set(event.dag_run_id, mergeRun(run, event));
    // One that ended long ago may stand outside of what is shown.
    else if (event.state === 'queued' || event.state === 'running') unknown.add(event.dag_run_id);
  }
  const mine = tasks.filter((event) => event.dag_id === grid.dag_id);
  if (mine.length > 0) {
    const rows = new Map(grid.tasks.map((task, at) => [task.task_id, at]));
    const cells = new Map<string, string[]>();
    for (const event of mine) {
      const id = event.dag_run_id;
      const run = changed.get(id) ?? known.get(id);
      const row = rows.get(event.task_id);
      if (!run) continue;
      if (row === undefined || event.map_index >= 0 || grid.tasks[row]?.is_mapped) {
        stale.add(id);
        continue;
      }
      let list = cells.get(id);
      if (!list) cells.set(id, (list = [...run.cells]));
      list[row] = letterOf(event.state);
    }
    for (const [id, list] of cells) {
      const run = changed.get(id) ?? known.get(id);
      if (run) changed.set(id, { ...run, cells: list.join('') });
    }
  }
  const next = changed.size === 0 ? grid : { ...grid, runs: grid.runs.map((run) => changed.get(run.dag_run_id) ?? run) };
  return { grid: next, stale: [...stale], unknown: [...unknown] };
}

/**
 * An answer about some runs put into the grid; null when it has rows that the grid has not, so that the
 * whole must be read again. A run that the grid has not is left out: it is not among those to be shown.
 */
export function mergeRuns(grid: Grid, part: Grid): Grid | null {
  const rows = new Map(grid.tasks.map((task, at) => [task.task_id, at]));
  const places = part.tasks.map((task) => rows.get(task.task_id));
  const next = new Map<string, GridRun>();
  for (const run of part.runs) {
    if (!grid.runs.some((one) => one.dag_run_id === run.dag_run_id)) continue;
    const cells = Array.from({ length: grid.tasks.length }, () => ' ');
    const mapped: Record<string, unknown> = {};
    for (const [at, place] of places.entries()) {
      const letter = run.cells[at] ?? ' ';
      if (place === undefined) {
        if (letter === ' ') continue;
        return null;
      }
      cells[place] = letter;
      const counts = run.mapped[String(at)];
      if (counts !== undefined) mapped[String(place)] = counts;
    }
    next.set(run.dag_run_id, { ...run, cells: cells.join(''), mapped });
  }
  return { ...grid, runs: grid.runs.map((run) => next.get(run.dag_run_id) ?? run) };
}

/** Of a mapped task's instances, how many are in each state; empty where it is not mapped. */
export function countsOf(run: GridRun, row: number): [state: string, count: number][] {
  return Object.entries((run.mapped[String(row)] ?? {}) as Record<string, number>);
}

export interface Place {
  row: number;
  column: number; // from the oldest run on
}

/** Where a key leads from a place, never out of the grid; null: the key is not one that moves. */
export function step(from: Place, key: string, rows: number, columns: number, page = 10, first = 0): Place | null {
  const to = {
    ArrowUp: { ...from, row: from.row - 1 },
    ArrowDown: { ...from, row: from.row + 1 },
    ArrowLeft: { ...from, column: from.column - 1 },
    ArrowRight: { ...from, column: from.column + 1 },
    PageUp: { ...from, row: from.row - page },
    PageDown: { ...from, row: from.row + page },
    Home: { ...from, column: 0 },
    End: { ...from, column: columns - 1 },
  }[key];
  if (!to) return null;
  return {
    row: Math.max(first, Math.min(rows - 1, to.row)),
    column: Math.max(0, Math.min(columns - 1, to.column)),
  };
}
