// What the SQL page does with texts: names of tables, where an error stands, results as files, what was asked before.
import { ApiError } from '../api/client';
import type { LakeKey, LakeSqlRows } from '../api/types';
import { jsonText } from './exact_json';
import { number } from './format';
import { t } from './words';

const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A table as a statement names it: in quotes by its path where a part is no plain name. */
export function sqlName({ layer, domain, table }: LakeKey): string {
  const parts = [layer, domain, table];
  return parts.every((part) => plainName.test(part)) ? parts.join('.') : `"${parts.join('/').replaceAll('"', '""')}"`;
}

/** `name` in place of what is chosen, apart from the words beside it; `caret` stands behind it. */
export function insertName(text: string, from: number, to: number, name: string): { text: string; caret: number } {
  const [before, after] = [text.slice(0, from), text.slice(to)];
  const left = /[\w"')]$/.test(before) ? ' ' : '';
  const right = /^[\w"'(]/.test(after) ? ' ' : '';
  return { text: before + left + name + right + after, caret: before.length + left.length + name.length };
}

/** Those of the tables whose names stand in the text, as whole names. */
export function namedIn<T>(text: string, tables: ReadonlyMap<string, T>): [name: string, table: T][] {
  const words = new Set(text.match(/"(?:[^"]|"")*"|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/g));
  return [...tables].filter(([name]) => words.has(name));
}

export interface SqlPosition {
  line: number; // from 1
  column: number | null; // from 1, in characters
}

/** Where the server says that a statement is wrong, if it does. */
export function positionOf(error: Error): SqlPosition | null {
  const told = error instanceof ApiError ? error.fields.find((one) => one.ctx?.['line'] !== undefined)?.ctx : undefined;
  const [line, column] = [told?.['line'], told?.['column']];
  return typeof line === 'number' ? { line, column: typeof column === 'number' ? column : null } : null;
}

/** What of the text to choose so that the place is seen: the word there, or the whole line. */
export function rangeOf(text: string, { line, column }: SqlPosition): [from: number, to: number] {
  const lines = text.split('\n');
  const at = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const whole = lines[line - 1] ?? '';
  if (column === null) return [at, at + whole.length];
  const from = [...whole].slice(0, column - 1).join('').length;
  const word = /^[\p{L}\p{N}_$]+|^./u.exec(whole.slice(from))?.[0] ?? '';
  return [at + from, at + from + word.length];
}

export interface SqlResult {
  columns: readonly string[];
  rows: readonly (readonly unknown[])[];
}

const csvCell = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : jsonText(value);
  const isPlain = typeof value === 'string' ? text !== '' && !/[",\r\n]/.test(text) : typeof value !== 'object';
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`;
};

/** RFC 4180, as the server writes it: nothing is NULL, "" is the empty text. */
export const csvOf = ({ columns, rows }: SqlResult): string => [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');

/** A list of objects. A column whose name was there before gets a number: no value is lost. */
export function jsonOf({ columns, rows }: SqlResult): string {
  const taken = new Set<string>();
  const names = columns.map((name) => {
    let own = name;
    for (let at = 1; taken.has(own) || (own !== name && columns.includes(own)); at += 1) own = `${name}_${at}`;
    taken.add(own);
    return own;
  });
  return `${jsonText(rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? null]))), 2)}\n`;
}

/** What is said of rows that there are and that the answer lacks. */
export function cutWords({ row_count, cut_by }: Pick<LakeSqlRows, 'row_count' | 'cut_by'>): string {
  const values = { count: number(row_count) };
  if (row_count === 0) return t('The first row is too large for one answer. Choose fewer columns, or a part of its values.');
  return cut_by === 'bytes' ? t('Only the first {count} rows: more of them are too large for one answer. Choose fewer columns, or add them up.', values) : t('Only the first {count} rows: there are more. Ask for more rows, or narrow the statement.', values);
}

export interface Asked {
  sql: string;
  at: string; // when it ended
  rows: number | null; // null: it failed
}

const mostAsked = 50;
const asked = new Map<string, readonly Asked[]>(); // by user; gone with the page, as statements may name people

export const askedBy = (user: string): readonly Asked[] => asked.get(user) ?? [];

/** The newest first, each statement once. */
export function remember(user: string, one: Asked): readonly Asked[] {
  const next = [one, ...askedBy(user).filter((old) => old.sql !== one.sql)].slice(0, mostAsked);
  asked.set(user, next);
  return next;
}
