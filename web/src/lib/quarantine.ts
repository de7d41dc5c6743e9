// What a table's quarantine holds, turned from groups of reason and run to single reasons and to runs. Pure.
import type { LakeQuarantine } from '../api/types';

export interface Rejected {
  name: string; // of the reason, or of the run
  rows: number;
  groups: number; // runs of a reason, kinds of reasons of a run
  first: string | null;
  last: string | null;
}

type Group = LakeQuarantine['groups'][number];

function counted(groups: readonly Group[], namesOf: (group: Group) => readonly string[], other: (group: Group) => string | null): Rejected[] {
  const found = new Map<string, Rejected & { others: Set<string | null> }>();
  for (const group of groups) {
    for (const name of namesOf(group)) {
      const one = found.get(name) ?? { name, rows: 0, groups: 0, first: group.first_seen, last: group.last_seen, others: new Set() };
      one.rows += group.rows;
      one.others.add(other(group));
      if (group.first_seen !== null && (one.first === null || group.first_seen < one.first)) one.first = group.first_seen;
      if (group.last_seen !== null && (one.last === null || group.last_seen > one.last)) one.last = group.last_seen;
      found.set(name, one);
    }
  }
  return [...found.values()].map(({ others, ...one }) => ({ ...one, groups: others.size }));
}

/** A row that broke several rules counts for each of them. The most rows first. */
export const byReason = (groups: readonly Group[]): Rejected[] =>
  counted(groups, (group) => group.reason.split(',').map((one) => one.trim()).filter((one) => one !== ''), (group) => group.run_id).sort((a, b) => b.rows - a.rows || a.name.localeCompare(b.name));

/** The newest first. */
export const byRun = (groups: readonly Group[]): Rejected[] =>
  counted(groups, (group) => (group.run_id === null ? [] : [group.run_id]), (group) => group.reason).sort((a, b) => (b.last ?? '').localeCompare(a.last ?? ''));
