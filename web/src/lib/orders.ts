// What a person orders of rejected rows and dead letters, and what is told of it. Pure.
import { t } from './words';

export type OrderAction = 'repair' | 'replay' | 'discard';

export interface Correction {
  column: string;
  text: string;
  isEmpty: boolean; // no value at all
}

/** Which rows: these, or all open ones that have the reason and are of the run. */
export interface RowChoice {
  rows: readonly string[];
  reason: string | null;
  run: string | null;
}

export function orderBody(action: OrderAction, choice: RowChoice, corrections: readonly Correction[], note: string, dag: string): Record<string, unknown> {
  const body: Record<string, unknown> = { action };
  if (choice.rows.length > 0) body['rows'] = choice.rows;
  else if (choice.reason === null && choice.run === null) body['all'] = true;
  if (choice.rows.length === 0 && choice.reason !== null) body['reason'] = choice.reason;
  if (choice.rows.length === 0 && choice.run !== null) body['run_id'] = choice.run;
  if (action === 'repair') body['set'] = Object.fromEntries(corrections.map((one) => [one.column, one.isEmpty ? null : one.text]));
  if (note !== '') body['note'] = note;
  if (dag !== '') body['dag_id'] = dag;
  return body;
}

/** What keeps the order from being sent, in a sentence; nothing: it can be. */
export function orderProblem(action: OrderAction, corrections: readonly Correction[], note: string): string | null {
  if (action === 'discard' && note.trim() === '') return t('Say in the note why the rows are given up.');
  if (action !== 'repair') return null;
  if (corrections.some((one) => one.column === '')) return t('Choose the column that gets the value.');
  if (new Set(corrections.map((one) => one.column)).size < corrections.length) return t('Each column can have one value.');
  return null;
}

/** A column that a source sends, and not one of the quarantine's own. */
const own = new Set(['reason', 'run_id', 'execution_id', 'ingest_date', 'copies', 'raw', 'payload']);
export const sentColumns = (columns: readonly string[], masked: readonly string[]): string[] =>
  columns.filter((name) => !name.startsWith('_') && !own.has(name) && !masked.includes(name));

export interface OrderTold {
  chosen: number;
  more: number;
  doneBefore: boolean;
  counts: { outcome: string; rows: number }[]; // those that are not 0
  rows: { row: string; outcome: string; reasons: string }[];
}

const outcomes = ['published', 'superseded', 'kept', 'discarded', 'given_up'];
const count = (value: unknown) => (typeof value === 'number' ? value : 0);

/** The return_value of the run that carried an order out; nothing: it is none. */
export function orderTold(value: unknown): OrderTold | null {
  const told = typeof value === 'string' ? parsed(value) : value;
  if (typeof told !== 'object' || told === null || !('verb' in told)) return null;
  const of = told as Record<string, unknown>;
  return {
    chosen: count(of['chosen']),
    more: count(of['more']),
    doneBefore: of['done_before'] === true,
    counts: outcomes.map((outcome) => ({ outcome, rows: count(of[outcome]) })).filter((one) => one.rows > 0),
    rows: Array.isArray(of['rows']) ? (of['rows'] as OrderTold['rows']) : [],
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const names: Record<string, string> = {
  published: t('good: into silver'),
  superseded: t('older than what silver has'),
  kept: t('wrong still: it stays'),
  discarded: t('given up'),
  given_up: t('tried too often: it stays'),
};
export const outcomeName = (outcome: string): string => names[outcome] ?? outcome;

export const actionName = (action: OrderAction): string => ({ repair: t('Repair'), replay: t('Replay'), discard: t('Discard') })[action];
