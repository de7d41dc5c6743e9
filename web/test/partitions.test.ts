import { expect, test } from 'vitest';
import type { Partition } from '../src/api/types';
import { groupsOf, linesOf, partState, shortKey, summaryOf } from '../src/lib/partitions';

const part = (partition_key: string, state: string, group: string | null = null): Partition => ({ partition_key, state, group, begins_at: null, dag_id: null, dag_run_id: null, made_at: null, newer: null, newer_at: null, rows: null, task_id: null, version: null });

test('partitions are drawn in the lines of their groups, and say there what the line does not', () => {
  const parts = [part('2026-03-10T08', 'materialized', '2026-03-10'), part('2026-03-10T09', 'stale', '2026-03-10'), part('all', 'missing')];
  const lines = linesOf(parts);
  expect(lines.map((line) => [line.key, line.parts.map(shortKey)])).toEqual([
    ['2026-03-10', ['08', '09']],
    ['', ['all']],
  ]);
  expect(shortKey(part('2026-03-10', 'stale', '2026-W11'))).toBe('2026-03-10');
  expect(shortKey(part('2026-03', 'stale', '2026-03'))).toBe('2026-03');
});

test('a line says what it comes to, what needs attention first; an unknown state is missing', () => {
  expect(summaryOf([part('a', 'materialized'), part('b', 'failed'), part('c', 'materialized'), part('d', 'melting')])).toBe('1 failed, 1 missing, 2 materialised');
  expect(partState('melting')).toBe('missing');
});

test('keys are grouped by what is coarser than they are', () => {
  expect(groupsOf('hour')[0]).toBe('day');
  expect(groupsOf('day')[0]).toBe('month');
  expect(groupsOf('year')).toEqual([]);
  expect(groupsOf(null)).toEqual([]);
});
