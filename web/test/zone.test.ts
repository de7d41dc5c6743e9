import { expect, test } from 'vitest';
import { nextTheme, themeOf } from '../src/lib/theme';
import { instantIn, midnightOf, partsOf } from '../src/lib/zone';

const noon = Date.UTC(2026, 10, 27, 12, 5, 9, 7);

test('an instant has its parts in UTC, and midnights of UTC are where days begin', () => {
  expect(partsOf(noon, 'utc')).toEqual({ year: 2026, month: 10, day: 27, hour: 12, minute: 5, second: 9, ms: 7 });
  expect(midnightOf(2026, 11, 32, 'utc')).toBe(Date.UTC(2027, 0, 1));
});

test('what a box has is meant in the zone, and goes back to the same', () => {
  expect(instantIn('2026-11-27T12:05', 'utc')).toBe(Date.UTC(2026, 10, 27, 12, 5));
  expect(instantIn('2026-11-27T12:05', 'local')).toBe(new Date(2026, 10, 27, 12, 5).getTime());
  expect(instantIn('nothing', 'utc')).toBeNaN();
});

test('the own zone has the parts that the browser tells', () => {
  const at = new Date(noon);
  expect(partsOf(noon, 'local').hour).toBe(at.getHours());
  expect(midnightOf(2026, 10, 27, 'local')).toBe(new Date(2026, 10, 27).getTime());
});

test('themes follow each other round, and what nobody knows is the system\'s', () => {
  expect(nextTheme(nextTheme(nextTheme('system')))).toBe('system');
  expect([themeOf('dark'), themeOf('pink'), themeOf(null)]).toEqual(['dark', 'system', 'system']);
});
