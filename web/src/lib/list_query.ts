// What the lists over all DAGs ask the server, out of their address. The address is what such a list is
// known by; a span of hours becomes an instant only when it is asked, so that a minute that passes is no
// other list.
import type { Query } from '../api/client';
import type { TaskState } from '../api/types';
import { countOf } from './address';
import { isEnded } from './states';
import { t } from './words';

/** By what the lists are sorted; a minus before it: the largest, or newest, first. */
export const runOrders = ['run_after', 'dag_id', 'dag_run_id', 'state', 'run_type', 'start_date', 'end_date', 'duration'] as const;
export const taskOrders = ['run_after', 'dag_id', 'task_id', 'run_id', 'state', 'start_date', 'end_date', 'try_number', 'pool', 'duration'] as const;
export const usualOrder = '-run_after';

/** What narrows the lists, as it stands in the address. */
export const runFilters = ['dag', 'run', 'state', 'type', 'hours', 'from', 'to', 'longer', 'user', 'conf'] as const;
export const taskFilters = ['dag', 'q', 'run', 'state', 'hours', 'from', 'to', 'longer', 'pool', 'operator', 'map', 'try'] as const;

const contains = (text: string | null) => (text ? `%${text}%` : undefined);
const statesOf = (search: URLSearchParams) => search.getAll('state').filter((one) => one !== '');
const apiState = (state: string) => (state === 'none' ? 'no_status' : state);
const isLive = (state: string) => !isEnded(state as TaskState);

/** The order of the address, or the usual one where the list has none of that name. */
export function orderOf(search: URLSearchParams, orders: readonly string[], usual = usualOrder): string {
  const order = search.get('order') ?? '';
  return orders.includes(order.replace(/^-/, '')) ? order : usual;
}

/** What is wrong with a text of the address that should be a number from `least` on; undefined for none and for a good one. */
export function numberProblem(text: string, least: number, isWhole: boolean): string | undefined {
  const isNumber = isWhole ? /^-?\d{1,15}$/.test(text) : text.trim() !== '' && Number.isFinite(Number(text));
  if (text === '' || (isNumber && Number(text) >= least)) return undefined;
  return isWhole ? t('{text} is no whole number from {least} on.', { text, least }) : t('{text} is no number from {least} on.', { text, least });
}

/** An instant of the address, as the API takes it; undefined where it is none. */
export function instantOf(search: URLSearchParams, name: string): string | undefined {
  const ms = Date.parse(search.get(name) ?? '');
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

// What waits or works is of now, whenever it was due: where only that is asked for, a span hides nothing.
function since(search: URLSearchParams, now: number): string | undefined {
  const hours = countOf(search, 'hours', 0);
  const states = statesOf(search);
  if (hours === 0 || (states.length > 0 && states.every(isLive))) return undefined;
  return new Date(now - hours * 3_600_000).toISOString();
}

const later = (one: string | undefined, other: string | undefined) => ((one ?? '') > (other ?? '') ? one : other);

// What both lists are narrowed by.
function common(search: URLSearchParams): Query {
  const longer = Number(search.get('longer') || NaN);
  return {
    dag_id_pattern: contains(search.get('dag')),
    run_id_pattern: contains(search.get('run')),
    duration_gte: longer > 0 && Number.isFinite(longer) ? longer : undefined,
    run_after_gte: instantOf(search, 'from'),
    run_after_lte: instantOf(search, 'to'),
  };
}

export function runsQuery(search: URLSearchParams, now: number): Query {
  const states = statesOf(search);
  const query = common(search);
  // The time that all runs asked for have.
  const span = since(search, now);
  const byDue = states.length === 0 || states.some(isLive);
  return {
    ...query,
    state: states,
    run_type: search.get('type') ?? undefined,
    triggering_user_name_pattern: contains(search.get('user')),
    conf_contains: search.get('conf') ?? undefined,
    ...(byDue ? { run_after_gte: later(span, query['run_after_gte'] as string | undefined) } : { end_date_gte: span }),
    order_by: orderOf(search, runOrders),
  };
}

export function tasksQuery(search: URLSearchParams, now: number): Query {
  return {
    ...common(search),
    task_display_name_pattern: contains(search.get('q')),
    state: statesOf(search).map(apiState),
    pool: search.get('pool') ?? undefined,
    operator: search.get('operator') ?? undefined,
    rendered_map_index_pattern: contains(search.get('map')),
    try_number: countOf(search, 'try', 0) || undefined,
    start_date_gte: since(search, now),
    order_by: orderOf(search, taskOrders),
  };
}

/** Of a mapped task's instances in one run. */
export const instanceOrders = ['map_index', 'rendered_map_index', 'state', 'start_date', 'try_number', 'duration'] as const;
export const usualInstanceOrder = 'map_index';
export const instanceOrder = (search: URLSearchParams): string => orderOf(search, instanceOrders, usualInstanceOrder);

export const instancesQuery = (search: URLSearchParams, task: string) => ({
  task_id: task,
  state: statesOf(search).map(apiState),
  rendered_map_index_pattern: contains(search.get('map')),
  order_by: instanceOrder(search),
});

/** What narrows the list of XComs. The newest runs first: in that order the server need not look at all of them. */
export const xcomFilters = ['key', 'dag', 'run', 'q', 'map', 'from', 'to'] as const;

export function xcomsQuery(search: URLSearchParams): Query {
  const map = search.get('map') ?? '';
  return {
    xcom_key_pattern: contains(search.get('key')),
    dag_display_name_pattern: contains(search.get('dag')),
    run_id_pattern: contains(search.get('run')),
    task_id_pattern: contains(search.get('q')),
    map_index_filter: map !== '' && numberProblem(map, -1, true) === undefined ? Number(map) : undefined,
    run_after_gte: instantOf(search, 'from'),
    run_after_lte: instantOf(search, 'to'),
    order_by: '-run_after',
  };
}
