// What is drawn again, and what is not.
import { afterEach, expect, test, vi } from 'vitest';
import { LogChunk } from '../src/components/log_chunk';
import { everySecond } from '../src/lib/clock';
import type { LogLine } from '../src/lib/log_part';

afterEach(() => void vi.useRealTimers());

test('all times share one timer, and there is none while nobody listens', () => {
  vi.useFakeTimers();
  const heard: string[] = [];
  const stops = ['a', 'b'].map((name) => everySecond(() => heard.push(name)));
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(2000);
  expect(heard).toEqual(['a', 'b', 'a', 'b']);
  stops[0]?.();
  vi.advanceTimersByTime(1000);
  expect(heard.at(-1)).toBe('b');
  stops[1]?.();
  expect(vi.getTimerCount()).toBe(0);
});

test('typing in a log draws no line again but those in sight', () => {
  const lines: LogLine[] = [{ offset: 0, time: null, level: 'info', text: 'x' }];
  const props = { lines, query: '', chosen: null, lineName: 'line' };
  const chunk = new LogChunk(props);
  chunk.props = props;
  const asks = (next: Partial<typeof props>, isSeen: boolean) => {
    chunk.state = { isSeen };
    return chunk.shouldComponentUpdate({ ...props, ...next }, { isSeen });
  };
  expect(asks({ query: 'x' }, false)).toBe(false);
  expect(asks({ query: 'x' }, true)).toBe(true);
  expect(asks({}, true)).toBe(false);
  expect(asks({ lines: [...lines] }, false)).toBe(true);
});
