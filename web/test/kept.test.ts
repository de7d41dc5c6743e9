import { afterEach, describe, expect, test, vi } from 'vitest';
import { keep, readKept } from '../src/lib/kept';

afterEach(() => vi.unstubAllGlobals());

describe('what the browser keeps', () => {
  test('is kept in it', () => {
    const rows = new Map<string, string>();
    vi.stubGlobal('localStorage', { getItem: (name: string) => rows.get(name) ?? null, setItem: (name: string, text: string) => rows.set(name, text) });
    keep('a', '1');
    expect([rows.get('a'), readKept('a'), readKept('b')]).toEqual(['1', '1', null]);
  });
  test('is held until the page is left where the browser is full, or keeps nothing at all', () => {
    const refuse = () => {
      throw new Error('QuotaExceededError');
    };
    vi.stubGlobal('localStorage', { getItem: () => 'older', setItem: refuse });
    keep('a', '2');
    expect([readKept('a'), readKept('b')]).toEqual(['2', 'older']);
    vi.stubGlobal('localStorage', { getItem: refuse, setItem: refuse });
    keep('b', '3');
    expect([readKept('b'), readKept('c')]).toEqual(['3', null]);
  });
});
