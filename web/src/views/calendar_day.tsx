// What one day of a DAG's calendar holds: its runs, what is planned, and the ticks that had none.
import * as api from '../api/endpoints';
import type { DagRun } from '../api/types';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { boundsOf, dayName, type Day, type Month } from '../lib/calendar';
import { count, duration, elapsed, localTime, number } from '../lib/format';
import { useLive, useNow, useResource, useThrottled } from '../lib/hooks';
import { runLink } from '../lib/route';
import { isEnded, runTypeName } from '../lib/states';
import { t } from '../lib/words';

const mostRuns = 100;

const columnsOf = (now: number): Column<DagRun>[] => [
  { name: t('State'), cell: (run) => <StateBadge state={run.state} /> },
  { name: t('Run'), cell: (run) => <a href={runLink(run.dag_id, run.dag_run_id)}>{run.dag_run_id}</a> },
  { name: t('Type'), cell: (run) => runTypeName(run.run_type) },
  { name: t('Due'), cell: (run) => <At at={run.run_after} /> },
  { name: t('Duration'), number: true, cell: (run) => duration(elapsed(run.start_date, run.end_date, now)) },
];

export function CalendarDay({ dag, month, day }: { dag: string; month: Month; day: Day }) {
  const [from, until] = boundsOf(month).slice(day.at - 1, day.at + 1);
  const runs = useResource((signal) => api.dagRuns(dag, { run_after_gte: from, run_after_lt: until, order_by: 'run_after', limit: mostRuns }, signal), [dag, from]);
  const reload = useThrottled(runs.reload, 1000);
  useLive((batch) => {
    if (batch.resync || batch.dags.includes(dag) || batch.runs.some((run) => run.dag_id === dag)) reload();
  });
  const now = useNow(runs.data?.dag_runs.some((run) => !isEnded(run.state)) ?? false);
  const planned = day.part?.planned ?? 0;
  return (
    <section class="day-detail" aria-label={dayName(month, day.at)}>
      <h3>{dayName(month, day.at)}</h3>
      {day.skips.map((skip) => (
        <p key={`${skip.from} ${skip.to} ${skip.why}`} class="notice notice-warning">
          {t('{count} ticks without a run, {from} to {to}: {why}', { count: number(skip.count) + (skip.more ? '+' : ''), from: localTime(skip.from), to: localTime(skip.to), why: skip.why })}
        </p>
      ))}
      {planned > 0 && <p>{t('Still to come: {runs}.', { runs: count(planned, 'run') })}</p>}
      <Loaded of={runs}>
        {(page) => (
          <>
            {(page.dag_runs.length > 0 || planned === 0) && <SimpleTable rows={page.dag_runs} columns={columnsOf(now)} keyOf={(run) => run.dag_run_id} empty={t('No runs on this day.')} />}
            {page.total_entries > page.dag_runs.length && <p class="muted">{t('{shown} of {total}.', { shown: number(page.dag_runs.length), total: number(page.total_entries) })}</p>}
          </>
        )}
      </Loaded>
    </section>
  );
}
