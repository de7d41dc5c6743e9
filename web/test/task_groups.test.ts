import { expect, test } from 'vitest';
import { countsText, nextSpot, partOf, worstState } from '../src/lib/graph_view';
import { readKept, renewKept } from '../src/lib/task_groups';

test('which groups are unfolded is kept for each DAG, the newest fifty of them, and a broken note is none', () => {
  expect(readKept('no json')).toEqual([]);
  expect(readKept('[["a",["x"]],5,["b"]]')).toEqual([['a', ['x']]]);
  expect(renewKept([['a', ['x']], ['b', ['y']]], 'a', new Set(['z']))).toEqual([['b', ['y']], ['a', ['z']]]);
  expect(renewKept([['a', ['x']]], 'a', new Set())).toEqual([]);
  const many = Array.from({ length: 60 }, (_, at): [string, string[]] => [`d${at}`, ['g']]);
  expect(renewKept(many, 'new', new Set(['g']))).toHaveLength(50);
});

const tasks = [
  { task_id: 'a', downstream_task_ids: ['b', 'c'] },
  { task_id: 'b', downstream_task_ids: ['d'] },
  { task_id: 'c', downstream_task_ids: [] },
  { task_id: 'd', downstream_task_ids: [] },
];
const ids = (part: Parameters<typeof partOf>[2], task: string | null = 'b') => partOf(tasks, task, part).map((one) => one.task_id).join('');

test('a part of a graph is what stands before a task, behind it or both', () => {
  expect(ids('up')).toBe('ab');
  expect(ids('down')).toBe('bd');
  expect(ids('both')).toBe('abd');
  expect(ids('all')).toBe('abcd');
  expect(ids('up', null)).toBe('abcd');
  expect(ids('up', 'nothing')).toBe('abcd');
});

test('an arrow leads to the nearest box in its direction', () => {
  const spots = [{ id: 'a', x: 0, y: 0 }, { id: 'b', x: 100, y: 5 }, { id: 'c', x: 60, y: 200 }];
  const from = spots[0]!;
  expect(nextSpot(spots, from, 'ArrowRight')?.id).toBe('b');
  expect(nextSpot(spots, from, 'ArrowDown')?.id).toBe('c');
  expect(nextSpot(spots, from, 'ArrowLeft')).toBe(null);
  expect(nextSpot(spots, from, 'x')).toBe(null);
});

test('a group is in the state that needs attention most', () => {
  expect(worstState(['success', 'failed', 'running'])).toBe('failed');
  expect(worstState(['success', null])).toBe(null);
  expect(worstState(['skipped', 'success'])).toBe('success');
  expect(countsText(['success', 'failed', 'success'])).toBe('1 Failed, 2 Success');
});
