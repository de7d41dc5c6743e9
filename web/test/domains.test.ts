import { expect, test } from 'vitest';
import { changesOf, lineRange, notReady } from '../src/lib/domains';

const draft = { name: 'risk', schedule: '', contract: 'kind: DataContract' };

test('nothing is asked of the server before there is a name that can be one and a contract that it takes', () => {
  expect(notReady(draft)).toBeNull();
  expect(notReady({ ...draft, name: '' })).toMatch(/name/);
  for (const name of ['Risk', '1risk', 'r isk', 'r'.repeat(65)]) expect(notReady({ ...draft, name })).toMatch(/1 to 64/);
  expect(notReady({ ...draft, contract: ' \n' })).toMatch(/Paste/);
  expect(notReady({ ...draft, contract: 'é'.repeat(128 * 1024 + 1) })).toMatch(/256 KiB/);
});

test('what stays is no change', () => {
  const step = (action: string) => ({ action, kind: 'file', name: action, conflict: '' });
  const plan = { domain: 'risk', steps: ['create', 'none', 'update', 'remove'].map(step), changes: 3, conflicts: [], not_carried_out: [], digest: '', errors: [], done: false };
  expect(changesOf(plan).map((one) => one.action)).toEqual(['create', 'update', 'remove']);
});

test('a line is found in the text, and the last one where there are fewer', () => {
  expect(lineRange('a\nbc\n\nd', 1)).toEqual([0, 1]);
  expect(lineRange('a\nbc\n\nd', 2)).toEqual([2, 4]);
  expect(lineRange('a\nbc\n\nd', 4)).toEqual([6, 7]);
  expect(lineRange('a\nbc', 9)).toEqual([2, 4]);
});
