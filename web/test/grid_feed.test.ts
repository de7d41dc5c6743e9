import { describe, expect, test } from 'vitest';
import type { Grid, GridRun, RunEvent, TaskEvent } from '../src/api/types';
import { GridFeed } from '../src/lib/grid_feed';

const run = (id: string, cells: string, state: GridRun['state'] = 'running'): GridRun => ({
  dag_run_id: id, state, run_type: 'manual', logical_date: null, run_after: '2026-11-20T12:00:00Z',
  queued_at: '2026-11-20T12:00:00Z', start_date: null, end_date: null, version_number: 1, cells, mapped: {},
});
const task = (id: string, isMapped = false) => ({ task_id: id, operator_name: 'shell', is_mapped: isMapped, is_gone: false, group: null });
const grid = (...runs: GridRun[]): Grid => ({ dag_id: 'd', tasks: [task('a'), task('m', true)], groups: [], runs, total_runs: runs.length });
const taskEvent = (state: TaskEvent['state'], other: Partial<TaskEvent> = {}): TaskEvent => ({
  dag_id: 'd', dag_run_id: 'r1', task_id: 'a', map_index: -1, state, try_number: 1, start_date: null, end_date: null, duration: null, ...other,
});
const mapped = taskEvent('failed', { task_id: 'm', map_index: 3 });
const runEvent = (id: string, state: RunEvent['state']): RunEvent => ({
  dag_id: 'd', dag_run_id: id, state, run_type: 'manual', start_date: null, end_date: null, queued_at: null,
});

// A feed whose server answers when the test says so.
function start() {
  const asked: { runs: readonly string[] | null; answer: (grid: Grid) => void; fail: () => void }[] = [];
  const feed = new GridFeed('d', (runs) => new Promise((answer, fail) => asked.push({ runs, answer, fail: () => fail(new Error('no')) })));
  const cells = () => feed.grid?.runs.map((one) => one.cells);
  const readAll = async (answer: Grid) => {
    const done = feed.readAll();
    asked.at(-1)?.answer(answer);
    await done;
  };
  return { feed, asked, cells, readAll };
}

describe('an answer that was made before an event', () => {
  test('does not undo the event when it is the first one', async () => {
    const { feed, asked } = start();
    const done = feed.readAll();
    feed.take({ runs: [runEvent('r1', 'failed')], tasks: [taskEvent('failed')] });
    asked[0]?.answer(grid(run('r1', 'r-')));
    expect((await done).runs[0]).toMatchObject({ state: 'failed', cells: 'f-' });
  });
  test('does not undo the event when the whole is read again', async () => {
    const { feed, asked, cells, readAll } = start();
    await readAll(grid(run('r1', '--')));
    const done = feed.readAll();
    feed.take({ runs: [], tasks: [taskEvent('running')] });
    feed.take({ runs: [], tasks: [taskEvent('success')] });
    asked[1]?.answer(grid(run('r1', 'r-')));
    await done;
    expect(cells()).toEqual(['s-']);
    expect(feed.need).toBe('nothing');
  });
  test('does not undo the event when some runs are read again', async () => {
    const { feed, asked, cells, readAll } = start();
    await readAll(grid(run('r2', '--'), run('r1', '--')));
    feed.take({ runs: [], tasks: [mapped] });
    const done = feed.readSome();
    expect(asked[1]?.runs).toEqual(['r1']);
    feed.take({ runs: [runEvent('r1', 'failed')], tasks: [taskEvent('success')] });
    asked[1]?.answer(grid(run('r1', 'rf')));
    await done;
    expect(cells()).toEqual(['--', 'sf']);
    expect(feed.grid?.runs[1]?.state).toBe('failed');
  });
  test('has its run read once more where the event does not tell what the cell shows', async () => {
    const { feed, asked, readAll } = start();
    await readAll(grid(run('r1', '--')));
    feed.take({ runs: [], tasks: [mapped] });
    const done = feed.readSome();
    feed.take({ runs: [], tasks: [mapped] });
    expect(feed.need).toBe('nothing'); // one at a time, so that the older answer is not the last one
    asked[1]?.answer(grid(run('r1', '-r')));
    await done;
    expect(feed.need).toBe('some');
  });
  test('is not told again what was told before it was asked for', async () => {
    const { feed, cells, readAll } = start();
    await readAll(grid(run('r1', '--')));
    feed.take({ runs: [], tasks: [taskEvent('running')] });
    await readAll(grid(run('r1', 's-')));
    expect(cells()).toEqual(['s-']);
  });
});

describe('an answer that is late', () => {
  test('about some runs gives way to a whole that was asked for after it', async () => {
    const { feed, asked, cells, readAll } = start();
    await readAll(grid(run('r1', '--')));
    feed.take({ runs: [], tasks: [mapped] });
    const some = feed.readSome();
    await readAll(grid(run('r1', 'ss')));
    asked[1]?.answer(grid(run('r1', 'rr')));
    await some;
    expect(cells()).toEqual(['ss']);
  });
  test('of a whole gives way to the next one', async () => {
    const { feed, asked, cells } = start();
    const [first, second] = [feed.readAll(), feed.readAll()];
    asked[1]?.answer(grid(run('r1', 'ss')));
    await second;
    asked[0]?.answer(grid(run('r1', 'rr')));
    await first;
    expect(cells()).toEqual(['ss']);
  });
  test('from before a gap in the stream does not stay', async () => {
    const { feed, asked, cells, readAll } = start();
    await readAll(grid(run('r1', '--')));
    feed.take({ runs: [], tasks: [mapped] });
    const some = feed.readSome();
    feed.lose();
    expect(feed.need).toBe('all');
    asked[1]?.answer(grid(run('r1', 'rr')));
    await some;
    expect(cells()).toEqual(['--']);
    const whole = feed.readAll();
    feed.lose();
    expect(feed.need).toBe('nothing'); // asking anew would throw away what is nearly there
    asked[2]?.answer(grid(run('r1', 'rr')));
    await whole;
    expect(feed.need).toBe('all');
  });
});

describe('a live run that is not shown', () => {
  test('has the whole read once, however often it moves', async () => {
    const { feed, asked, readAll } = start();
    await readAll(grid(run('r1', '--')));
    for (const state of ['queued', 'running', 'queued', 'running'] as const) {
      feed.take({ runs: [runEvent('older', state)], tasks: [taskEvent('running', { dag_run_id: 'older' })] });
      if (feed.need !== 'nothing') await readAll(grid(run('r1', '--')));
    }
    expect(asked.map((one) => one.runs)).toEqual([null, null]);
  });
  test('has it read again after a change of the DAG, when it may have been deleted and made anew', async () => {
    const { feed, readAll } = start();
    await readAll(grid());
    feed.take({ runs: [runEvent('again', 'queued')], tasks: [] });
    await readAll(grid(run('again', '--')));
    feed.lose();
    await readAll(grid());
    feed.take({ runs: [runEvent('again', 'queued')], tasks: [] });
    expect(feed.need).toBe('all');
  });
  test('has it read anew when it came while another answer was on its way', async () => {
    const { feed, asked, cells, readAll } = start();
    const done = feed.readAll();
    feed.take({ runs: [runEvent('new', 'queued')], tasks: [] });
    asked[0]?.answer(grid(run('r1', '--')));
    await done;
    expect(feed.need).toBe('all');
    await readAll(grid(run('new', '--'), run('r1', '--')));
    expect(cells()).toHaveLength(2);
    expect(feed.need).toBe('nothing');
  });
});

test('an answer with tasks that are not there, and a read that fails, have the whole read', async () => {
  const { feed, asked, readAll } = start();
  await readAll(grid(run('r1', '--')));
  feed.take({ runs: [], tasks: [mapped] });
  let done = feed.readSome();
  asked[1]?.answer({ ...grid(run('r1', 's')), tasks: [task('new')] });
  await done;
  expect(feed.need).toBe('all');
  await readAll(grid(run('r1', '--')));
  feed.take({ runs: [], tasks: [mapped] });
  done = feed.readSome();
  asked[3]?.fail();
  await done;
  expect(feed.need).toBe('all');
  const whole = feed.readAll();
  asked[4]?.fail();
  await expect(whole).rejects.toThrow('no');
  expect(feed.need).toBe('all');
});

test('many stale runs are read as the whole', async () => {
  const { feed, readAll } = start();
  const many = Array.from({ length: 21 }, (_, at) => run(`r${at}`, '--'));
  await readAll(grid(...many));
  feed.take({ runs: [], tasks: many.slice(1).map((one) => ({ ...mapped, dag_run_id: one.dag_run_id })) });
  expect(feed.need).toBe('some');
  feed.take({ runs: [], tasks: [{ ...mapped, dag_run_id: 'r0' }] });
  expect(feed.need).toBe('all');
});

test('events of other DAGs are nothing to it', async () => {
  const { feed, readAll } = start();
  await readAll(grid(run('r1', '--')));
  const before = feed.grid;
  expect(feed.take({ runs: [{ ...runEvent('x', 'queued'), dag_id: 'other' }], tasks: [taskEvent('failed', { dag_id: 'other' })] })).toBe(false);
  expect([feed.grid, feed.need]).toEqual([before, 'nothing']);
});
