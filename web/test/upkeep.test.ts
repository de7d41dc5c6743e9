import { expect, test } from 'vitest';
import { isNeeded, namesIn, upkeepSays } from '../src/lib/upkeep';

test('a look ahead says what would be done, and what was done is said as done', () => {
  const small = { old_files: 3, old_bytes: 2048, new_files: 1 };
  expect(upkeepSays('optimize', true, small)).toContain('then: 1');
  expect(upkeepSays('optimize', false, small)).toContain('now: 1');
  expect(upkeepSays('optimize', true, { old_files: 0 })).toBe('There is nothing to hold together.');
  expect(upkeepSays('vacuum', true, { deleted_files: 2, deleted_bytes: 10, oldest_version: 4 })).toContain('Versions from 4 on stay whole');
  expect(upkeepSays('restore', true, { added_files: 1, removed_files: 2 })).toContain('that would leave: 2');
  expect(upkeepSays('restore', true, {})).toBe('The table is what it was at that version.');
});

test('where nothing would be done there is nothing to order', () => {
  expect(isNeeded('optimize', { old_files: 0 })).toBe(false);
  expect(isNeeded('vacuum', { deleted_files: 0, deleted_entries: 0, checkpoint: -1 })).toBe(false);
  expect(isNeeded('vacuum', { deleted_files: 0, deleted_entries: 0, checkpoint: 7 })).toBe(true);
  expect(isNeeded('restore', { added_files: 0, removed_files: 0, markers: 1 })).toBe(true);
});

test('only texts of a report are names of files', () => {
  expect(namesIn({ deleted: ['a', 1, 'b'] })).toEqual(['a', 'b']);
  expect(namesIn({})).toEqual([]);
});
