import { expect, test, vi } from 'vitest';
import { newUuid } from '../src/lib/uuid';

test('a UUID is random, of version 4, and needs no secure context', () => {
  vi.stubGlobal('crypto', { getRandomValues: (into: Uint8Array) => globalThis.structuredClone(into).fill(0xff) });
  expect(newUuid()).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
  vi.unstubAllGlobals();
  const some = Array.from({ length: 100 }, newUuid);
  for (const one of some) expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(some).size).toBe(100);
});
