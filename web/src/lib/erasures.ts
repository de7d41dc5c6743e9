// What an order to erase a person told when it ended, as far as this page understands it. Pure.
import { t } from './words';

export interface ErasedTable {
  table: string;
  rows: number;
  oldFiles: number;
  columns: string;
}
export interface ErasureReport {
  applied: boolean;
  complete: boolean;
  doneBefore: boolean;
  rows: number;
  rawRecords: number;
  oldFiles: number;
  tables: ErasedTable[];
  raw: { file: string; records: number }[];
  notReached: { what: string; why: string; undone: boolean }[];
  more: string[]; // what a list had no room for
}

type Json = Record<string, unknown>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const numberOf = (value: unknown) => (typeof value === 'number' ? value : 0);
const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

/** null: it is none. */
export function erasureReport(value: unknown): ErasureReport | null {
  if (!isJson(value)) return null;
  const more: string[] = [];
  const rowsOf = (name: string): Json[] => {
    const list = value[name];
    if (!Array.isArray(list)) return [];
    // The last of a list that is too long is a text.
    for (const one of list) if (typeof one === 'string') more.push(one);
    return list.filter(isJson);
  };
  return {
    applied: value['applied'] === true,
    complete: value['complete'] === true,
    doneBefore: value['done_before'] === true,
    rows: numberOf(value['rows']),
    rawRecords: numberOf(value['raw_records']),
    oldFiles: numberOf(value['old_files']),
    tables: rowsOf('tables').map((one) => ({
      table: textOf(one['table']),
      rows: numberOf(one['rows']),
      oldFiles: numberOf(one['old_files']),
      columns: Array.isArray(one['columns']) ? one['columns'].map(textOf).join(', ') : textOf(one['columns']),
    })),
    raw: rowsOf('raw').map((one) => ({ file: textOf(one['file']), records: numberOf(one['records']) })),
    notReached: rowsOf('not_reached').map((one) => ({ what: textOf(one['what']), why: textOf(one['why']), undone: one['undone'] === true })),
    more,
  };
}

const states: Readonly<Record<string, string>> = { queued: t('queued'), running: t('running'), ended: t('ended'), failed: t('failed'), stopped: t('stopped') };
export const erasureState = (state: string): string => states[state] ?? state;
export const isUnderWay = (state: string): boolean => state === 'queued' || state === 'running';

export interface PersonKey {
  column: string;
  value: string;
}

/** What cannot be sent; undefined where all can. */
export function erasureProblem(keys: readonly PersonKey[], domain: string, table: string): string | undefined {
  if (keys.some((one) => one.column.trim() === '' || one.value.trim() === '')) return t('Each key needs a column and a value.');
  if (domain.trim() !== '' && table.trim() !== '') return t('A domain or a table: one of them.');
  return undefined;
}

/** The same order, as a plan or to be done. */
export function erasureBody(keys: readonly PersonKey[], facts: { domain: string; table: string; subject: string }, operation: string, apply: boolean): Record<string, unknown> {
  const scope = Object.fromEntries(Object.entries(facts).map(([name, text]) => [name, text.trim()] as const).filter(([, text]) => text !== ''));
  return { keys: keys.map(({ column, value }) => ({ column: column.trim(), value })), ...scope, operation, apply };
}
