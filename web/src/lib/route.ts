// The page's places live behind the # of its address, so that the server has one document to serve.
// Every id is encoded on the way in and decoded on the way out.
import { searchOf } from './address';

export type Route =
  | { view: 'dags' }
  | { view: 'dag'; dag: string; tab: string }
  | { view: 'run'; dag: string; run: string; task: string | null; tab: string }
  | { view: 'lake_table'; layer: string; domain: string; table: string; tab: string }
  | { view: 'asset' | 'backfill'; id: number }
  | { view: 'installation'; tab: string }
  | { view: 'branch'; name: string }
  | { view: 'erasure'; operation: string }
  | { view: 'letters'; domain: string; table: string }
  | { view: 'home' | 'lake' | 'lake_sql' | 'monitors' | 'domains' | 'quarantines' | 'letter_topics' | 'branches' | 'erasures' | 'runs' | 'tasks' | 'backfills' | 'deadlines' | 'xcoms' | 'assets' | 'problems' | 'pools' | 'variables' | 'connections' | 'access' | 'audit' | 'health' }
  | { view: 'unknown' };

const plain = new Set(['home', 'lake', 'runs', 'tasks', 'backfills', 'deadlines', 'xcoms', 'assets', 'problems', 'pools', 'variables', 'connections', 'access', 'audit', 'health']);

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

export function parseRoute(hash: string): Route {
  const [place = ''] = hash.replace(/^#\/?/, '').split('?', 1);
  const search = searchOf(hash);
  const parts = place.split('/').filter((part) => part !== '').map(decode);
  if (parts.some((part) => part === null)) return { view: 'unknown' };
  const [head, dag, word, run, ...rest] = parts as string[];
  const tab = search.get('tab') ?? '';
  if (head === undefined || (head === 'dags' && dag === undefined)) return { view: 'dags' };
  if (head === 'dags' && dag !== undefined) {
    if (word === undefined) return { view: 'dag', dag, tab };
    if (word === 'runs' && run !== undefined && rest.length === 0) {
      return { view: 'run', dag, run, task: search.get('task'), tab };
    }
  }
  if (head === 'lake' && dag === 'dead-letters' && rest.length === 0) {
    if (word === undefined) return { view: 'letter_topics' };
    return run === undefined ? { view: 'unknown' } : { view: 'letters', domain: word, table: run };
  }
  if (head === 'lake' && dag === 'branches' && run === undefined) return word === undefined ? { view: 'branches' } : { view: 'branch', name: word };
  if (head === 'lake' && dag === 'erasures' && run === undefined) return word === undefined ? { view: 'erasures' } : { view: 'erasure', operation: word };
  if (head === 'lake' && dag !== undefined && word !== undefined && run !== undefined && rest.length === 0) {
    return { view: 'lake_table', layer: dag, domain: word, table: run, tab };
  }
  if (head === 'lake' && dag === 'sql' && word === undefined) return { view: 'lake_sql' };
  if (head === 'lake' && dag === 'monitors' && word === undefined) return { view: 'monitors' };
  if (head === 'lake' && dag === 'domains' && word === undefined) return { view: 'domains' };
  if (head === 'lake' && dag === 'quarantine' && word === undefined) return { view: 'quarantines' };
  if (head === 'assets' && dag !== undefined && word === undefined && /^\d{1,15}$/.test(dag)) return { view: 'asset', id: Number(dag) };
  if (head === 'backfills' && dag !== undefined && word === undefined && /^\d{1,15}$/.test(dag)) return { view: 'backfill', id: Number(dag) };
  if (head === 'installation' && dag === undefined) return { view: 'installation', tab };
  if (plain.has(head) && dag === undefined) return { view: head } as Route;
  return { view: 'unknown' };
}

export function dagLink(dag: string, tab = ''): string {
  return `#/dags/${encodeURIComponent(dag)}${tab ? `?tab=${encodeURIComponent(tab)}` : ''}`;
}

/** The text of one version of a DAG. */
export const sourceLink = (dag: string, version: number): string => `${dagLink(dag, 'source')}&version=${version}`;

export function runLink(dag: string, run: string, task: string | null = null, tab = ''): string {
  const search = new URLSearchParams();
  if (task !== null) search.set('task', task);
  if (tab) search.set('tab', tab);
  const query = search.toString();
  const place = `#/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`;
  return query ? `${place}?${query}` : place;
}

/** A task in its DAG's graph and table. */
export function taskLink(dag: string, task: string): string {
  return `#/dags/${encodeURIComponent(dag)}?${new URLSearchParams({ tab: 'tasks', node: task }).toString()}`;
}

/** The list of task instances, of one task of one run. */
export function instancesLink(dag: string, run: string, task: string): string {
  return `#/tasks?${new URLSearchParams({ dag, run, q: task }).toString()}`;
}

/** An asset, by its number. */
export const assetLink = (id: number): string => `#/assets/${id}`;

/** A backfill, by its number. */
export const backfillLink = (id: number): string => `#/backfills/${id}`;

/** A list over all DAGs, of this one. */
export const listLink = (list: 'backfills' | 'deadlines' | 'xcoms' | 'runs', dag: string): string => `#/${list}?${new URLSearchParams({ dag }).toString()}`;

/** A table of the lake. */
export function lakeLink({ layer, domain, table }: { layer: string; domain: string; table: string }, search: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(search).toString();
  return `#/lake/${[layer, domain, table].map(encodeURIComponent).join('/')}${query ? `?${query}` : ''}`;
}

/** Branches of the lake, or one. */
export const branchLink = (name = ''): string => `#/lake/branches${name === '' ? '' : `/${encodeURIComponent(name)}`}`;

/** Orders to erase a person, or one. */
export const erasureLink = (operation = ''): string => `#/lake/erasures${operation === '' ? '' : `/${encodeURIComponent(operation)}`}`;

/** Dead letters, of all contracts or of one. */
export function lettersLink(of?: { domain: string; table: string }): string {
  return `#/lake/dead-letters${of ? `/${[of.domain, of.table].map(encodeURIComponent).join('/')}` : ''}`;
}

/** Monitors and alerts, filtered. */
export function monitorsLink(search: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(search).toString();
  return `#/lake/monitors${query ? `?${query}` : ''}`;
}

/** What a monitor watches: "layer/domain/table", a domain, or a DAG or "dag.task", which leads to the failed tasks of that name. */
export function watchedLink(kind: string, target: string): string {
  const [layer = '', domain = '', table = ''] = target.split('/');
  if (kind === 'lag') return monitorsLink({ target }); // a topic and its group: there is no page of its own
  if (kind === 'cost' && domain === '') return monitorsLink({ domain: target }); // of a whole domain
  if (kind !== 'failures') return lakeLink({ layer, domain, table });
  return `#/tasks?${new URLSearchParams({ dag: target.split('.', 1)[0] ?? target, state: 'failed' }).toString()}`;
}

/** The word of "#login_error=<word>", or null. */
export function loginError(hash: string): string | null {
  return /^#login_error=([a-z]+)$/.exec(hash)?.[1] ?? null;
}

/** The one-time code of "#login=<code>", or null. */
export function loginCode(hash: string): string | null {
  const code = /^#login=([^&]+)/.exec(hash)?.[1];
  return code === undefined ? null : decode(code);
}
