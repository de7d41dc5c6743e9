// Partitions of an asset or a table: how each stands, and in which line of the matrix it is drawn. Pure.
import type { Partition, PartitionMatrix } from '../api/types';
import { t } from './words';

export const partStates = ['failed', 'stale', 'running', 'missing', 'materialized'] as const;
export type PartState = (typeof partStates)[number];

// Airflow's and Dagster's words; a shape goes with each colour.
const names: Record<PartState, string> = {
  materialized: t('materialised'),
  stale: t('stale'),
  running: t('being made'),
  failed: t('failed'),
  missing: t('missing'),
};
const marks: Record<PartState, string> = { materialized: '✓', stale: '↻', running: '▸', failed: '✕', missing: '·' };

// The colours are those of runs in a like state.
const tints: Record<PartState, string> = { materialized: 'success', stale: 'up_for_retry', running: 'running', failed: 'failed', missing: 'none' };

const isKnown = (state: string): state is PartState => (partStates as readonly string[]).includes(state);
/** A state that a newer server invents is drawn as what is missing. */
export const partState = (state: string): PartState => (isKnown(state) ? state : 'missing');
export const partName = (state: string): string => names[partState(state)];
export const partTint = (state: string): string => `state-${tints[partState(state)]}`;
export const partMark = (state: string): string => marks[partState(state)];

export interface PartLine {
  key: string; // of the group; '' where there is none
  parts: readonly Partition[];
}

/** By their groups, in the order of the keys; what belongs to none stands in a line of its own. */
export function linesOf(parts: readonly Partition[]): PartLine[] {
  const lines = new Map<string, Partition[]>();
  for (const part of parts) {
    const group = part.group ?? '';
    const line = lines.get(group);
    if (line) line.push(part);
    else lines.set(group, [part]);
  }
  return [...lines].map(([key, of]) => ({ key, parts: of }));
}

/** What of the key the line does not say: "09" of "2026-03-10T09" in the line of its day. */
export function shortKey(part: Partition): string {
  const { group, partition_key: key } = part;
  return group !== null && key.startsWith(group) && key.length > group.length ? key.slice(group.length).replace(/^[-T]/, '') : key;
}

const coarser: Readonly<Record<string, readonly string[]>> = {
  minute: ['hour', 'day'],
  hour: ['day', 'week', 'month', 'quarter', 'year'],
  day: ['month', 'week', 'quarter', 'year'],
  week: ['year'],
  month: ['year', 'quarter'],
  quarter: ['year'],
};
/** By what keys of this grain can be drawn in lines, the usual first. */
export const groupsOf = (grain: string | null): readonly string[] => (grain === null ? [] : (coarser[grain] ?? []));

const grainNames: Readonly<Record<string, string>> = { minute: t('by minute'), hour: t('by hour'), day: t('by day'), week: t('by week'), month: t('by month'), quarter: t('by quarter'), year: t('by year') };
export const grainName = (grain: string): string => grainNames[grain] ?? grain;

/** "3 failed, 1 missing": what a line comes to, what needs attention first. */
export function summaryOf(parts: readonly Partition[]): string {
  return partStates
    .map((state) => ({ state, count: parts.filter((one) => partState(one.state) === state).length }))
    .filter((one) => one.count > 0)
    .map((one) => `${one.count} ${names[one.state]}`)
    .join(', ');
}

/** Whether a run of it leads further than a form that makes it. */
export const hasRun = (part: Partition): part is Partition & { dag_id: string; dag_run_id: string } => part.dag_id !== null && part.dag_run_id !== null;
export const makersOf = (matrix: PartitionMatrix) => matrix.makers.filter((one) => one.may_trigger);
