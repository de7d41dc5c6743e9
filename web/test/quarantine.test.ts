import { describe, expect, test } from 'vitest';
import type { LakeQuarantine, LakeTrust } from '../src/api/types';
import { byReason, byRun } from '../src/lib/quarantine';
import { parseRoute } from '../src/lib/route';
import { badgeOf, reasonText, tellingReasons } from '../src/lib/trust';

const group = (reason: string, run: string | null, rows: number, at: string): LakeQuarantine['groups'][number] => ({
  reason, run_id: run, rows, first_seen: `2026-01-${at}T00:00:00Z`, last_seen: `2026-01-${at}T01:00:00Z`,
});

describe('what is in quarantine', () => {
  const groups = [group('bad_day,missing_id', 'r2', 2, '03'), group('bad_day', 'r1', 5, '01'), group('missing_id', null, 1, '02')];
  test('counts a row for each of its reasons, the most first', () => {
    expect(byReason(groups).map((one) => [one.name, one.rows, one.groups])).toEqual([['bad_day', 7, 2], ['missing_id', 3, 2]]);
    expect(byReason(groups)[0]).toMatchObject({ first: '2026-01-01T00:00:00Z', last: '2026-01-03T01:00:00Z' });
  });
  test('is told by run, the newest first; what no run rejected has none', () => {
    expect(byRun(groups).map((one) => [one.name, one.rows])).toEqual([['r2', 2], ['r1', 5]]);
  });
  test('has a place of its own, and a table in it', () => {
    expect(parseRoute('#/lake/quarantine?q=x')).toEqual({ view: 'quarantines' });
    expect(parseRoute('#/lake/quarantine/shop/orders')).toMatchObject({ view: 'lake_table', layer: 'quarantine', table: 'orders' });
  });
});

describe('the badge of a table', () => {
  const reason = (subject: string, verdict: string, names: string[] = []) => ({ subject, verdict, names, message: 'as the server says' });
  const trust = (...reasons: LakeTrust['reasons']): LakeTrust => ({ badge: 'doubtful', reasons });
  test('tells what speaks against it, and all of it where nothing does', () => {
    const all = trust(reason('fresh', 'holds'), reason('quality', 'doubtful', ['few_rows']));
    expect(tellingReasons(all).map(reasonText)).toEqual(['The newest attempt broke rules that only warn: few_rows']);
    expect(tellingReasons(trust(reason('fresh', 'holds'))).map(reasonText)).toEqual(['It is as young as its contract asks.']);
  });
  test('tells a verdict that the page does not know in the words of the server', () => {
    expect(reasonText(reason('cost', 'broken', ['a']))).toBe('as the server says: a');
    expect(badgeOf('golden')).toEqual({ name: 'golden', kind: 'none', mark: '?' });
  });
});
