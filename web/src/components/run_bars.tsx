import type { DagRun } from '../api/types';
import { duration, elapsed, localTime } from '../lib/format';
import { useNow } from '../lib/hooks';
import { runLink } from '../lib/route';
import { barCount } from '../lib/dag_list';
import { isEnded, stateInfo } from '../lib/states';
import { t } from '../lib/words';

const barWidth = 8;
const gap = 3;
const height = 30;
const shortest = 6;

/** A DAG's last runs, oldest to the left: colour and shape tell the state, height the duration. */
export function RunBars({ runs }: { runs: readonly DagRun[] }) {
  const now = useNow(runs.some((run) => !isEnded(run.state)));
  const shown = runs.slice(0, barCount).reverse();
  if (shown.length === 0) return <span class="muted">{t('No runs yet')}</span>;
  const seconds = shown.map((run) => elapsed(run.start_date, run.end_date, now) ?? 0);
  const longest = Math.max(...seconds, 0.001);
  const width = shown.length * (barWidth + gap) - gap;
  return (
    <svg class="run-bars" width={width} height={height} role="group" aria-label={t('Last runs')}>
      {shown.map((run, at) => {
        const tall = shortest + ((seconds[at] ?? 0) / longest) * (height - shortest);
        const { name, label } = stateInfo(run.state);
        const words = `${label}, ${localTime(run.start_date ?? run.run_after)}, ${duration(seconds[at])}`;
        const x = at * (barWidth + gap);
        return (
          <a key={run.dag_run_id} href={runLink(run.dag_id, run.dag_run_id)} aria-label={words}>
            <title>{words}</title>
            <rect class="run-bar-hit" x={x - gap / 2} y={0} width={barWidth + gap} height={height} />
            <rect
              class={`run-bar state-${name}`}
              data-state={name}
              x={x}
              y={height - tall}
              width={barWidth}
              height={tall}
              rx={2}
            />
            {name === 'failed' && <path class="run-bar-cut" d={`M${x} ${height - 3}h${barWidth}`} />}
            {!isEnded(run.state) && <rect class="run-bar-open" x={x + 2} y={height - tall + 2} width={barWidth - 4} height={Math.max(1, tall - 4)} />}
          </a>
        );
      })}
    </svg>
  );
}
