import { describe, expect, test } from 'vitest';
import type { Grid, GridRun, RunEvent, TaskEvent } from '../src/api/types';
import { applyEvents, countsOf, lettersOf, mergeRuns, stateOf, step } from '../src/lib/grid';
import { gridLines } from '../src/lib/grid_lines';
import { placeText } from '../src/lib/grid_text';

const run = (id: string, cells: string, other: Partial<GridRun> = {}): GridRun => ({
  dag_run_id: id, state: 'running', run_type: 'manual', logical_date: null, run_after: '2026-11-20T12:00:00Z',
  queued_at: '2026-11-20T12:00:00Z', start_date: null, end_date: null, version_number: 1, cells, mapped: {}, ...other,
});
const task = (id: string, isMapped = false) => ({ task_id: id, operator_name: 'shell', is_mapped: isMapped, is_gone: false, group: null as string | null });
const grid = (runs: GridRun[], tasks = [task('a'), task('b'), task('m', true)]): Grid => ({ dag_id: 'd', tasks, groups: [], runs, total_runs: runs.length });
const taskEvent = (id: string, state: TaskEvent['state'], other: Partial<TaskEvent> = {}): TaskEvent => ({
  dag_id: 'd', dag_run_id: 'r1', task_id: id, map_index: -1, state, try_number: 1, start_date: null, end_date: null, duration: null, ...other,
});
const runEvent = (id: string, state: RunEvent['state']): RunEvent => ({
  dag_id: 'd', dag_run_id: id, state, run_type: 'manual', start_date: 's', end_date: null, queued_at: null,
});

describe('what is shown', () => {
  test('a row reads from the oldest run to the newest', () => {
    expect(lettersOf(grid([run('new', 'sf-'), run('old', 'fs ')]), 0)).toBe('fs');
    expect(lettersOf(grid([run('new', 'sf-'), run('old', 'fs ')]), 2)).toBe(' -');
  });
  test('a letter of a newer server is a state that is not known', () => {
    expect(stateOf('?')).toBe('none');
    expect(stateOf(' ')).toBeNull();
    expect(stateOf('u')).toBe('upstream_failed');
  });
  test('a place is told in words, with the instances of a mapped task', () => {
    const one = grid([run('r1', 'sf ', { mapped: { '1': { success: 2, failed: 1 } } })]);
    const line = (at: number) => gridLines(one, new Set())[at]!;
    expect(placeText(one, line(0), one.runs[0], 0)).toMatch(/^a, 2026-11-20 .*: Success$/);
    expect(placeText(one, line(1), one.runs[0], 0)).toMatch(/: 2 Success, 1 Failed$/);
    expect(placeText(one, line(2), one.runs[0], 0)).toContain('not in this version');
    expect(countsOf(one.runs[0] as GridRun, 0)).toEqual([]);
  });
  test('a group is told by how many of its tasks are in each state', () => {
    const one: Grid = { ...grid([run('r1', 'sfs')], [{ ...task('a'), group: 'g' }, { ...task('b'), group: 'g' }, task('c')]), groups: [{ group_id: 'g', parent: null, display_name: 'Load' }] };
    expect(placeText(one, gridLines(one, new Set())[0]!, one.runs[0], 0)).toMatch(/^Group Load \(folded\), .*: 1 Success, 1 Failed$/);
  });
});

describe('live events', () => {
  test('a task event changes its cell and nothing else', () => {
    const before = grid([run('r1', '---'), run('r0', 'sss')]);
    const { grid: after, stale } = applyEvents(before, [], [taskEvent('b', 'running')]);
    expect(after.runs[0]?.cells).toBe('-r-');
    expect(after.runs[1]).toBe(before.runs[1]);
    expect(stale).toEqual([]);
  });
  test('events of other DAGs leave the grid as it was', () => {
    const before = grid([run('r1', '---')]);
    expect(applyEvents(before, [], [taskEvent('b', 'running', { dag_id: 'other' })]).grid).toBe(before);
  });
  test('a run event changes its state and keeps its cells', () => {
    const { grid: after } = applyEvents(grid([run('r1', 'sss')]), [runEvent('r1', 'success')], []);
    expect(after.runs[0]).toMatchObject({ state: 'success', cells: 'sss', start_date: 's', queued_at: '2026-11-20T12:00:00Z' });
  });
  test('what only the server can tell is named: new runs, mapped instances, unknown tasks', () => {
    const before = grid([run('r1', '---')]);
    expect(applyEvents(before, [runEvent('r2', 'queued')], [])).toEqual({ grid: before, stale: [], unknown: ['r2'] });
    expect(applyEvents(before, [], [taskEvent('m', 'running', { map_index: 3 })]).stale).toEqual(['r1']);
    expect(applyEvents(before, [], [taskEvent('z', 'running')]).stale).toEqual(['r1']);
  });
  test('the end of a run that is not shown asks for nothing', () => {
    const before = grid([run('r1', '---')]);
    expect(applyEvents(before, [runEvent('old', 'failed')], [])).toEqual({ grid: before, stale: [], unknown: [] });
  });
});

describe('an answer about some runs', () => {
  test('is put in by the names of the tasks', () => {
    const part = grid([run('r1', 'fs', { mapped: { '0': { failed: 1 } } })], [task('m', true), task('a')]);
    const after = mergeRuns(grid([run('r2', 'sss'), run('r1', '---')]), part);
    expect(after?.runs.map((one) => one.cells)).toEqual(['sss', 's f']);
    expect(after?.runs[1]?.mapped).toEqual({ '2': { failed: 1 } });
  });
  test('of a run that is not shown changes nothing', () => {
    const before = grid([run('r1', '---')]);
    expect(mergeRuns(before, grid([run('r9', '---')]))).toEqual(before);
  });
  test('of a task that is not there has the whole read again', () => {
    expect(mergeRuns(grid([run('r1', '---')]), grid([run('r1', 's')], [task('new')]))).toBeNull();
  });
});

test('keys move within the grid and stop at its edges', () => {
  expect(step({ row: 0, column: 0 }, 'ArrowUp', 5, 3)).toEqual({ row: 0, column: 0 });
  expect(step({ row: 0, column: 0 }, 'ArrowUp', 5, 3, 10, -1)).toEqual({ row: -1, column: 0 });
  expect(step({ row: 1, column: 1 }, 'End', 5, 3)).toEqual({ row: 1, column: 2 });
  expect(step({ row: 1, column: 1 }, 'PageDown', 5, 3)).toEqual({ row: 4, column: 1 });
  expect(step({ row: 1, column: 1 }, 'x', 5, 3)).toBeNull();
});
