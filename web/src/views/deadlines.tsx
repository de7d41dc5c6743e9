// Deadlines over all DAGs that one sees: those that runs which go on may still keep, the soonest first, and those that were
// missed, the newest first.
import * as api from '../api/endpoints';
import type { Deadline, EventLog } from '../api/types';
import { TextFilter, TimeFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago, At } from '../components/time';
import { deadlineOf, referenceName } from '../lib/deadlines';
import { number } from '../lib/format';
import { useLive, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { instantOf } from '../lib/list_query';
import { dagLink, runLink } from '../lib/route';
import { t } from '../lib/words';

const size = 50;
const rereadMs = 3000;
const filters = ['dag', 'run', 'from', 'to'];
const contains = (text: string | null) => (text ? `%${text}%` : undefined);

const columns: readonly Column<EventLog>[] = [
  { name: t('DAG'), cell: (one) => (one.dag_id === null ? '–' : <a href={dagLink(one.dag_id)}>{one.dag_id}</a>) },
  { name: t('Run'), cell: (one) => (one.dag_id === null || one.run_id === null ? '–' : <a href={runLink(one.dag_id, one.run_id)}>{one.run_id}</a>) },
  { name: t('Should have ended by'), cell: (one) => <At at={deadlineOf(one.extra).at} /> },
  { name: t('Counted from'), cell: (one) => referenceName(deadlineOf(one.extra).reference) },
  { name: t('Told'), cell: (one) => <Ago at={one.when} /> },
];

const awaitedColumns: readonly Column<Deadline>[] = [
  { name: t('DAG'), cell: (one) => <a href={dagLink(one.dag_id)}>{one.dag_id}</a> },
  { name: t('Run'), cell: (one) => <a href={runLink(one.dag_id, one.dag_run_id)}>{one.dag_run_id}</a> },
  { name: t('To end by'), cell: (one) => <At at={one.deadline_time} /> },
  { name: t('In'), cell: (one) => <Ago at={one.deadline_time} /> },
  { name: t('Deadline'), cell: (one) => one.alert_name ?? '–' },
];
const shownAwaited = 50;

function Awaited({ dag, run }: { dag: string | undefined; run: string | undefined }) {
  const found = useResource((signal) => api.awaitedDeadlines({ dag_id_pattern: dag, run_id_pattern: run, limit: shownAwaited }, signal), [dag, run]);
  const reload = useThrottled(found.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  return (
    <section class="lake-panel" aria-label={t('Still to be kept')}>
      <h2>{t('Still to be kept')}</h2>
      <Loaded of={found}>
        {(data) => (
          <>
            <SimpleTable rows={data.deadlines} columns={awaitedColumns} keyOf={(one) => one.id} empty={t('No run that goes on has a deadline before it.')} />
            {(data.more || data.total_entries > data.deadlines.length) && <p class="muted lake-note">{t('The first {count} are shown, there are more.', { count: number(data.deadlines.length) })}</p>}
          </>
        )}
      </Loaded>
    </section>
  );
}

export function DeadlinesView() {
  const [search, change] = useSearch();
  const [offset, move] = usePage(size);
  const query = { dag_id_pattern: contains(search.get('dag')), run_id_pattern: contains(search.get('run')), after: instantOf(search, 'from'), before: instantOf(search, 'to') };
  const found = useResource((signal) => api.missedDeadlines({ ...query, limit: size, offset }, signal), [query, offset]);
  const reload = useThrottled(found.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(t('Deadlines'));
  const isNarrowed = filters.some((name) => search.get(name));
  return (
    <>
      <div class="page-head">
        <h1>{t('Deadlines')}</h1>
      </div>
      <div class="toolbar" role="search">
        <TextFilter name="dag" label={t('Search DAGs')} />
        <TextFilter name="run" label={t('Search runs')} />
        <TimeFilter name="from" label={t('Missed from')} />
        <TimeFilter name="to" label={t('Missed until')} />
        {isNarrowed && (
          <button type="button" class="button" onClick={() => change(Object.fromEntries(filters.map((name) => [name, null])))}>
            {t('All filters off')}
          </button>
        )}
      </div>
      <Awaited dag={query.dag_id_pattern} run={query.run_id_pattern} />
      <h2>{t('Missed deadlines')}</h2>
      <Loaded of={found}>
        {({ rows, total }) =>
          total === 0 ? (
            <Empty>{isNarrowed ? t('No deadline matches.') : t('No run has missed a deadline. A DAG states them in deadlines.')}</Empty>
          ) : (
            <>
              <SimpleTable rows={rows} columns={columns} keyOf={(one) => one.event_log_id} empty={t('Nothing is on this page.')} />
              <Pager offset={offset} limit={size} total={total} noun="deadline" onMove={move} />
            </>
          )
        }
      </Loaded>
    </>
  );
}
