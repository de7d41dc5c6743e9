import { describe, expect, test } from 'vitest';
import { fieldsOf } from '../src/lib/params';
import { boxOf, pickKind, textOfBox, zoneOf } from '../src/lib/pickers';

describe('a box of the browser', () => {
  test('holds dates and times, and shows an instant in the zone', () => {
    expect(boxOf('date', '2026-03-10')).toBe('2026-03-10');
    expect(boxOf('time', '12:05:09Z')).toBe('12:05:09');
    expect(boxOf('date-time', '2026-03-10T12:05:09-03:00', 'utc')).toBe('2026-03-10T15:05:09');
    expect(boxOf('date-time', '2026-03-10T12:00:00.250+00:00', 'utc')).toBe('2026-03-10T12:00:00.250');
    expect(boxOf('date', '1969-12-31')).toBe('1969-12-31');
    expect(boxOf('date', '')).toBe('');
  });
  test('does not take what it could not give back: templates, words, days that are none, parts of a millisecond, times of no zone', () => {
    for (const text of ['{{ ds }}', 'today', '2026-02-30', '2026-13-01', '10/03/2026', ' 2026-03-10']) expect([text, boxOf('date', text)]).toEqual([text, null]);
    for (const text of ['{{ ts }}', '2026-03-10', '2026-03-10T12:00:00.123456Z', '2026-03-10T25:00Z', '2026-03-10T12:00:60Z', '2026-03-10T12:00:00', '2026-03-10 12:00:00Z']) expect([text, boxOf('date-time', text)]).toEqual([text, null]);
    for (const text of ['noon', '24:00Z', '12:00:00.1234Z', '9:00Z', '12:00:00']) expect([text, boxOf('time', text)]).toEqual([text, null]);
  });
});

describe('what was picked', () => {
  test('is told as the default tells its own', () => {
    expect(textOfBox('date', '2026-03-11', '2026-03-10')).toBe('2026-03-11');
    expect(textOfBox('time', '07:30', '12:00:00+02:00')).toBe('07:30:00+02:00');
    expect(textOfBox('time', '07:30:05', '12:00:00Z')).toBe('07:30:05Z');
    expect(textOfBox('date-time', '2026-03-10T15:05', '2026-01-01T00:00:00-03:00', 'utc')).toBe('2026-03-10T12:05:00-03:00');
    expect(textOfBox('date-time', '2026-03-10T23:05', '2026-01-01T00:00:00+05:30', 'utc')).toBe('2026-03-11T04:35:00+05:30');
  });
  test('is in UTC where there is nothing alike, from the zone that the page has', () => {
    expect(textOfBox('time', '15:05', '')).toBe('15:05:00Z');
    expect(textOfBox('date-time', '2026-03-10T15:05', '', 'utc')).toBe('2026-03-10T15:05:00Z');
    expect(textOfBox('date-time', '2026-03-10T15:05:01.500', '{{ ts }}', 'utc')).toBe('2026-03-10T15:05:01.500Z');
    expect(textOfBox('date-time', '2026-03-10T15:05', '', 'local')).toBe(new Date(2026, 2, 10, 15, 5).toISOString().replace('.000', ''));
    expect(textOfBox('date-time', '', '2026-01-01T00:00:00Z')).toBe('');
  });
  test('comes back as it was shown, in either zone', () => {
    for (const within of ['utc', 'local'] as const) {
      for (const text of ['2026-03-10T15:05:00Z', '2026-07-01T00:00:30+02:00']) {
        expect(textOfBox('date-time', boxOf('date-time', text, within) ?? '', text, within)).toBe(text);
      }
    }
  });
});

test('only texts of those formats have a box, and the zone is told where it matters', () => {
  const pick = (param: unknown) => fieldsOf({ p: param })[0]?.pick;
  expect(pick({ type: 'string', format: 'date', default: '2026-03-10' })).toBe('date');
  expect(pick({ type: ['string', 'null'], format: 'date-time', default: null })).toBe('date-time');
  expect(pick({ value: '10:00:00Z', schema: { type: 'string', format: 'time' } })).toBe('time');
  expect(pick({ type: 'string', format: 'date', enum: ['2026-03-10'] })).toBeNull();
  expect(pick({ type: 'integer', format: 'date', default: 1 })).toBeNull();
  expect(pickKind('email')).toBeNull();
  expect([zoneOf('time', '10:00:00Z'), zoneOf('time', '10:00:00-03:00'), zoneOf('date', '')]).toEqual(['UTC', 'UTC-03:00', null]);
  expect(zoneOf('date-time', '')).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
});
