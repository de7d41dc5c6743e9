import { expect, test } from 'vitest';
import type { Task } from '../src/api/types';
import { layoutGraph } from '../src/lib/graph';
import { firstTasks, scheduleKey, withAssets, type AssetSchedule } from '../src/lib/graph_assets';
import { mostBeside } from '../src/lib/graph_fans';

const task = (task_id: string, below: string[] = [], inlets: string[] = [], outlets: string[] = []) =>
  ({ task_id, downstream_task_ids: below, batuta: { inlets, outlets, group: null, edge_labels: {} } }) as unknown as Task;
const schedule = (asset_expression: unknown, description = 'Triggered by assets', summary = 'Asset'): AssetSchedule => ({ asset_expression, timetable_summary: summary, timetable_description: description });
const asset = (uri: string, name = uri) => ({ asset: { uri, name, group: 'asset' } });
const drawn = (tasks: readonly Task[], told: AssetSchedule = schedule(null), shown = tasks) => {
  const inputs = shown.map((one) => ({ id: one.task_id, downstream: one.downstream_task_ids }));
  const graph = withAssets(inputs, shown, firstTasks(tasks), scheduleKey(told));
  const edges = graph.tasks.flatMap((one) => one.downstream.map((to) => `${one.id} > ${to}`));
  return { ...graph, edges };
};

test('what a task reads stands before it and what it makes behind it, also where the same is read and made', () => {
  const { edges, boxes, tasks } = drawn([task('a', ['b'], ['s3://lake/rates'], ['lake://silver/shop/orders']), task('b', [], ['lake://silver/shop/orders'])]);
  expect(edges.sort()).toEqual(['a > asset:out:lake://silver/shop/orders', 'a > b', 'asset:in:lake://silver/shop/orders > b', 'asset:in:s3://lake/rates > a']);
  expect(boxes.get('asset:out:lake://silver/shop/orders')).toEqual({ kind: 'asset', uri: 'lake://silver/shop/orders', name: 'orders', note: 'silver · shop', title: 'lake://silver/shop/orders' });
  expect(boxes.get('asset:in:s3://lake/rates')).toMatchObject({ name: 'rates', note: 's3://lake' });
  const graph = layoutGraph(tasks);
  const columnOf = (id: string) => graph.nodes.find((node) => node.id === id)?.x ?? NaN;
  expect(columnOf('asset:in:s3://lake/rates')).toBeLessThan(columnOf('a'));
  expect(columnOf('asset:out:lake://silver/shop/orders')).toBeGreaterThan(columnOf('a'));
  expect(drawn([task('a', ['b']), task('b')])).toMatchObject({ edges: ['a > b'], groups: [] });
});

test('the assets of a schedule stand before the first tasks, with a gate for each all and any', () => {
  const tasks = [task('a', ['c']), task('b', ['c']), task('c')];
  expect(drawn(tasks, schedule(asset('s3://x'))).edges.sort()).toEqual(['a > c', 'asset:in:s3://x > a', 'asset:in:s3://x > b', 'b > c']);
  const nested = drawn(tasks, schedule({ all: [asset('s3://x', 'ex'), { any: [asset('s3://y'), { alias: { name: 'daily' } }] }] }));
  expect(nested.edges).toEqual(expect.arrayContaining(['asset:in:s3://x > gate:', 'asset:in:s3://y > gate:.1', 'alias:daily > gate:.1', 'gate:.1 > gate:', 'gate: > a', 'gate: > b']));
  expect(nested.edges).toHaveLength(8);
  expect([nested.boxes.get('gate:'), nested.boxes.get('gate:.1')].map((box) => [box?.kind, box?.name])).toEqual([['gate', 'All of them'], ['gate', 'Any of them']]);
  expect(nested.boxes.get('asset:in:s3://x')?.name).toBe('ex');
  const timed = drawn(tasks, schedule(asset('s3://x'), 'Triggered by assets or every day', 'Asset or @daily'));
  expect(timed.boxes.get('gate:times')?.name).toBe('@daily');
  expect(timed.edges).toEqual(expect.arrayContaining(['asset:in:s3://x > gate:either', 'gate:times > gate:either', 'gate:either > b']));
  // What is behind a task alone starts nothing.
  expect(drawn(tasks, schedule(asset('s3://x')), [task('c')]).boxes.size).toBe(0);
});

test('a schedule by staleness has its inputs before a gate, and what is kept fresh behind the task that makes it, or the last', () => {
  const told = schedule({ any: [asset('lake://silver/shop/orders')] }, 'While lake://gold/shop/daily is older than what it is made of');
  const unnamed = drawn([task('a', ['b']), task('b')], told);
  expect(unnamed.edges.sort()).toEqual(['a > b', 'asset:in:lake://silver/shop/orders > gate:stale', 'b > asset:out:lake://gold/shop/daily', 'gate:stale > a']);
  expect(unnamed.boxes.get('gate:stale')).toMatchObject({ note: 'gold/shop/daily', title: 'While gold/shop/daily is older than what it is made of' });
  expect(unnamed.boxes.get('asset:out:lake://gold/shop/daily')?.note).toBe('gold · shop · kept fresh');
  const named = drawn([task('a', ['b'], [], ['lake://gold/shop/daily']), task('b')], told);
  expect(named.edges).toContain('a > asset:out:lake://gold/shop/daily');
  expect(named.edges).not.toContain('b > asset:out:lake://gold/shop/daily');
});

test('many assets of the same task are one box that unfolds; few stand alone', () => {
  const uris = (count: number) => Array.from({ length: count }, (_, at) => `s3://lake/${at}`);
  expect(drawn([task('a', [], uris(mostBeside))]).groups).toEqual([]);
  const { tasks, groups } = drawn([task('a', ['b'], uris(mostBeside + 1)), task('b', [], ['s3://lake/0'])]);
  expect(groups).toEqual([]); // one of them is read by another too: twelve are left
  expect(tasks.filter((one) => one.group !== null && one.group !== undefined)).toEqual([]);
  const many = drawn([task('a', [], uris(40), uris(20))]);
  expect(many.groups.map((one) => one.name)).toEqual(['40 assets', '20 assets']);
  expect(layoutGraph(many.tasks, { groups: many.groups }).nodes.map((node) => node.kind).sort()).toEqual(['group', 'group', 'task']);
});
