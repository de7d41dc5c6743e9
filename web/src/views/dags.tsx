// All DAGs: find one, see how its last runs went, pause it, start it.
import { useEffect, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Dag, DagRun } from '../api/types';
import { Icon } from '../components/icon';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { barCount } from '../components/run_bars';
import { useDebounced, useLive, useNow, useResource, useThrottled, useTitle } from '../lib/hooks';
import { applyRuns } from '../lib/live';
import { DagRow } from './dag_row';
import { ProblemBanner } from './problem_banner';
import { TriggerDialog } from './trigger_dialog';

const pageSize = 25;
const refreshMs = 1000;

type RunsByDag = Record<string, readonly DagRun[]>;

async function readRuns(dags: readonly Dag[], signal: AbortSignal): Promise<RunsByDag> {
  const query = { limit: barCount, order_by: '-run_after' };
  const pages = await Promise.all(dags.map((dag) => api.dagRuns(dag.dag_id, query, signal)));
  return Object.fromEntries(dags.map((dag, at) => [dag.dag_id, pages[at]?.dag_runs ?? []]));
}

interface Filter {
  text: string;
  tag: string;
  paused: string; // '' | 'true' | 'false'
}

function useDags(filter: Filter, offset: number) {
  const query = {
    dag_id_pattern: filter.text ? `%${filter.text}%` : undefined,
    tags: filter.tag ? [filter.tag] : undefined,
    paused: filter.paused || undefined,
    order_by: 'dag_id',
    limit: pageSize,
    offset,
  };
  const list = useResource((signal) => api.dags(query, signal), [filter, offset]);
  const shown = list.data?.dags;
  const runs = useResource<RunsByDag>(
    (signal) => readRuns(shown ?? [], signal),
    [shown?.map((dag) => dag.dag_id)],
  );
  const refresh = useThrottled(list.reload, refreshMs);
  const refreshRuns = useThrottled(runs.reload, refreshMs);
  useLive((batch) => {
    if (batch.listChanged || batch.resync || batch.dags.length > 0) refresh();
    if (batch.resync) refreshRuns();
    if (batch.runs.length === 0) return;
    runs.change((old) => {
      let next = old;
      for (const dag of new Set(batch.runs.map((run) => run.dag_id))) {
        const before = old[dag];
        if (!before) continue;
        const after = applyRuns(before, batch.runs, dag, barCount);
        if (after !== before) next = { ...next, [dag]: after };
      }
      return next;
    });
  });
  return { list, runs: runs.data ?? {} };
}

interface FilterProps {
  filter: Filter;
  onChange: (filter: Filter) => void;
}

function FilterBar({ filter, onChange }: FilterProps) {
  const tags = useResource((signal) => api.dagTags(signal), []);
  return (
    <div class="toolbar" role="search">
      <label class="search">
        <Icon name="search" />
        <span class="visually-hidden">Search DAGs</span>
        <input
          type="search"
          placeholder="Search DAGs"
          value={filter.text}
          onInput={(event) => onChange({ ...filter, text: event.currentTarget.value })}
        />
      </label>
      <label>
        <span class="visually-hidden">Tag</span>
        <select
          value={filter.tag}
          onChange={(event) => onChange({ ...filter, tag: event.currentTarget.value })}
        >
          <option value="">All tags</option>
          {(tags.data?.tags ?? []).map((tag) => (
            <option key={tag} value={tag}>
              {tag}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="visually-hidden">Active or paused</span>
        <select
          value={filter.paused}
          onChange={(event) => onChange({ ...filter, paused: event.currentTarget.value })}
        >
          <option value="">Active and paused</option>
          <option value="false">Active</option>
          <option value="true">Paused</option>
        </select>
      </label>
    </div>
  );
}

export function DagsView() {
  const [filter, setFilter] = useState<Filter>({ text: '', tag: '', paused: '' });
  const [offset, setOffset] = useState(0);
  const [triggering, setTriggering] = useState<string | null>(null);
  const settled = useDebounced(filter, 150);
  const { list, runs } = useDags(settled, offset);
  const now = useNow(true);
  useTitle('DAGs');
  useEffect(() => setOffset(0), [settled]);
  const change = (dag: Dag) =>
    list.change((page) => ({
      ...page,
      dags: page.dags.map((one) => (one.dag_id === dag.dag_id ? dag : one)),
    }));
  return (
    <>
      <ProblemBanner />
      <div class="page-head">
        <h1>DAGs</h1>
        <FilterBar filter={filter} onChange={setFilter} />
      </div>
      <Loaded of={list}>
        {(page) =>
          page.dags.length === 0 ? (
            <Empty>{settled.text || settled.tag || settled.paused ? 'No DAG matches.' : 'No DAGs yet. Put a JSON file into the dags folder; it is live within a second.'}</Empty>
          ) : (
            <>
              <ul class="dag-list" aria-label="DAGs">
                {page.dags.map((dag) => (
                  <DagRow
                    key={dag.dag_id}
                    dag={dag}
                    runs={runs[dag.dag_id]}
                    now={now}
                    onChange={change}
                    onTag={(tag) => setFilter({ ...filter, tag })}
                    onTrigger={() => setTriggering(dag.dag_id)}
                  />
                ))}
              </ul>
              <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="DAG" onMove={setOffset} />
            </>
          )
        }
      </Loaded>
      {triggering !== null && <TriggerDialog dag={triggering} onClose={() => setTriggering(null)} />}
    </>
  );
}
