import type { GridRun } from '../api/types';
import { duration, elapsed, localTime } from '../lib/format';
import { runLink } from '../lib/route';
import { runTypeName, stateInfo } from '../lib/states';
import { t } from '../lib/words';
import { cellSize } from './grid_row';

const tallest = 40;
const shortest = 6;
const markTop = tallest + 5;
const height = markTop + 12;

// How a run came to be, as a mark under its bar.
const marks: Readonly<Record<string, string>> = {
  scheduled: 'm-3 3a3 3 0 1 1 6 0a3 3 0 1 1 -6 0z',
  manual: 'm-2.4 0v6l5 -3z',
  backfill: 'm0 -0.5l3.6 3.5l-3.6 3.5l-3.6 -3.5z',
  asset_triggered: 'm-3 0h6v6h-6z',
};

export function RunTypeMark({ type, x = 6, y = 4 }: { type: string; x?: number; y?: number }) {
  return <path class="grid-type" data-type={type} d={`M${x} ${y}${marks[type] ?? marks['asset_triggered']}`} />;
}

interface Props {
  dag: string;
  runs: readonly GridRun[];
  now: number;
  chosen: string | null;
}

/** The runs above their columns, oldest to the left: height tells the duration, a mark how it was started. */
export function GridHead({ dag, runs, now, chosen }: Props) {
  const shown = [...runs].reverse();
  const seconds = shown.map((run) => elapsed(run.start_date, run.end_date, now) ?? 0);
  const longest = Math.max(...seconds, 0.001);
  return (
    <svg class="grid-runs" width={shown.length * cellSize} height={height} role="group" aria-label={t('Runs')}>
      {shown.map((run, at) => {
        const { name, label } = stateInfo(run.state);
        const tall = shortest + ((seconds[at] ?? 0) / longest) * (tallest - shortest);
        const words = `${run.dag_run_id}: ${label}, ${runTypeName(run.run_type)}, ${localTime(run.start_date ?? run.run_after)}, ${duration(seconds[at])}`;
        const x = at * cellSize;
        return (
          <a key={run.dag_run_id} href={runLink(dag, run.dag_run_id)} tabindex={-1} aria-label={words} data-run={run.dag_run_id} data-state={name}>
            <title>{words}</title>
            <rect class={`grid-run-hit ${chosen === run.dag_run_id ? 'is-chosen' : ''}`} x={x} y={0} width={cellSize} height={height} />
            <rect class={`run-bar state-${name}`} x={x + 4} y={tallest - tall} width={cellSize - 8} height={tall} rx={2} />
            {run.state === 'failed' && <path class="run-bar-cut" d={`M${x + 4} ${tallest - 3}h${cellSize - 8}`} />}
            <RunTypeMark type={run.run_type} x={x + cellSize / 2} y={markTop} />
          </a>
        );
      })}
    </svg>
  );
}
