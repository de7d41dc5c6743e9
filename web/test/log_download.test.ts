import { expect, test } from 'vitest';
import { wholeLog, type LogWindow } from '../src/lib/log_download';

// A file served in windows of 7 characters, as the server does; `live`: more may come.
const server = (text: string, live: boolean) => (token: string | null): Promise<LogWindow> => {
  const from = Number(token ?? 0);
  const next = Math.min(text.length, from + 7);
  return Promise.resolve({ text: text.slice(from, next), token: next === text.length && !live ? null : String(next) });
};

test('a log is read to its last line, whether the try has ended or still writes', async () => {
  const text = Array.from({ length: 500 }, (_, at) => `línea ${at}\n`).join('');
  for (const live of [false, true]) {
    const told: number[] = [];
    const blob = await wholeLog(server(text, live), (bytes) => told.push(bytes));
    expect(await blob.text()).toBe(text);
    expect(told.at(-1)).toBe(new TextEncoder().encode(text).length);
  }
});

test('an empty log is an empty file, and a window that fails fails the whole', async () => {
  expect((await wholeLog(server('', false), () => undefined)).size).toBe(0);
  const failing = (token: string | null) => (token === null ? server('more than seven', false)(null) : Promise.reject(new Error('gone')));
  await expect(wholeLog(failing, () => undefined)).rejects.toThrow('gone');
});
