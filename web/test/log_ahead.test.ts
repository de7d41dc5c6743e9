import { beforeEach, expect, test } from 'vitest';
import type { LogWindow } from '../src/api/types';
import { aheadKey, askAhead, endOf, forgetAhead, instanceOf, isAboutEnd } from '../src/lib/log_ahead';

const end = (attempt: number): LogWindow => ({ content: [], start: 0, end: 0, size: 0, try_number: attempt, is_ended: true });
const key = aheadKey('shop', 'r1', 'load', -1);
let asked = 0;
const ask = () => {
  asked += 1;
  return Promise.resolve(end(2));
};

beforeEach(() => {
  asked = 0;
  forgetAhead();
});

test('the end that was asked ahead is taken once, and then asked anew', async () => {
  const ahead = end(2);
  askAhead(key, () => Promise.resolve(ahead));
  expect(await endOf(key, 2, ask)).toBe(ahead);
  expect(asked).toBe(0);
  await endOf(key, 2, ask);
  expect(asked).toBe(1);
});

test('another task, another try, a refusal and a run that was left are asked anew', async () => {
  askAhead(key, ask);
  await endOf(aheadKey('shop', 'r1', 'load', 3), 2, ask);
  expect(asked).toBe(2);
  askAhead(key, () => Promise.resolve(end(1)));
  expect((await endOf(key, 2, ask)).try_number).toBe(2);
  askAhead(key, () => Promise.reject(new Error('gone')));
  expect((await endOf(key, 2, ask)).try_number).toBe(2);
  askAhead(key, ask);
  forgetAhead();
  await endOf(key, 2, ask);
  expect(asked).toBe(6);
});

test('an address tells the instance, and whether it is about the end', () => {
  expect(instanceOf('load[3]')).toEqual({ task: 'load', index: 3 });
  expect(instanceOf('group.load')).toEqual({ task: 'group.load', index: -1 });
  expect(isAboutEnd(new URLSearchParams('task=a&log=x'), 'log')).toBe(true);
  expect(isAboutEnd(new URLSearchParams('task=mapped'), 'instances')).toBe(false);
  expect(isAboutEnd(new URLSearchParams('task=a&line=7'), 'log')).toBe(false);
  expect(isAboutEnd(new URLSearchParams('task=a&try=1'), 'log')).toBe(false);
  expect(isAboutEnd(new URLSearchParams('task=a'), 'xcom')).toBe(false);
});
