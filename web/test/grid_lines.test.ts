import { describe, expect, test } from 'vitest';
import type { Grid, GridRun } from '../src/api/types';
import { gridLines, groupLetter, lettersOfLine, lineOfTask } from '../src/lib/grid_lines';

const task = (id: string, group: string | null = null) => ({ task_id: id, operator_name: 'shell', is_mapped: false, is_gone: false, group });
const tasks = [task('start'), task('one', 'load'), task('deep', 'inner'), task('end'), task('two', 'load')];
const groups = [
  { group_id: 'inner', parent: 'load' },
  { group_id: 'load', parent: null, display_name: 'Load' },
];
const run = (cells: string): GridRun => ({
  dag_run_id: 'r', state: 'running', run_type: 'manual', logical_date: null, run_after: '2026-11-20T12:00:00Z',
  queued_at: '2026-11-20T12:00:00Z', start_date: null, end_date: null, version_number: 1, cells, mapped: {},
});
const keys = (open: string[], text = '') => gridLines({ tasks, groups }, new Set(open), text).map((line) => `${'  '.repeat(line.depth)}${line.key}`);

describe('the lines of a grid', () => {
  test('a folded group is one line, where its first task would be', () => {
    expect(keys([])).toEqual(['task start', 'group load', 'task end']);
  });
  test('an unfolded group is followed by all that is in it, its inner groups folded by themselves', () => {
    expect(keys(['load'])).toEqual(['task start', 'group load', '  task one', '  group inner', '  task two', 'task end']);
    expect(keys(['load', 'inner'])).toEqual(['task start', 'group load', '  task one', '  group inner', '    task deep', '  task two', 'task end']);
  });
  test('what is searched for is shown with the groups around it, folded or not', () => {
    expect(keys([], 'DEEP')).toEqual(['group load', '  group inner', '    task deep']);
  });
  test('a group stands for all tasks in it, inner ones too, under its name for people', () => {
    const [, load] = gridLines({ tasks, groups }, new Set());
    expect(load?.name).toBe('Load');
    expect(load?.members).toEqual([1, 2, 4]);
  });
  test('a group that has no entry, or stands in itself, hides nothing', () => {
    expect(gridLines({ tasks: [task('a', 'gone')], groups: [] }, new Set()).map((line) => line.key)).toEqual(['task a']);
    expect(gridLines({ tasks: [task('a', 'x')], groups: [{ group_id: 'x', parent: 'x' }] }, new Set()).map((line) => line.key)).toEqual(['group x']);
  });
});

test('a group shows what needs attention most, and nothing of a run that has none of its tasks', () => {
  expect(groupLetter(run('ssfss'), [1, 2, 4])).toBe('f');
  expect(groupLetter(run('fsrsk'), [1, 2, 4])).toBe('r');
  expect(groupLetter(run('fsssk'), [1, 2, 4])).toBe('s');
  expect(groupLetter(run('s  s '), [1, 2, 4])).toBe(' ');
  const grid: Grid = { dag_id: 'd', tasks, groups, runs: [run('ssfss'), run('sssss')], total_runs: 2 };
  const [, load] = gridLines(grid, new Set());
  expect(load && lettersOfLine(grid, load)).toBe('sf');
});

test('a chosen task in a folded group is found at the group', () => {
  const lines = (open: string[]) => gridLines({ tasks, groups }, new Set(open));
  expect(lineOfTask(lines([]), { tasks }, 'deep')).toBe(1);
  expect(lineOfTask(lines(['load']), { tasks }, 'deep')).toBe(3);
  expect(lineOfTask(lines(['load', 'inner']), { tasks }, 'deep')).toBe(4);
  expect(lineOfTask(lines([]), { tasks }, 'nothing')).toBe(-1);
  expect(lineOfTask(lines([]), { tasks }, null)).toBe(-1);
});
