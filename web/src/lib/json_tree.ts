// A JSON value as one unfolds it: what it is, what is in it. Pure.
import { number } from './format';
import { t } from './words';

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'word';

export interface JsonChild {
  name: string; // a key, or a place in an array
  value: unknown;
}

export const kindOf = (value: unknown): JsonKind =>
  Array.isArray(value) ? 'array' : typeof value === 'object' && value !== null ? 'object' : typeof value === 'string' ? 'string' : typeof value === 'number' || typeof value === 'bigint' ? 'number' : 'word';

/** Empty of what holds nothing: a text, a number, true, null. */
export function childrenOf(value: unknown): JsonChild[] {
  if (Array.isArray(value)) return value.map((one: unknown, at) => ({ name: String(at), value: one }));
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([name, one]) => ({ name, value: one as unknown }));
  return [];
}

/** What stands for a value that is folded. */
export function summaryText(value: unknown): string {
  const count = childrenOf(value).length;
  if (kindOf(value) === 'array') return t('list of {count}', { count: number(count) });
  return t('object of {count}', { count: number(count) });
}

/** As the server masks what a task marked as a secret. */
export const hidesSecrets = (value: unknown): boolean => (typeof value === 'string' ? value.includes('***') : childrenOf(value).some((child) => hidesSecrets(child.value)));

const openAtMost = 30;

/** What is small is open at first, two levels deep. */
export const isOpenAtFirst = (value: unknown, depth: number): boolean => depth < 2 && childrenOf(value).length <= openAtMost;
