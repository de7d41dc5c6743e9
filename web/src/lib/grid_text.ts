// A place of the grid in words: for the line under its head, and for those who hear it.
import type { Grid, GridRun } from '../api/types';
import { duration, elapsed, localTime } from './format';
import { countsOf, stateOf } from './grid';
import { runTypeName, stateInfo } from './states';
import { t } from './words';

/** `row`: of the answer's tasks; null: the run itself. */
export function placeText(grid: Grid, row: number | null, run: GridRun | undefined, now: number): string {
  if (!run) return '';
  const when = localTime(run.logical_date ?? run.run_after);
  if (row === null) {
    const seconds = elapsed(run.start_date, run.end_date, now);
    return `${run.dag_run_id}: ${stateInfo(run.state).label}, ${runTypeName(run.run_type)}, ${duration(seconds)}`;
  }
  const task = grid.tasks[row]?.task_id ?? '';
  const state = stateOf(run.cells[row]);
  if (state === null) return t('{task}, {when}: not in this version of the DAG', { task, when });
  const counts = countsOf(run, row).map(([name, count]) => `${count} ${stateInfo(name).label}`);
  const what = counts.length > 0 ? counts.join(', ') : stateInfo(state).label;
  return `${task}, ${when}: ${what}`;
}
