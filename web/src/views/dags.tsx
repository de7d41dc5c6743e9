// All DAGs: find some, see how their last runs went, pause and start one or many.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Dag } from '../api/types';
import { Later } from '../components/later';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { useApp, useLive, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { applyDagRuns, barCount, dagQuery, filterNames, hasUnknownRuns, runsMatter } from '../lib/dag_list';
import { t } from '../lib/words';
import { BulkDags, type BulkDagAct } from './bulk_dags';
import { DagFilterBar } from './dag_filter_bar';
import { DagRow } from './dag_row';
import { ProblemBanner } from './problem_banner';

const laterViews = () => import('./lake_views');
const pageSize = 25;
const refreshMs = 1000;

// One request has the DAGs with their last runs; the stream tells of runs, and only what it does not tell is asked for.
function useDags(offset: number) {
  const [search] = useSearch();
  const query = { ...dagQuery(search), dag_runs_limit: barCount, limit: pageSize, offset };
  const list = useResource((signal) => api.dags(query, signal), [query]);
  const refresh = useThrottled(list.reload, refreshMs);
  useLive((batch) => {
    if (batch.listChanged || batch.resync || batch.dags.length > 0 || (batch.runs.length > 0 && (runsMatter(search, list.loading) || hasUnknownRuns(list.data, batch.runs)))) refresh();
    if (batch.runs.length > 0) list.change((page) => applyDagRuns(page, batch.runs));
  });
  return list;
}

function Picked({ dags, picked, onPick, onAct }: { dags: readonly Dag[]; picked: number; onPick: (on: boolean) => void; onAct: (act: BulkDagAct) => void }) {
  const acts: [BulkDagAct, string][] = [['pause', t('Pause…')], ['resume', t('Resume…')], ['trigger', t('Trigger…')]];
  return (
    <div class="bulk-bar dag-bulk">
      <label class="check">
        <input type="checkbox" checked={dags.length > 0 && picked === dags.length} onChange={(event) => onPick(event.currentTarget.checked)} />
        <span>{picked === 0 ? t('All of this page') : t('{count} chosen', { count: picked })}</span>
      </label>
      {acts.map(([act, name]) => (
        <button key={act} type="button" class="button" disabled={picked === 0} onClick={() => onAct(act)}>
          {name}
        </button>
      ))}
    </div>
  );
}

export function DagsView() {
  const { canOperate } = useApp();
  const [search, change] = useSearch();
  const [offset, move] = usePage(pageSize);
  const [triggering, setTriggering] = useState<string | null>(null);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [act, setAct] = useState<{ act: BulkDagAct; dags: readonly Dag[] } | null>(null);
  const list = useDags(offset);
  useTitle(t('DAGs'));
  const filtered = filterNames.some((name) => search.has(name));
  const dags = list.data?.dags ?? [];
  const chosen = dags.filter((dag) => picked.has(dag.dag_id));
  const pick = (ids: readonly string[], on: boolean) => setPicked((old) => new Set(on ? [...old, ...ids] : [...old].filter((one) => !ids.includes(one))));
  const replace = (dag: Dag) =>
    list.change((page) => ({
      ...page,
      dags: page.dags.map((one) => (one.dag_id === dag.dag_id ? dag : one)),
    }));
  return (
    <>
      <ProblemBanner />
      <div class="page-head">
        <h1>{t('DAGs')}</h1>
        <DagFilterBar />
      </div>
      <Loaded of={list}>
        {(page) =>
          page.total_entries === 0 ? (
            <Empty>{filtered ? t('No DAG matches.') : t('No DAGs yet. Put a JSON file into the dags folder; it is live within a second.')}</Empty>
          ) : (
            <>
              {page.dags.length === 0 && <Empty>{t('Nothing is on this page.')}</Empty>}
              <div class="dag-list">
                {canOperate && <Picked dags={dags} picked={chosen.length} onPick={(on) => pick(dags.map((dag) => dag.dag_id), on)} onAct={(one) => setAct({ act: one, dags: chosen })} />}
                <ul aria-label={t('DAGs')}>
                  {page.dags.map((dag) => (
                    <DagRow
                      key={dag.dag_id}
                      dag={dag}
                      picked={picked.has(dag.dag_id)}
                      onPick={canOperate ? (on) => pick([dag.dag_id], on) : undefined}
                      onChange={replace}
                      onFilter={change}
                      onTrigger={() => setTriggering(dag.dag_id)}
                    />
                  ))}
                </ul>
              </div>
              <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="DAG" onMove={move} />
            </>
          )
        }
      </Loaded>
      {triggering !== null && <Later load={laterViews}>{(views) => <views.TriggerDialog dag={triggering} onClose={() => setTriggering(null)} />}</Later>}
      {act !== null && <BulkDags {...act} onClose={() => setAct(null)} onDone={() => { setPicked(new Set()); list.reload(); }} />}
    </>
  );
}
