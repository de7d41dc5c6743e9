// What the lists over all DAGs ask the server, out of their address. The address is what such a list is
// known by; a span of hours becomes an instant only when it is asked, so that a minute that passes is no
// other list.
import type { Query } from '../api/client';
import type { TaskState } from '../api/types';
import { countOf } from './address';
import { isEnded } from './states';

export const runOrders = ['-run_after', '-start_date', '-end_date', '-duration', 'dag_id'];

const contains = (text: string | null) => (text ? `%${text}%` : undefined);
const statesOf = (search: URLSearchParams) => search.getAll('state').filter((one) => one !== '');
const isLive = (state: string) => !isEnded(state as TaskState);

// What waits or works is of now, whenever it was due: where only that is asked for, a span hides nothing.
function since(search: URLSearchParams, now: number): string | undefined {
  const hours = countOf(search, 'hours', 0);
  const states = statesOf(search);
  if (hours === 0 || (states.length > 0 && states.every(isLive))) return undefined;
  return new Date(now - hours * 3_600_000).toISOString();
}

export function runsQuery(search: URLSearchParams, now: number): Query {
  const states = statesOf(search);
  const order = search.get('order') ?? '';
  // The time that all runs asked for have.
  const time = states.length === 0 || states.some(isLive) ? 'run_after_gte' : 'end_date_gte';
  return {
    dag_id_pattern: contains(search.get('dag')),
    state: states,
    run_type: search.get('type') ?? undefined,
    [time]: since(search, now),
    order_by: runOrders.includes(order) ? order : runOrders[0],
  };
}

export function tasksQuery(search: URLSearchParams, now: number): Query {
  return {
    dag_id_pattern: contains(search.get('dag')),
    run_id_pattern: contains(search.get('run')),
    task_display_name_pattern: contains(search.get('q')),
    state: statesOf(search).map((one) => (one === 'none' ? 'no_status' : one)),
    pool: search.get('pool') ?? undefined,
    start_date_gte: since(search, now),
    order_by: '-run_after',
  };
}
