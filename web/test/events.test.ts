import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LiveEvents, type Batch } from '../src/api/events';

class FakeSource {
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;
  private readonly handlers = new Map<string, (event: { data: string }) => void>();
  addEventListener(name: string, handler: (event: { data: string }) => void): void {
    this.handlers.set(name, handler);
  }
  close(): void {
    this.closed = true;
  }
  emit(name: string, data: unknown): void {
    this.handlers.get(name)?.({ data: JSON.stringify(data) });
  }
}

function start() {
  const sources: FakeSource[] = [];
  const refused = vi.fn();
  const batches: Batch[] = [];
  const live = new LiveEvents(refused, () => {
    const source = new FakeSource();
    sources.push(source);
    return source as unknown as EventSource;
  });
  live.listen((batch) => batches.push(batch));
  live.start();
  return { live, sources, refused, batches };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('LiveEvents', () => {
  test('a burst of events is one batch', () => {
    const { sources, batches } = start();
    for (let at = 0; at < 500; at += 1) sources[0]?.emit('task', { task_id: `t${at}` });
    sources[0]?.emit('dags', {});
    vi.advanceTimersByTime(100);
    expect(batches).toHaveLength(1);
    expect(batches[0]?.tasks).toHaveLength(500);
    expect(batches[0]).toMatchObject({ listChanged: true, resync: false });
  });

  test('tasks that are told of together are as those that are told of alone', () => {
    const { sources, batches } = start();
    sources[0]?.emit('task', { dag_id: 'd', dag_run_id: 'r', task_id: 'a', state: 'queued' });
    sources[0]?.emit('tasks', { dag_id: 'd', dag_run_id: 'r', tasks: [{ task_id: 'a', state: 'running' }, { task_id: 'b', state: 'success' }] });
    vi.advanceTimersByTime(100);
    expect(batches[0]?.tasks).toEqual([
      { dag_id: 'd', dag_run_id: 'r', task_id: 'a', state: 'queued' },
      { dag_id: 'd', dag_run_id: 'r', task_id: 'a', state: 'running' },
      { dag_id: 'd', dag_run_id: 'r', task_id: 'b', state: 'success' },
    ]);
  });

  test('more events than are worth keeping become one resync', () => {
    const { sources, batches } = start();
    for (let at = 0; at <= 20_000; at += 1) sources[0]?.emit('task', { task_id: 't' });
    vi.advanceTimersByTime(100);
    expect(batches[0]).toMatchObject({ resync: true, tasks: [] });
  });

  test('the first opening is no gap, every later one is', () => {
    const { live, sources, batches } = start();
    sources[0]?.onopen?.();
    vi.advanceTimersByTime(100);
    expect(batches).toHaveLength(0);
    expect(live.state).toBe('live');
    sources[0]?.onerror?.();
    expect(live.state).toBe('lost');
    sources[0]?.onopen?.();
    vi.advanceTimersByTime(100);
    expect(batches[0]?.resync).toBe(true);
  });

  test('a closed source is opened again, ever more slowly, and the session asked about', () => {
    const { sources, refused } = start();
    for (let at = 0; at < 3; at += 1) {
      const last = sources[sources.length - 1] as FakeSource;
      last.readyState = 2;
      last.onerror?.();
      vi.advanceTimersByTime(2000);
    }
    expect(refused).toHaveBeenCalledTimes(3);
    expect(sources).toHaveLength(4);
  });

  test('a page that nobody sees gives its connection back, and reads everything again when it is seen', () => {
    const { live, sources, batches } = start();
    sources[0]?.onopen?.();
    live.seen(false);
    vi.advanceTimersByTime(1_000);
    live.seen(true); // another tab was looked at for a moment
    vi.advanceTimersByTime(10_000);
    expect(sources).toHaveLength(1);
    live.seen(false);
    vi.advanceTimersByTime(3_000);
    expect(sources[0]?.closed).toBe(true);
    live.seen(true);
    expect(sources).toHaveLength(2);
    sources[1]?.onopen?.();
    vi.advanceTimersByTime(100);
    expect(batches).toMatchObject([{ resync: true }]);
    live.seen(false);
    live.stop();
    live.seen(true);
    vi.advanceTimersByTime(10_000);
    expect(sources).toHaveLength(2);
  });

  test('one that is opened behind others asks for no stream before it is seen', () => {
    const opened = vi.fn(() => new FakeSource() as unknown as EventSource);
    const live = new LiveEvents(vi.fn(), opened);
    live.start(false);
    expect(opened).not.toHaveBeenCalled();
    live.seen(true);
    expect(opened).toHaveBeenCalledOnce();
  });

  test('after stop nothing arrives and nothing is opened', () => {
    const { live, sources, batches } = start();
    const source = sources[0] as FakeSource;
    source.emit('dags', {});
    live.stop();
    source.readyState = 2;
    source.onerror?.();
    vi.advanceTimersByTime(60_000);
    expect(batches).toHaveLength(0);
    expect(sources).toHaveLength(1);
    expect(source.closed).toBe(true);
  });
});
