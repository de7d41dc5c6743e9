import { describe, expect, test } from 'vitest';
import type { CalendarPart } from '../src/api/types';
import { boundsOf, dayByKey, dayOf, daysOf, marksOf, monthOf, monthsOf, monthText, shiftMonth, weekdays, weeksOf, yearBounds, yearOf } from '../src/lib/calendar';

const november = { year: 2026, month: 10 };
const none: CalendarPart = { from: '', queued: 0, running: 0, success: 0, failed: 0, planned: 0 };

describe('a month', () => {
  test('is that of the address, else the one that is now', () => {
    const now = new Date(2026, 10, 20).getTime();
    expect(monthOf('2024-02', now)).toEqual({ year: 2024, month: 1 });
    for (const text of [null, '', '2024-13', '2024-2', 'x', '0001-01']) expect(monthOf(text, now)).toEqual(november);
    expect(monthText(november)).toBe('2026-11');
  });
  test('has one before and one after it, over the end of a year', () => {
    expect(shiftMonth({ year: 2026, month: 11 }, 1)).toEqual({ year: 2027, month: 0 });
    expect(shiftMonth({ year: 2026, month: 0 }, -1)).toEqual({ year: 2025, month: 11 });
  });
  test('lies in weeks that begin with a Monday, all of its days once', () => {
    const weeks = weeksOf(november); // the first is a Sunday
    expect(weeks[0]).toEqual([0, 0, 0, 0, 0, 0, 1]);
    expect(weeks.flat().filter((day) => day > 0)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
    expect(weeksOf({ year: 2021, month: 1 })).toHaveLength(4);
    expect(weekdays('short')[0]).toMatch(/^Mon/);
  });
  test('is asked for from midnight to midnight, each after the one before it', () => {
    const bounds = boundsOf({ year: 2024, month: 1 });
    expect(bounds).toHaveLength(30);
    expect([...bounds].sort()).toEqual(bounds);
    expect(new Date(bounds[0] ?? '').getHours()).toBe(0);
    expect(bounds.length).toBeLessThanOrEqual(61); // the most that the server takes
  });
});

describe('a year', () => {
  test('is that of the address, and none where that says none', () => {
    expect(yearOf('2024')).toBe(2024);
    for (const text of [null, '', '24', '1969', '20245', 'x']) expect(yearOf(text)).toBeNull();
  });
  test('is asked for by its months, each from its first midnight on', () => {
    const bounds = yearBounds(2024).map((text) => new Date(text));
    expect(bounds.map((at) => [at.getMonth(), at.getDate(), at.getHours()])).toEqual([...Array.from({ length: 12 }, (_, month) => [month, 1, 0]), [0, 1, 0]]);
    expect(bounds.at(-1)?.getFullYear()).toBe(2025);
  });
  test('has in each month what the answer has there, and the ticks without a run that reach into it', () => {
    const parts = Array.from({ length: 12 }, (_, at) => ({ ...none, success: at }));
    const skipped = [{ from: new Date(2026, 2, 31, 12).toISOString(), to: new Date(2026, 3, 1).toISOString(), count: 2, more: false, why: 'w' }];
    const months = monthsOf(2026, { parts, skipped });
    expect(months.map((one) => one.part?.success)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(months.filter((one) => one.skips.length > 0).map((one) => one.at)).toEqual([3, 4]);
  });
});

describe('a day', () => {
  test('is marked by what needs attention first, and by nothing where nothing was', () => {
    const skip = { from: '', to: '', count: 2, more: false, why: 'the DAG was paused' };
    const marks = marksOf({ at: 1, part: { ...none, success: 1200, failed: 1, planned: 3 }, skips: [skip] });
    expect(marks.map((mark) => [mark.kind, mark.count, mark.words])).toEqual([
      ['failed', 1, '1 Failed'],
      ['success', 1200, '1,200 Success'],
      ['skips', 0, 'ticks without a run'],
      ['planned', 3, '3 planned'],
    ]);
    expect(marksOf({ at: 1, part: none, skips: [] })).toEqual([]);
    expect(marksOf({ at: 1, part: undefined, skips: [] })).toEqual([]);
  });
  test('has the ticks without a run of a span that reaches over it', () => {
    const at = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString();
    const skipped = [{ from: at(3, 12), to: at(5, 0), count: 37, more: false, why: 'w' }];
    const days = daysOf(november, { parts: [], skipped });
    expect(days.filter((day) => day.skips.length > 0).map((day) => day.at)).toEqual([3, 4, 5]);
    expect(daysOf(november, undefined)).toHaveLength(30);
  });
  test('is left by keys to another of the month, and no further', () => {
    expect(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'x'].map((key) => dayByKey(key, 8, 30))).toEqual([7, 9, 1, 15, 1, 30, null]);
    expect([dayByKey('ArrowLeft', 1, 30), dayByKey('ArrowDown', 25, 30)]).toEqual([null, null]);
  });
  test('of an address is one that the month has', () => {
    expect([dayOf('30', november), dayOf('31', november), dayOf('0', november), dayOf('x', november), dayOf(null, november)]).toEqual([30, 0, 0, 0, 0]);
  });
});
