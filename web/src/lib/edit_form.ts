// A form of a few fields for one thing of the registry: what is typed, what is wrong with it, what has changed. Pure.
import { ApiError } from '../api/client';
import { parseJson } from './exact_json';
import { t } from './words';
import { instantText } from './zone';

export interface EditField {
  name: string; // as the API calls it
  title: string;
  kind: 'text' | 'area' | 'integer' | 'password' | 'choice' | 'lines' | 'json' | 'time' | 'flag'; // a time as the browser's own box has it; a flag is 'yes' or ''
  hint?: string;
  required?: boolean;
  isKey?: boolean; // what the thing is known by: no two have the same
  choices?: readonly string[]; // of a choice; of a text, what is offered
  names?: Readonly<Record<string, string>>; // of the choices, for people
}

export type Texts = Readonly<Record<string, string>>; // by field; '' where there is nothing
export type Problems = Record<string, string>;

const isWhole = (text: string) => /^-?\d{1,15}$/.test(text.trim());

/** What can be told without the server. */
export function problemsOf(fields: readonly EditField[], texts: Texts): Problems {
  const found: Problems = {};
  for (const { name, kind, required } of fields) {
    const text = texts[name] ?? '';
    if (text.trim() === '') {
      if (required === true) found[name] = t('is needed');
    } else if (kind === 'integer' && !isWhole(text)) {
      found[name] = t('must be a whole number');
    } else if (kind === 'json') {
      try {
        parseJson(text);
      } catch (error) {
        found[name] = t('is not valid JSON: {reason}', { reason: (error as Error).message });
      }
    }
  }
  return found;
}

/** What the server says: under the fields that it names, the rest under ''. That there is such a thing already is of a new one's key. */
export function problemsFrom(error: Error, fields: readonly EditField[], isNew: boolean): Problems {
  const found: Problems = {};
  for (const { loc, msg } of error instanceof ApiError ? error.fields : []) {
    const name = fields.find((one) => loc.includes(one.name))?.name ?? '';
    found[name] = found[name] === undefined ? msg : `${found[name]}; ${msg}`;
  }
  if (Object.keys(found).length > 0) return found;
  const key = isNew && error instanceof ApiError && error.status === 409 ? fields.find((one) => one.isKey === true) : undefined;
  return { [key?.name ?? '']: error.message };
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

function valueOf({ kind }: EditField, text: string): unknown {
  if (kind === 'lines') return linesOf(text);
  if (kind === 'integer') return text.trim() === '' ? null : Number(text);
  if (kind === 'time') return instantText(text);
  if (kind === 'flag') return text !== '';
  return text;
}

/** The body of a request: every field, or those that are other than before. */
export function bodyOf(fields: readonly EditField[], texts: Texts, before: Texts | null): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of fields) {
    const text = texts[field.name] ?? '';
    if (before === null ? text === '' : text === (before[field.name] ?? '')) continue;
    body[field.name] = valueOf(field, text);
  }
  return body;
}
