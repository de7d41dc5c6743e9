// Runs of all DAGs: found by filters that stand in the address, changed many at once.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { DagRun } from '../api/types';
import { Choice, SearchBox, spanChoices, StateChoice } from '../components/choice';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { duration, elapsed } from '../lib/format';
import { useApp, useLive, useNow, usePage, useResource, useSearch, useSearchText, useThrottled, useTitle } from '../lib/hooks';
import { runOrders, runsQuery } from '../lib/list_query';
import { dagLink, runLink } from '../lib/route';
import { isEnded, runTypeName } from '../lib/states';
import { t } from '../lib/words';
import { BulkRuns, type BulkAct } from './bulk_runs';

const pageSize = 50;
const runStates = ['queued', 'running', 'success', 'failed'];
const runTypes = ['scheduled', 'manual', 'backfill'];
const keyOf = (run: DagRun) => `${run.dag_id}\n${run.dag_run_id}`;

function orderName(order: string): string {
  const names: Record<string, string> = {
    '-run_after': t('newest first'),
    '-start_date': t('last started first'),
    '-end_date': t('last ended first'),
    '-duration': t('longest first'),
    dag_id: t('by DAG'),
  };
  return names[order] ?? order;
}

function useRuns(offset: number) {
  const [search] = useSearch();
  return useResource((signal) => api.dagRuns('~', { ...runsQuery(search, Date.now()), limit: pageSize, offset }, signal), [search.toString(), offset]);
}

function Filters() {
  const [search, change] = useSearch();
  const [text, setText] = useSearchText('dag');
  const name = (list: readonly string[], of: (one: string) => string) => list.map((id) => ({ id, name: of(id) }));
  return (
    <div class="toolbar" role="search">
      <SearchBox label={t('Search DAGs')} text={text} onText={setText} />
      <StateChoice states={runStates} />
      <Choice label={t('Type')} value={search.get('type') ?? ''} all={t('All types')} choices={name(runTypes, runTypeName)} onChange={(type) => change({ type })} />
      <Choice label={t('When')} value={search.get('hours') ?? ''} all={t('At any time')} choices={spanChoices()} onChange={(hours) => change({ hours })} />
      <Choice label={t('Order')} value={search.get('order') ?? ''} all={orderName(runOrders[0] ?? '')} choices={name(runOrders.slice(1), orderName)} onChange={(order) => change({ order })} />
    </div>
  );
}

interface RowProps {
  run: DagRun;
  now: number;
  picked: boolean;
  onPick: ((picked: boolean) => void) | undefined;
}

function RunRow({ run, now, picked, onPick }: RowProps) {
  return (
    <tr data-run={run.dag_run_id}>
      {onPick && (
        <td class="cell-pick">
          <input type="checkbox" checked={picked} aria-label={t('Choose {run}', { run: `${run.dag_id} ${run.dag_run_id}` })} onChange={(event) => onPick(event.currentTarget.checked)} />
        </td>
      )}
      <td data-label={t('State')}>
        <StateBadge state={run.state} />
      </td>
      <td class="cell-main" data-label={t('DAG')}>
        <a href={dagLink(run.dag_id)}>{run.dag_id}</a>
      </td>
      <td class="cell-main" data-label={t('Run')}>
        <a href={runLink(run.dag_id, run.dag_run_id)}>{run.dag_run_id}</a>
      </td>
      <td data-label={t('Type')}>{runTypeName(run.run_type)}</td>
      <td data-label={t('Started')}>
        <At at={run.start_date ?? run.queued_at} />
      </td>
      <td class="number" data-label={t('Duration')}>
        {duration(elapsed(run.start_date, run.end_date, now))}
      </td>
    </tr>
  );
}

export function RunsView() {
  const { canOperate } = useApp();
  const [offset, move] = usePage(pageSize);
  const runs = useRuns(offset);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [act, setAct] = useState<{ act: BulkAct; runs: readonly DagRun[] } | null>(null);
  const reload = useThrottled(runs.reload, 1000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0 || batch.dags.length > 0) reload();
  });
  const rows = runs.data?.dag_runs ?? [];
  const now = useNow(rows.some((run) => !isEnded(run.state)));
  useTitle(t('Runs'));
  const chosen = rows.filter((run) => picked.has(keyOf(run)));
  const pick = (keys: readonly string[], on: boolean) => setPicked((old) => new Set(on ? [...old, ...keys] : [...old].filter((one) => !keys.includes(one))));
  const all = rows.length > 0 && chosen.length === rows.length;
  const heads = [t('State'), t('DAG'), t('Run'), t('Type'), t('Started')];
  const acts: [BulkAct, string][] = [['clear', t('Clear…')], ['success', t('Mark success…')], ['failed', t('Mark failed…')], ['delete', t('Delete…')]];
  return (
    <>
      <div class="page-head">
        <h1>{t('Runs')}</h1>
      </div>
      <Filters />
      <Loaded of={runs}>
        {(page) =>
          page.dag_runs.length === 0 ? (
            <Empty>{t('No run matches.')}</Empty>
          ) : (
            <>
              <div class="table-box">
                {canOperate && (
                  <div class="bulk-bar">
                    <label class="check">
                      <input type="checkbox" checked={all} onChange={(event) => pick(rows.map(keyOf), event.currentTarget.checked)} />
                      <span>{chosen.length === 0 ? t('All of this page') : t('{count} chosen', { count: chosen.length })}</span>
                    </label>
                    {acts.map(([one, name]) => (
                      <button key={one} type="button" class="button" disabled={chosen.length === 0} onClick={() => setAct({ act: one, runs: chosen })}>
                        {name}
                      </button>
                    ))}
                  </div>
                )}
                <table class="table table-stack">
                  <thead>
                    <tr>
                      {canOperate && (
                        <th scope="col">
                          <span class="visually-hidden">{t('Chosen')}</span>
                        </th>
                      )}
                      {heads.map((name) => (
                        <th key={name} scope="col">
                          {name}
                        </th>
                      ))}
                      <th scope="col" class="number">
                        {t('Duration')}
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {page.dag_runs.map((run) => (
                      <RunRow key={keyOf(run)} run={run} now={now} picked={picked.has(keyOf(run))} onPick={canOperate ? (on) => pick([keyOf(run)], on) : undefined} />
                    ))}
                  </tbody>
                </table>
              </div>
              <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="run" onMove={move} />
            </>
          )
        }
      </Loaded>
      {act !== null && <BulkRuns {...act} onClose={() => setAct(null)} onDone={() => { setPicked(new Set()); runs.reload(); }} />}
    </>
  );
}
