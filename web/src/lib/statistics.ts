// What the values of a table's columns are like: the SELECT that tells, and its answer. Pure.
import type { LakeColumn, LakeKey, LakeSqlRows } from '../api/types';
import { sqlName } from './sql';

/** Of so many columns at most: each is read whole. */
export const mostColumns = 100;

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
// Of a list, a struct or bytes there is no least that tells anybody anything.
const isPlain = (type: string) => !/^(struct|array|map|binary)/.test(type);

export function statisticsSql(of: LakeKey, columns: readonly Pick<LakeColumn, 'name' | 'type'>[]): string {
  const parts = columns.slice(0, mostColumns).map(({ name, type }, at) => {
    const column = quoted(name);
    const values = isPlain(type) ? `approx_count_distinct(${column}) AS different, CAST(min(${column}) AS VARCHAR) AS least, CAST(max(${column}) AS VARCHAR) AS greatest` : 'CAST(NULL AS BIGINT) AS different, CAST(NULL AS VARCHAR) AS least, CAST(NULL AS VARCHAR) AS greatest';
    return `SELECT ${at} AS place, count(*) AS total, count(*) - count(${column}) AS empty, ${values} FROM ${sqlName(of)}`;
  });
  return `${parts.join('\nUNION ALL\n')}\nORDER BY place`;
}

export interface ColumnStatistics {
  name: string;
  total: number;
  empty: number;
  different: number | null; // about so many; null where they are not counted
  least: string | null;
  greatest: string | null;
}

const amount = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

export function statisticsOf({ rows }: Pick<LakeSqlRows, 'rows'>, columns: readonly Pick<LakeColumn, 'name'>[]): ColumnStatistics[] {
  return (rows as unknown[][]).map(([place, total, empty, different, least, greatest]) => ({
    name: columns[Number(place)]?.name ?? '',
    total: amount(total) ?? 0,
    empty: amount(empty) ?? 0,
    different: amount(different),
    least: text(least),
    greatest: text(greatest),
  }));
}
