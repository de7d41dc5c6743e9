// Rows of a statement as a chart: which columns have numbers, where each row stands, round amounts for the axis. Pure.
import type { SqlResult } from './sql';

export const mostBars = 500; // more are no wider than a hair

const decimal = /^-?\d+(\.\d+)?$/; // as the server writes a DECIMAL

function amountOf(value: unknown): number | null {
  if (typeof value === 'number' || typeof value === 'bigint') return Number.isFinite(Number(value)) ? Number(value) : null;
  return typeof value === 'string' && decimal.test(value) ? Number(value) : null;
}

const isEmpty = (value: unknown) => value === null || value === undefined;

/** Columns whose values are numbers, each name once; those that are empty throughout are none. */
export function numberColumns({ columns, rows }: SqlResult): string[] {
  return columns.filter((name, at) => columns.indexOf(name) === at && rows.some((row) => !isEmpty(row[at])) && rows.every((row) => isEmpty(row[at]) || amountOf(row[at]) !== null));
}

export interface ChartPoint {
  row: number; // from 0
  at: number; // 0 to 1: how far to the right
  label: unknown; // the value of the column across; null where there is none
  value: number;
  begins: boolean; // a line begins here: before it stands nothing, or a row without a number
}

export interface SqlChart {
  points: ChartPoint[]; // from left to right
  without: number; // rows that have no number
  beyond: number; // rows that are not drawn, as there are too many
}

const dated = /^\d{4}-\d{2}-\d{2}/;
const placeOf = (value: unknown): number | null => {
  const amount = amountOf(value);
  if (amount !== null) return amount;
  const time = typeof value === 'string' && dated.test(value) ? Date.parse(value.replace(' ', 'T')) : NaN;
  return Number.isNaN(time) ? null : time;
};

/** `across`: '' for the order of the rows. A line over numbers or times stands where these are; all else stands in the order of the rows. */
export function chartOf({ columns, rows }: SqlResult, kind: 'bars' | 'line', across: string, up: string): SqlChart {
  const [x, y] = [columns.indexOf(across), columns.indexOf(up)];
  const drawn = kind === 'bars' ? rows.slice(0, mostBars) : rows;
  const all = drawn.map((row, at) => ({ row: at, at: (at + 0.5) / drawn.length, label: x < 0 ? null : (row[x] ?? null), value: amountOf(row[y]) }));
  const placed = kind === 'bars' || x < 0 ? all : spread(all);
  const points: ChartPoint[] = [];
  let begins = true;
  for (const { value, ...one } of placed) {
    if (value !== null) points.push({ ...one, value, begins });
    begins = value === null;
  }
  return { points, without: drawn.length - points.length, beyond: rows.length - drawn.length };
}

type Placed = Omit<ChartPoint, 'value' | 'begins'> & { value: number | null };

// Over numbers or times each stands where these are, from left to right; what has none of them is in nobody's way. Of other
// words each stands in the order of the rows.
function spread(all: readonly Placed[]): readonly Placed[] {
  const known = all.flatMap((one) => {
    const place = placeOf(one.label);
    return place === null ? [] : [{ ...one, place }];
  });
  if (all.some((one) => one.value !== null && placeOf(one.label) === null)) return all;
  const drawn = known.filter((one) => one.value !== null);
  const [low, high] = drawn.reduce(([least, most], { place }) => [Math.min(least, place), Math.max(most, place)], [Infinity, -Infinity]);
  return known.map(({ place, ...one }) => ({ ...one, at: high === low ? 0.5 : (place - low) / (high - low) })).sort((one, other) => one.at - other.at);
}

/** The line as an SVG path: it is broken where a row has no number, and a point alone is a dot. */
export const linePath = (points: readonly ChartPoint[], x: (at: number) => number, y: (value: number) => number): string =>
  points.map((point, at) => `${point.begins ? 'M' : 'L'}${x(point.at).toFixed(1)} ${y(point.value).toFixed(1)}${points[at + 1]?.begins === false ? '' : 'h0'}`).join('');

/** Round amounts, the lowest first and evenly apart, that hold all values and zero; at most six. */
export function roundAxis(values: readonly number[]): number[] {
  const [low, high] = values.reduce(([least, most], one) => [Math.min(least, one), Math.max(most, one)], [0, 0]);
  if (high === low) return roundAxis([1]);
  const span = high - low;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = power * ([1, 2, 5, 10].find((one) => span / (one * power) <= 4) ?? 10);
  const [from, to] = [Math.floor(low / step + 1e-9), Math.max(1, Math.ceil(high / step - 1e-9))];
  return Array.from({ length: (low < 0 && high <= 0 ? 0 : to) - from + 1 }, (_, at) => Number(((from + at) * step).toPrecision(12)));
}
