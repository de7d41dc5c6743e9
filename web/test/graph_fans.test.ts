import { expect, test } from 'vitest';
import { layoutGraph } from '../src/lib/graph';
import { fanId, mostBeside, withFans } from '../src/lib/graph_fans';
import type { GraphInput } from '../src/lib/graph_fold';

const fan = (count: number, more: Partial<GraphInput> = {}): GraphInput[] => [
  { id: 'first', downstream: Array.from({ length: count }, (_, at) => `load_${at}`) },
  ...Array.from({ length: count }, (_, at) => ({ id: `load_${at}`, downstream: ['last'], ...more })),
  { id: 'last', downstream: [] },
];
const boxes = (tasks: readonly GraphInput[], open: readonly string[] = []) => {
  const { tasks: folded, groups } = withFans(tasks, []);
  return layoutGraph(folded, { groups, open: new Set(open) });
};

test('many tasks between the same neighbours are one box, which unfolds', () => {
  const tasks = fan(40);
  const graph = boxes(tasks);
  expect(graph.nodes.map((node) => node.id).sort()).toEqual([fanId('load_0'), 'first', 'last'].sort());
  expect(graph.nodes.find((node) => node.kind === 'group')?.members.length).toBe(40);
  expect(graph.edges.length).toBe(2);
  expect(withFans(tasks, []).fans[0]?.name).toBe('load_…');
  const unfolded = boxes(tasks, [fanId('load_0')]);
  expect(unfolded.nodes.length).toBe(42);
  expect(unfolded.frames.length).toBe(1);
});

test('few tasks, and such as differ in a neighbour, stand alone', () => {
  expect(withFans(fan(mostBeside), []).fans).toEqual([]);
  const tasks = fan(mostBeside + 2);
  const odd = tasks.map((task) => (task.id === 'load_1' || task.id === 'load_2' ? { ...task, downstream: [] } : task));
  expect(withFans(odd, []).fans).toEqual([]);
});

test('many tasks without any neighbour are one box, beside what hangs together', () => {
  const alone = Array.from({ length: 1200 }, (_, at) => ({ id: `task_${at}`, downstream: [] }));
  const graph = boxes(alone);
  expect(graph.nodes.map((node) => [node.id, node.members.length])).toEqual([[fanId('task_0'), 1200]]);
  expect(withFans(alone, []).fans[0]?.name).toBe('task_…');
  const beside = boxes([...alone.slice(0, mostBeside + 1), { id: 'first', downstream: ['last'] }, { id: 'last', downstream: [] }]);
  expect(beside.nodes.map((node) => node.id).sort()).toEqual([fanId('task_0'), 'first', 'last'].sort());
  expect(withFans(alone.slice(0, mostBeside), []).fans).toEqual([]);
});

test('a fan stays in its group, and is none over the bounds of one or with other words on its edges', () => {
  const groups = [{ id: 'g', parent: null, name: 'g' }];
  const { fans } = withFans(fan(20, { group: 'g' }), groups);
  expect(fans.map((one) => one.parent)).toEqual(['g']);
  const two = fan(20).map((task, at) => (task.id.startsWith('load') ? { ...task, group: at % 2 ? 'g' : null } : task));
  expect(withFans(two, groups).fans).toEqual([]);
  const labelled = fan(20).map((task, at) => (task.id.startsWith('load') && at % 2 ? { ...task, labels: { last: 'yes' } } : task));
  expect(withFans(labelled, []).fans).toEqual([]);
});
