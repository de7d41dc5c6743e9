import { expect, test } from 'vitest';
import { everyPage } from '../src/lib/pages';

const list = (size: number, most = 1000) => ({ limit, offset }: { limit: number; offset: number }) =>
  Promise.resolve({
    rows: Array.from({ length: Math.max(0, Math.min(limit, most, size - offset)) }, (_, at) => offset + at),
    total: size,
  });

test('a list is read to its end, whatever pages the server gives', async () => {
  for (const size of [0, 1, 999, 1000, 1001, 2500]) {
    for (const most of [7, 1000]) {
      const { rows, total } = await everyPage(list(size, most));
      expect(rows).toEqual(Array.from({ length: size }, (_, at) => at));
      expect(total).toBe(size);
    }
  }
});

test('a bound leaves the true total, so that what is missing can be said', async () => {
  const { rows, total } = await everyPage(list(5000), 1500);
  expect([rows.length, total]).toEqual([1500, 5000]);
});

test('a list that shrinks while it is read ends', async () => {
  const { rows } = await everyPage(({ offset }) => Promise.resolve({ rows: offset === 0 ? [1] : [], total: 9 }));
  expect(rows).toEqual([1]);
});
