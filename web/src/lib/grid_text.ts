// A place of the grid in words: for the line under its head, and for those who hear it.
import type { Grid, GridRun } from '../api/types';
import { duration, elapsed, localTime } from './format';
import { countsOf, stateOf } from './grid';
import type { GridLine } from './grid_lines';
import { runTypeName, stateInfo } from './states';
import { t } from './words';

function groupText(line: GridLine, run: GridRun, when: string): string {
  const counts = new Map<string, number>();
  for (const at of line.members) {
    const state = stateOf(run.cells[at]);
    if (state !== null) counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const what = [...counts].map(([state, count]) => `${count} ${stateInfo(state).label}`);
  const fold = line.isOpen ? t('unfolded') : t('folded');
  return `${t('Group {group}', { group: line.name })} (${fold}), ${when}: ${what.length > 0 ? what.join(', ') : t('not in this version of the DAG')}`;
}

/** `line`: null: the run itself. */
export function placeText(grid: Grid, line: GridLine | null, run: GridRun | undefined, now: number): string {
  if (!run) return '';
  const when = localTime(run.logical_date ?? run.run_after);
  if (line === null) {
    const seconds = elapsed(run.start_date, run.end_date, now);
    return `${run.dag_run_id}: ${stateInfo(run.state).label}, ${runTypeName(run.run_type)}, ${duration(seconds)}`;
  }
  if (line.kind === 'group') return groupText(line, run, when);
  const row = line.at;
  const task = grid.tasks[row]?.task_id ?? '';
  const state = stateOf(run.cells[row]);
  if (state === null) return t('{task}, {when}: not in this version of the DAG', { task, when });
  const counts = countsOf(run, row).map(([name, count]) => `${count} ${stateInfo(name).label}`);
  const what = counts.length > 0 ? counts.join(', ') : stateInfo(state).label;
  return `${task}, ${when}: ${what}`;
}
