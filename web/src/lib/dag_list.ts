// What the list of DAGs asks the server, out of its address, and how the live stream changes what came. Pure.
import type { Query } from '../api/client';
import type { DagPage, DagRun, RunEvent } from '../api/types';
import { applyRuns } from './live';

/** A run may change which DAGs are listed and where, or is told while an older answer is on its way. */
export const runsMatter = (search: URLSearchParams, isLoading: boolean): boolean =>
  isLoading || search.has('state') || (search.get('order') ?? '').includes('last_run');

export const barCount = 14;

/** What narrows the list, as it stands in the address. */
export const filterNames = ['q', 'tag', 'owner', 'paused', 'state', 'favorite'] as const;

/** By name unless another is asked for. */
export const dagOrders = ['dag_id', 'next_dagrun', '-last_run_start_date', 'last_run_state', '-is_paused'] as const;
export const runStates = ['failed', 'running', 'queued', 'success'] as const;

const known = (text: string | null, among: readonly string[]) => (text !== null && among.includes(text) ? text : undefined);

/** The usual order is not asked for: the server then reads the last runs of one page alone. */
export function dagQuery(search: URLSearchParams): Query {
  const [text, tag, owner] = [search.get('q'), search.get('tag'), search.get('owner')];
  return {
    dag_id_pattern: text ? `%${text}%` : undefined,
    tags: tag ? [tag] : undefined,
    owners: owner ? [owner] : undefined,
    paused: known(search.get('paused'), ['true', 'false']),
    last_dag_run_state: known(search.get('state'), runStates),
    is_favorite: search.get('favorite') === 'true' ? true : undefined,
    order_by: known(search.get('order'), dagOrders.filter((order) => order !== 'dag_id')),
  };
}

/** An event is about a run of a listed DAG whose place only the server can tell: a new one, or an old one that was cleared. */
export function hasUnknownRuns(page: DagPage | undefined, events: readonly RunEvent[]): boolean {
  const runsOf = new Map(page?.dags.map((dag) => [dag.dag_id, dag.latest_dag_runs ?? []]));
  return events.some((event) => runsOf.get(event.dag_id)?.every((run) => run.dag_run_id !== event.dag_run_id) ?? false);
}

/** The same page where no event is about a DAG of it. */
export function applyDagRuns(page: DagPage, events: readonly RunEvent[]): DagPage {
  const told = new Set(events.map((event) => event.dag_id));
  if (!page.dags.some((dag) => told.has(dag.dag_id))) return page;
  const dags = page.dags.map((dag) => {
    if (!told.has(dag.dag_id)) return dag;
    const before: readonly DagRun[] = dag.latest_dag_runs ?? [];
    const after = applyRuns(before, events, dag.dag_id);
    return after === before ? dag : { ...dag, latest_dag_runs: [...after] };
  });
  return { ...page, dags };
}
