import { describe, expect, test } from 'vitest';
import { count, duration, elapsed, errorPosition, localTime, number, relative } from '../src/lib/format';

describe('duration', () => {
  test.each([
    [null, '–'],
    [0, '0 ms'],
    [0.0123, '12 ms'],
    [0.9999, '1.0 s'],
    [1.25, '1.3 s'],
    [59.97, '1 min 0 s'],
    [61, '1 min 1 s'],
    [3661, '1 h 1 min'],
    [90_061, '1 d 1 h'],
  ])('%s seconds read as %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('elapsed', () => {
  const now = Date.parse('2024-05-01T12:00:10Z');
  test('an open end counts up to now', () => {
    expect(elapsed('2024-05-01T12:00:00Z', null, now)).toBe(10);
  });
  test('a closed interval does not grow', () => {
    expect(elapsed('2024-05-01T12:00:00Z', '2024-05-01T12:00:03Z', now)).toBe(3);
  });
  test('is nothing before the start and never negative', () => {
    expect(elapsed(null, null, now)).toBeNull();
    expect(elapsed('2024-05-01T12:00:20Z', null, now)).toBe(0);
  });
});

describe('relative', () => {
  const now = Date.parse('2024-05-01T12:00:00Z');
  test.each([
    ['2024-05-01T12:00:00.400Z', 'now'],
    ['2024-05-01T11:59:18Z', '42 s ago'],
    ['2024-05-01T14:00:00Z', 'in 2 h'],
    ['2024-04-28T12:00:00Z', '3 d ago'],
    ['not a time', '–'],
  ])('%s is %s', (iso, text) => {
    expect(relative(iso, now)).toBe(text);
  });
});

test('a local time without a value is a dash', () => {
  expect(localTime(null)).toBe('–');
  expect(localTime('2024-05-01T12:00:00Z')).toMatch(/^2024-0[45]-\d\d \d\d:\d\d:00$/);
});

test('counts have their plural and thousands', () => {
  expect(count(1, 'task')).toBe('1 task');
  expect(count(12_000, 'task')).toBe('12,000 tasks');
});

test('times and counts are told in the language of the reader', () => {
  const now = Date.parse('2024-05-01T12:00:00Z');
  expect(relative('2024-05-01T11:57:00Z', now, 'pt')).toBe('há 3 min');
  expect(relative('2024-05-01T14:00:00Z', now, 'pt')).toBe('em 2 h');
  expect(relative('2024-05-01T12:00:00Z', now, 'pt')).toBe('agora');
  expect(count(1, 'run', 'pt')).toBe('1 execução');
  expect(count(12_000, 'run', 'pt')).toBe('12.000 execuções');
  expect(number(1234, 'pt')).toBe('1.234');
});

test('an odd thing names its line when the text has one', () => {
  expect(errorPosition('dags/a.json', 'dags/a.json:7:3 /tasks/0: unknown field')).toBe('dags/a.json:7:3');
  expect(errorPosition('dags/a.json', 'dags/a.json:7: half a file')).toBe('dags/a.json:7');
  expect(errorPosition('dags/a.json', 'the file is empty')).toBe('dags/a.json');
});
