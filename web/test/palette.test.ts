import { expect, test } from 'vitest';
import { hitsOf } from '../src/lib/palette';
import { places } from '../src/lib/places';

const answer = {
  dags: [{ dag_id: 'pools_daily', description: 'd' }, { dag_id: 'pools', description: '' }],
  tasks: [{ dag_id: 'demo', task_id: 'pools' }],
  runs: [{ dag_id: 'demo', dag_run_id: 'r/1' } as never],
  more: false,
  tables: [{ layer: 'gold', domain: 'shop', table: 'pools_sold' }],
  settings: ['scheduler.pools'],
};

test('the palette offers places first, then what the server knows, a DAG of just that name before others', () => {
  expect(hitsOf('pools', places, answer).map((hit) => `${hit.kind} ${hit.name}`)).toEqual(['place Pools', 'dag pools', 'dag pools_daily', 'task pools', 'run r/1', 'table pools_sold', 'setting scheduler.pools']);
  expect(hitsOf('pools', places, answer).map((hit) => hit.href).slice(3)).toEqual(['#/dags/demo?tab=tasks&node=pools', '#/dags/demo/runs/r%2F1', '#/lake/gold/shop/pools_sold', '#/installation?tab=settings&q=scheduler.pools']);
  expect(hitsOf('', places, answer)).toHaveLength(places.length);
  expect(hitsOf('t', places, undefined)[0]?.name).toBe('Tasks');
});

test('each place has a key of its own', () => {
  expect(new Set(places.map((place) => place.key)).size).toBe(places.length);
});
