import { describe, expect, test } from 'vitest';
import type { DagRun, RunEvent, TaskEvent, TaskInstance } from '../src/api/types';
import { applyRun, applyRuns, applyTasks, countStates, foldMapped, hasNewInstances, taskMap } from '../src/lib/live';

const run = (id: string, state: DagRun['state'] = 'running') =>
  ({ dag_id: 'd', dag_run_id: id, state, note: 'kept', queued_at: 'q' }) as DagRun;
const runEvent = (id: string, state: DagRun['state'], dag = 'd'): RunEvent => ({
  dag_id: dag,
  dag_run_id: id,
  state,
  run_type: 'manual',
  start_date: 's',
  end_date: null,
  queued_at: null,
});
const task = (id: string, attempt = 1) =>
  ({ dag_id: 'd', dag_run_id: 'r', task_id: id, map_index: -1, state: 'queued', try_number: attempt, pool: 'p' }) as TaskInstance;
const taskEvent = (id: string, state: TaskEvent['state'], attempt = 1, other: Partial<TaskEvent> = {}): TaskEvent => ({
  dag_id: 'd',
  dag_run_id: 'r',
  task_id: id,
  map_index: -1,
  state,
  try_number: attempt,
  start_date: null,
  end_date: null,
  duration: null,
  ...other,
});

describe('applyRuns', () => {
  test('changes a known run in place and keeps what the event does not say', () => {
    const [next] = applyRuns([run('a')], [runEvent('a', 'success')], 'd');
    expect(next).toMatchObject({ state: 'success', note: 'kept', queued_at: 'q', start_date: 's' });
  });
  test('leaves out a run that is not listed: a new one, or an old one that was cleared', () => {
    const runs = [run('a'), run('b')];
    expect(applyRuns(runs, [runEvent('old', 'queued')], 'd')).toBe(runs);
    expect(applyRuns(runs, [runEvent('old', 'queued'), runEvent('b', 'failed')], 'd').map((one) => [one.dag_run_id, one.state])).toEqual([['a', 'running'], ['b', 'failed']]);
  });
  test('another DAG changes nothing, not even the list', () => {
    const runs = [run('a')];
    expect(applyRuns(runs, [runEvent('a', 'failed', 'other')], 'd')).toBe(runs);
  });
});

test('a run takes only its own events', () => {
  const one = run('a');
  expect(applyRun(one, [runEvent('b', 'failed')])).toBe(one);
  expect(applyRun(one, [runEvent('a', 'failed')]).state).toBe('failed');
});

describe('applyTasks', () => {
  const tasks = taskMap([task('a', 2), task('b')]);
  test('changes the task and keeps its other fields', () => {
    const next = applyTasks(tasks, [taskEvent('a', 'running', 2)], 'd', 'r');
    expect(next.get('a')).toMatchObject({ state: 'running', pool: 'p' });
    expect(next.get('b')).toBe(tasks.get('b'));
  });
  test('a late event of an older try changes nothing', () => {
    expect(applyTasks(tasks, [taskEvent('a', 'failed', 1)], 'd', 'r')).toBe(tasks);
  });
  test('events of other runs and unknown tasks change nothing', () => {
    expect(applyTasks(tasks, [taskEvent('z', 'failed'), taskEvent('a', 'failed', 2, { dag_run_id: 'x' })], 'd', 'r')).toBe(tasks);
  });
  test('a thousand events of one turn cost one copy of the map', () => {
    const large = taskMap(Array.from({ length: 20_000 }, (_, at) => task(`t${at}`)));
    const events = Array.from({ length: 1000 }, (_, at) => taskEvent(`t${at}`, 'success'));
    const next = applyTasks(large, events, 'd', 'r');
    expect(countStates(next.values())).toEqual(new Map([['success', 1000], ['queued', 19_000]]));
  });
});

describe('mapped tasks', () => {
  const one = (index: number, state: TaskInstance['state']) => ({ ...task('m'), map_index: index, state });
  test('an instance that nobody has read tells that its task was expanded', () => {
    const known = taskMap([task('m'), task('other')]);
    const told = [taskEvent('m', 'queued', 1, { map_index: 0 })];
    expect(hasNewInstances(known, told, 'd', 'r')).toBe(true);
    expect(hasNewInstances(taskMap([one(0, 'queued')]), told, 'd', 'r')).toBe(false);
    expect(hasNewInstances(known, told, 'd', 'another')).toBe(false);
    expect(hasNewInstances(known, [taskEvent('m', 'queued')], 'd', 'r')).toBe(false);
  });
  test('the picture shows a mapped task as the worst of its instances', () => {
    const folded = foldMapped(taskMap([one(0, 'success'), one(1, 'failed'), one(2, 'running'), task('other')]));
    expect(folded.get('m')?.state).toBe('failed');
    expect(folded.get('other')?.map_index).toBe(-1);
    expect(folded.size).toBe(5);
  });
});
