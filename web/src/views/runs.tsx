// Runs of all DAGs: found by filters that stand in the address, changed many at once.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { DagRun } from '../api/types';
import { Choice, spanChoices, StateChoice } from '../components/choice';
import { MoreFilters, NumberFilter, OrderChoice, TextFilter, TimeFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { PickTable, type PickColumn } from '../components/pick_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { duration, elapsed } from '../lib/format';
import { useApp, useLive, useNow, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { orderOf, runFilters, runOrders, runsQuery, usualOrder } from '../lib/list_query';
import { usePicks } from '../lib/picks';
import { dagLink, runLink } from '../lib/route';
import { isEnded, runTypeName } from '../lib/states';
import { t } from '../lib/words';
import { BulkRuns, type BulkAct } from './bulk_runs';
import { ChooseAll } from './choose_all';

const pageSize = 50;
const runStates = ['queued', 'running', 'success', 'failed'];
const runTypes = ['scheduled', 'manual', 'backfill', 'asset_triggered'];
const seldom = ['from', 'to', 'longer', 'user', 'conf'];
const keyOf = (run: DagRun) => `${run.dag_id}\n${run.dag_run_id}`;

const orderNames: Record<(typeof runOrders)[number], string> = {
  run_after: t('Due'),
  dag_id: t('DAG'),
  dag_run_id: t('Run'),
  state: t('State'),
  run_type: t('Type'),
  start_date: t('Started'),
  end_date: t('Ended'),
  duration: t('Duration'),
};

function useRuns(offset: number) {
  const [search] = useSearch();
  const read = (limit: number, from: number, signal?: AbortSignal) => api.dagRuns('~', { ...runsQuery(search, Date.now()), limit, offset: from }, signal);
  return { runs: useResource((signal) => read(pageSize, offset, signal), [search.toString(), offset]), read };
}

function Filters() {
  const [search, change] = useSearch();
  return (
    <div class="toolbar" role="search">
      <TextFilter name="dag" label={t('Search DAGs')} />
      <TextFilter name="run" label={t('Search runs')} />
      <StateChoice states={runStates} />
      <Choice label={t('Type')} value={search.get('type') ?? ''} all={t('All types')} choices={runTypes.map((id) => ({ id, name: runTypeName(id) }))} onChange={(type) => change({ type })} />
      <Choice label={t('When')} value={search.get('hours') ?? ''} all={t('At any time')} choices={spanChoices()} onChange={(hours) => change({ hours })} />
      <OrderChoice names={orderNames} usual={usualOrder} />
      <MoreFilters names={seldom} all={runFilters}>
        <TextFilter name="user" label={t('Who triggered it')} />
        <TextFilter name="conf" label={t('Part of the configuration')} />
        <NumberFilter name="longer" label={t('At least so many seconds')} />
        <TimeFilter name="from" label={t('Due from')} />
        <TimeFilter name="to" label={t('Due until')} />
      </MoreFilters>
    </div>
  );
}

function columnsOf(now: number): PickColumn<DagRun>[] {
  return [
    { name: t('State'), order: 'state', cell: (run) => <StateBadge state={run.state} /> },
    { name: t('DAG'), order: 'dag_id', isMain: true, cell: (run) => <a href={dagLink(run.dag_id)}>{run.dag_id}</a> },
    { name: t('Run'), order: 'dag_run_id', isMain: true, cell: (run) => <a href={runLink(run.dag_id, run.dag_run_id)}>{run.dag_run_id}</a> },
    { name: t('Type'), order: 'run_type', cell: (run) => runTypeName(run.run_type) },
    { name: t('Due'), order: 'run_after', cell: (run) => <At at={run.run_after} /> },
    { name: t('Started'), order: 'start_date', cell: (run) => <At at={run.start_date} /> },
    { name: t('Duration'), order: 'duration', number: true, cell: (run) => duration(elapsed(run.start_date, run.end_date, now)) },
  ];
}

export function RunsView() {
  const { canOperate } = useApp();
  const [search, change] = useSearch();
  const [offset, move] = usePage(pageSize);
  const { runs, read } = useRuns(offset);
  const [act, setAct] = useState<{ act: BulkAct; runs: readonly DagRun[] } | null>(null);
  const reload = useThrottled(runs.reload, 1000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0 || batch.dags.length > 0) reload();
  });
  const rows = runs.data?.dag_runs ?? [];
  const picks = usePicks(rows, keyOf, runFilters.map((name) => search.getAll(name).join()).join('\n'));
  const now = useNow(rows.some((run) => !isEnded(run.state)));
  useTitle(t('Runs'));
  const acts: [BulkAct, string][] = [['clear', t('Clear…')], ['success', t('Mark success…')], ['failed', t('Mark failed…')], ['cancel', t('Cancel…')], ['delete', t('Delete…')]];
  return (
    <>
      <div class="page-head">
        <h1>{t('Runs')}</h1>
        <nav class="beside" aria-label={t('Beside runs')}>
          <a href="#/backfills">{t('Backfills')}</a>
          <a href="#/deadlines">{t('Deadlines')}</a>
        </nav>
      </div>
      <Filters />
      <Loaded of={runs}>
        {(page) =>
          page.dag_runs.length === 0 ? (
            <Empty>{offset > 0 ? t('Nothing is on this page.') : t('No run matches.')}</Empty>
          ) : (
            <PickTable
              rows={page.dag_runs}
              columns={columnsOf(now)}
              keyOf={keyOf}
              labelOf={(run) => `${run.dag_id} ${run.dag_run_id}`}
              picks={canOperate ? picks : null}
              order={orderOf(search, runOrders)}
              onOrder={(order) => change({ order: order === usualOrder ? null : order })}
            >
              <ChooseAll picks={picks} shown={page.dag_runs.length} total={page.total_entries} read={async (limit) => (await read(limit, 0)).dag_runs} />
              {acts.map(([one, name]) => (
                <button key={one} type="button" class="button" disabled={picks.chosen.length === 0} onClick={() => setAct({ act: one, runs: picks.chosen })}>
                  {name}
                </button>
              ))}
            </PickTable>
          )
        }
      </Loaded>
      {runs.data && <Pager offset={offset} limit={pageSize} total={runs.data.total_entries} isLeast={typeof runs.data.total_entries_limit === 'number'} noun="run" onMove={move} />}
      {act !== null && <BulkRuns {...act} onClose={() => setAct(null)} onDone={() => { picks.clear(); runs.reload(); }} />}
    </>
  );
}
