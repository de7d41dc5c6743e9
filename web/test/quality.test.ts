import { describe, expect, test } from 'vitest';
import type { LakeQualityReport, QualityResult } from '../src/api/types';
import { rulesOf } from '../src/lib/quality';
import { lakeLink, parseRoute } from '../src/lib/route';

const report = (run: string, results: QualityResult[]): LakeQualityReport => ({
  dag_id: 'd', dag_run_id: run, task_id: 't', map_index: null, try_number: 1, run_after: '2026-01-01T00:00:00Z', passed: true, results,
});

describe('the course of a rule', () => {
  test('runs from the oldest report to the newest', () => {
    const courses = rulesOf([report('new', [{ rule: 'a', passed: true }]), report('old', [{ rule: 'a', passed: false }])]);
    expect(courses).toHaveLength(1);
    expect(courses[0]?.results.map((one) => one.report.dag_run_id)).toEqual(['old', 'new']);
    expect(courses[0]?.newest.passed).toBe(true);
    expect(courses[0]?.broken).toBe(1);
  });
  test('stands before others where the rule is broken now', () => {
    const courses = rulesOf([report('r', [{ rule: 'a', passed: true }, { rule: 'c', passed: false }, { rule: 'b', passed: true }])]);
    expect(courses.map((one) => one.rule)).toEqual(['c', 'a', 'b']);
  });
  test('of a plugin of one\'s own may have no name', () => {
    expect(rulesOf([report('r', [{}])])[0]?.rule).toBe('–');
  });
});

describe('the address of a table', () => {
  test('has its layer, domain and name, and what is asked of it', () => {
    const link = lakeLink({ layer: 'gold', domain: 'a b', table: 'x' }, { tab: 'rows', version: '3' });
    expect(link).toBe('#/lake/gold/a%20b/x?tab=rows&version=3');
    expect(parseRoute(link)).toEqual({ view: 'lake_table', layer: 'gold', domain: 'a b', table: 'x', tab: 'rows' });
  });
  test('of the whole lake is another, and what is neither is nothing', () => {
    expect(parseRoute('#/lake')).toEqual({ view: 'lake' });
    expect(parseRoute('#/lake/gold')).toEqual({ view: 'unknown' });
    expect(parseRoute('#/lake/gold/a/b/c')).toEqual({ view: 'unknown' });
  });
});
