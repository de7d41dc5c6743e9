// The trigger form's fields out of a DAG's `params`, and the run's conf out of the form's texts.
import type { FieldProblem } from '../api/client';
import { jsonText, parseJson } from './exact_json';
import { pickKind, type PickKind } from './pickers';
import { t } from './words';

export type FieldKind = 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'list' | 'json';

export interface Field {
  name: string;
  kind: FieldKind;
  title: string;
  description: string;
  required: boolean;
  nullable: boolean;
  multiline: boolean; // a text that may have line breaks
  secret: boolean; // shown as dots, and never shown again
  pick: PickKind | null; // a text that the browser's own box for dates and times may take
  choices: unknown[];
  minimum: Amount | null;
  maximum: Amount | null;
  value: unknown; // the default: what a control nobody touched stands for
  initial: string; // what the control shows at first
  program: string; // the command line that is asked for the default when the run starts; '' for none
}

/** Beyond 2^53 a whole number is a bigint, see exact_json.ts. */
export type Amount = number | bigint;

const isAmount = (value: unknown): value is Amount => typeof value === 'number' || typeof value === 'bigint';

interface Schema {
  type?: string | string[];
  enum?: unknown[];
  title?: string;
  description?: string;
  default?: unknown;
  format?: string;
  minimum?: Amount;
  maximum?: Amount;
  items?: { type?: string };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// {"$command": ["/usr/bin/date", "+%F"]}: a default that the server asks a program for.
function programOf(fallback: unknown): string {
  const words = isObject(fallback) ? fallback['$command'] : undefined;
  return Array.isArray(words) ? words.map(String).join(' ') : '';
}

// The API shows a param as {value, schema, description} (Airflow's), a DAG file writes the schema
// with its default; a bare value is its own default.
function schemaOf(param: unknown): Schema {
  if (!isObject(param)) return { default: param };
  if (isObject(param['schema'])) {
    const schema: Schema = param['schema'];
    const description = param['description'] ?? schema.description;
    return {
      ...schema,
      default: param['value'] ?? schema.default,
      ...(typeof description === 'string' ? { description } : {}),
    };
  }
  if ('type' in param || 'enum' in param || 'default' in param) return param;
  return { default: param };
}

function typeOf(schema: Schema): { type: string; nullable: boolean } {
  const types = schema.type === undefined ? [] : [schema.type].flat();
  const named = types.find((type) => type !== 'null');
  if (named) return { type: named, nullable: types.includes('null') };
  const value = schema.default;
  if (Array.isArray(value)) return { type: 'array', nullable: false };
  if (typeof value === 'bigint' || Number.isInteger(value)) return { type: 'integer', nullable: false };
  if (value === null || value === undefined) return { type: 'string', nullable: true };
  return { type: typeof value, nullable: false };
}

function kindOf(schema: Schema, type: string): FieldKind {
  if (Array.isArray(schema.enum)) return 'choice';
  if (type === 'integer' || type === 'number' || type === 'boolean') return type;
  if (type === 'string') return 'text';
  if (type !== 'array') return 'json';
  const items = schema.items?.type;
  const values: unknown[] = Array.isArray(schema.default) ? schema.default : [];
  const texts = (items === undefined || items === 'string') && values.every((one) => typeof one === 'string');
  return texts && linesOf(values.join('\n')).length === values.length && values.every(isLine) ? 'list' : 'json';
}

// A list is written one entry per line only when no entry would change by that.
const linesOf = (text: string) => text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
const isLine = (entry: string) => entry === entry.trim() && entry !== '' && !/[\r\n]/.test(entry);

/** The text a control shows for a value. */
export function toText(kind: FieldKind, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (kind === 'list' && Array.isArray(value)) return value.map(String).join('\n');
  if (kind === 'json') return jsonText(value, 2);
  if (kind === 'choice') return jsonText(value);
  return typeof value === 'string' ? value : jsonText(value);
}

export function fieldsOf(params: Record<string, unknown> | null | undefined): Field[] {
  return Object.entries(params ?? {}).map(([name, param]) => {
    const written = schemaOf(param);
    const program = programOf(written.default);
    const schema = program === '' ? written : { ...written, default: undefined };
    const { type, nullable } = typeOf(schema);
    const kind = kindOf(schema, type);
    const { default: value } = schema;
    return {
      name,
      kind,
      title: typeof schema.title === 'string' ? schema.title : name,
      description: typeof schema.description === 'string' ? schema.description : '',
      required: program === '' && !nullable && (value === undefined || value === null),
      nullable,
      secret: kind === 'text' && schema.format === 'password',
      pick: kind === 'text' ? pickKind(schema.format) : null,
      multiline: kind === 'text' && (schema.format === 'multiline' || (typeof value === 'string' && /[\r\n]/.test(value))),
      choices: Array.isArray(schema.enum) ? schema.enum : [],
      minimum: isAmount(schema.minimum) ? schema.minimum : null,
      maximum: isAmount(schema.maximum) ? schema.maximum : null,
      value,
      initial: kind === 'boolean' ? String(value === true) : toText(kind, value),
      program,
    };
  });
}

export type Parsed = { value: unknown } | { absent: true } | { problem: string };

// The server keeps whole numbers of 64 bits exactly, and no larger ones.
const [least, most] = [-(2n ** 63n), 2n ** 64n - 1n];

function exactNumber(text: string): Amount {
  const value = Number(text);
  return /^[+-]?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text.replace('+', '')) : value;
}

function parseNumber(field: Field, text: string): Parsed {
  const value = exactNumber(text);
  if (typeof value === 'bigint') {
    if (value < least || value > most) return { problem: t('Must be between {least} and {most}.', { least: String(least), most: String(most) }) };
  } else {
    if (!Number.isFinite(value)) return { problem: t('Must be a number.') };
    if (field.kind === 'integer' && !Number.isSafeInteger(value)) return { problem: t('Must be a whole number.') };
  }
  if (field.minimum !== null && value < field.minimum) return { problem: t('Must be at least {least}.', { least: String(field.minimum) }) };
  if (field.maximum !== null && value > field.maximum) return { problem: t('Must be at most {most}.', { most: String(field.maximum) }) };
  return { value };
}

function parseText(text: string): Parsed {
  try {
    return { value: parseJson(text) };
  } catch (error) {
    return { problem: t('Not valid JSON: {reason}', { reason: (error as Error).message }) };
  }
}

export function parseField(field: Field, text: string): Parsed {
  if (field.kind === 'boolean') return { value: text === 'true' };
  if (field.kind === 'list') {
    const value = linesOf(text);
    return value.length === 0 && field.nullable ? { value: null } : { value };
  }
  if (text.trim() === '') {
    if (field.required) return { problem: t('Needs a value.') };
    if (field.nullable) return { value: null };
    return field.kind === 'text' ? { value: text } : { absent: true };
  }
  if (field.kind === 'number' || field.kind === 'integer') return parseNumber(field, text.trim());
  if (field.kind === 'json' || field.kind === 'choice') return parseText(text);
  return { value: text };
}

export interface ConfResult {
  conf: Record<string, unknown>;
  problems: Record<string, string>;
}

export function confOf(fields: readonly Field[], texts: Readonly<Record<string, string>>): ConfResult {
  const conf: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const touched = Object.hasOwn(texts, field.name);
    if (field.program !== '' && (!touched || (texts[field.name] as string).trim() === '')) continue; // asked for later
    const parsed: Parsed =
      !touched && field.value !== undefined && !field.required
        ? { value: field.value }
        : parseField(field, touched ? (texts[field.name] as string) : field.initial);
    if ('problem' in parsed) problems[field.name] = parsed.problem;
    else if ('value' in parsed) conf[field.name] = parsed.value;
  }
  return { conf, problems };
}

/** A control's text has bare line feeds; those of the text it was made from come back. */
export function withBreaksOf(original: string, text: string): string {
  const windows = original.includes('\r\n') && !/(^|[^\r])\n/.test(original);
  return windows ? text.replace(/\r?\n/g, '\r\n') : text;
}

/** "2024-05-01T13:00" of a UTC date-time control as the API's "2024-05-01T13:00:00Z"; '' as ''. */
export function utcOf(text: string): string {
  if (text === '') return '';
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?/.exec(text)?.[0] ?? text;
  return `${time}${/T\d\d:\d\d$/.test(time) ? ':00' : ''}Z`;
}

/** Sorts a 422's problems to the fields they name; those that name none come under ''. */
export function problemsByField(problems: readonly FieldProblem[], names: readonly string[]): Record<string, string> {
  const known = new Set(names);
  const sorted: Record<string, string> = {};
  for (const problem of problems) {
    const name = [...problem.loc].map(String).find((part) => known.has(part)) ?? '';
    const where = name === '' ? problem.loc.filter((part) => part !== 'body').join('.') : '';
    const text = where ? `${where}: ${problem.msg}` : problem.msg;
    sorted[name] = sorted[name] ? `${sorted[name]} ${text}` : text;
  }
  return sorted;
}
