// All DAGs: find one, see how its last runs went, pause it, start it.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Dag, DagRun } from '../api/types';
import { Icon } from '../components/icon';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { barCount } from '../components/run_bars';
import { useLive, useNow, usePage, useResource, useSearch, useSearchText, useThrottled, useTitle } from '../lib/hooks';
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

// The filter stands in the address.
function FilterBar() {
  const [search, change] = useSearch();
  const [text, setText] = useSearchText('q');
  const tags = useResource((signal) => api.dagTags(signal), []);
  const tag = search.get('tag') ?? '';
  const known = tags.data?.rows ?? [];
  const choices = tag === '' || known.includes(tag) ? known : [tag, ...known];
  return (
    <div class="toolbar" role="search">
      <label class="search">
        <Icon name="search" />
        <span class="visually-hidden">Search DAGs</span>
        <input
          type="search"
          placeholder="Search DAGs"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <label>
        <span class="visually-hidden">Tag</span>
        <select value={tag} onChange={(event) => change({ tag: event.currentTarget.value })}>
          <option value="">All tags</option>
          {choices.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="visually-hidden">Active or paused</span>
        <select value={search.get('paused') ?? ''} onChange={(event) => change({ paused: event.currentTarget.value })}>
          <option value="">Active and paused</option>
          <option value="false">Active</option>
          <option value="true">Paused</option>
        </select>
      </label>
    </div>
  );
}

export function DagsView() {
  const [search, change] = useSearch();
  const [offset, move] = usePage(pageSize);
  const filter: Filter = { text: search.get('q') ?? '', tag: search.get('tag') ?? '', paused: search.get('paused') ?? '' };
  const filtered = filter.text !== '' || filter.tag !== '' || filter.paused !== '';
  const [triggering, setTriggering] = useState<string | null>(null);
  const { list, runs } = useDags(filter, offset);
  const now = useNow(true);
  useTitle('DAGs');
  const replace = (dag: Dag) =>
    list.change((page) => ({
      ...page,
      dags: page.dags.map((one) => (one.dag_id === dag.dag_id ? dag : one)),
    }));
  return (
    <>
      <ProblemBanner />
      <div class="page-head">
        <h1>DAGs</h1>
        <FilterBar />
      </div>
      <Loaded of={list}>
        {(page) =>
          page.total_entries === 0 ? (
            <Empty>{filtered ? 'No DAG matches.' : 'No DAGs yet. Put a JSON file into the dags folder; it is live within a second.'}</Empty>
          ) : (
            <>
              {page.dags.length === 0 && <Empty>Nothing is on this page.</Empty>}
              <ul class="dag-list" aria-label="DAGs">
                {page.dags.map((dag) => (
                  <DagRow
                    key={dag.dag_id}
                    dag={dag}
                    runs={runs[dag.dag_id]}
                    now={now}
                    onChange={replace}
                    onTag={(tag) => change({ tag })}
                    onTrigger={() => setTriggering(dag.dag_id)}
                  />
                ))}
              </ul>
              <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="DAG" onMove={move} />
            </>
          )
        }
      </Loaded>
      {triggering !== null && <TriggerDialog dag={triggering} onClose={() => setTriggering(null)} />}
    </>
  );
}
