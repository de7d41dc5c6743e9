import { describe, expect, test } from 'vitest';
import type { TaskInstance } from '../src/api/types';
import { clearGroups, eachOnce, meantTasks, refusalsOf } from '../src/lib/bulk_tasks';
import { chosenRows } from '../src/lib/picks';

const task = (run: string, id: string, state: TaskInstance['state'], index = -1) =>
  ({ dag_id: 'd', dag_run_id: run, task_id: id, map_index: index, state }) as TaskInstance;

describe('a change of many tasks', () => {
  test('is about those that are not so already, and about none that its DAG has no more', () => {
    const all = [task('r', 'a', 'success'), task('r', 'b', 'failed'), task('r', 'c', 'removed'), task('r', 'd', null)];
    const ids = (act: Parameters<typeof meantTasks>[0]) => meantTasks(act, all).map((one) => one.task_id).join('');
    expect([ids('success'), ids('failed'), ids('skipped'), ids('clear'), ids('delete')]).toEqual(['bd', 'ad', 'abd', 'abd', 'abcd']);
  });
  test('clears run by run, each instance of a mapped task by its number', () => {
    expect(clearGroups([task('r', 'a', 'failed'), task('s', 'a', 'failed'), task('r', 'm', 'failed', 3)])).toEqual([
      { dag_id: 'd', dag_run_id: 'r', task_ids: ['a', ['m', 3]] },
      { dag_id: 'd', dag_run_id: 's', task_ids: ['a'] },
    ]);
  });
  test('counts once what is behind several of those that were chosen', () => {
    const shared = task('r', 'end', null);
    expect(eachOnce([[task('r', 'a', null), shared], [task('r', 'b', null), shared]]).map((one) => one.task_id)).toEqual(['a', 'end', 'b']);
  });
  test('tells what was refused, in words even where the server has none', () => {
    const answer = { create: null, update: { success: [], errors: [{ error: 'it runs' }] }, delete: { success: [], errors: [{}] } };
    expect(refusalsOf(answer, 'refused')).toEqual(['it runs', 'refused']);
  });
});

test('what was chosen stays chosen on another page, and is as it is now where it is in sight', () => {
  const picked = new Map([['r1', { id: 'r1', state: 'queued' }], ['r2', { id: 'r2', state: 'queued' }]]);
  const rows = [{ id: 'r2', state: 'running' }, { id: 'r3', state: 'queued' }];
  expect(chosenRows(picked, rows, (row) => row.id)).toEqual([{ id: 'r1', state: 'queued' }, { id: 'r2', state: 'running' }]);
});
