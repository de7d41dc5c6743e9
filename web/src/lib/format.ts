// Times and amounts as people read them. Inputs are the API's: ISO 8601 text, seconds.
import { jsonText } from './exact_json';
import { language, t, tagOf, type Language } from './words';
import { partsOf } from './zone';

export function parseTime(iso: string | null | undefined): number | null {
  if (!iso) return null;
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? null : ms;
}

/** Seconds between two API times; an open end counts up to `now` (ms). Null before the start. */
export function elapsed(start: string | null, end: string | null, now: number): number | null {
  const from = parseTime(start);
  if (from === null) return null;
  return Math.max(0, ((parseTime(end) ?? now) - from) / 1000);
}

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [d, h, m, s] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${m} min`;
  return `${m} min ${s} s`;
}

const two = (value: number) => String(value).padStart(2, '0');

/** "2024-05-01 13:07:09" in the page's zone. */
export function localTime(iso: string | null | undefined): string {
  const ms = parseTime(iso);
  if (ms === null) return '–';
  const at = partsOf(ms);
  return `${at.year}-${two(at.month + 1)}-${two(at.day)} ${two(at.hour)}:${two(at.minute)}:${two(at.second)}`;
}

/** "13:07:09.123" for a log line. */
export function clockTime(iso: string | null | undefined): string {
  const ms = parseTime(iso);
  if (ms === null) return '';
  const at = partsOf(ms);
  return `${two(at.hour)}:${two(at.minute)}:${two(at.second)}.${String(at.ms).padStart(3, '0')}`;
}

const units: readonly [number, string][] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** "3 min ago", "in 2 h", "now". */
export function relative(iso: string | null | undefined, now: number, to: Language = language): string {
  const ms = parseTime(iso);
  if (ms === null) return '–';
  const seconds = (ms - now) / 1000;
  const size = Math.abs(seconds);
  for (const [unit, name] of units) {
    if (size >= unit) {
      const amount = `${Math.floor(size / unit)} ${name}`;
      return seconds < 0 ? t('{amount} ago', { amount }, to) : t('in {amount}', { amount }, to);
    }
  }
  return t('now', {}, to);
}

export const number = (amount: number, to: Language = language): string => amount.toLocaleString(tagOf(to));

// What lists count, one and many.
const nouns = (to: Language): Readonly<Record<Noun, readonly [string, string]>> => ({
  run: [t('run', {}, to), t('runs', {}, to)],
  task: [t('task', {}, to), t('tasks', {}, to)],
  DAG: [t('DAG', {}, to), t('DAGs', {}, to)],
  pool: [t('pool', {}, to), t('pools', {}, to)],
  variable: [t('variable', {}, to), t('variables', {}, to)],
  connection: [t('connection', {}, to), t('connections', {}, to)],
  asset: [t('asset', {}, to), t('assets', {}, to)],
  backfill: [t('backfill', {}, to), t('backfills', {}, to)],
  date: [t('date', {}, to), t('dates', {}, to)],
  deadline: [t('deadline', {}, to), t('deadlines', {}, to)],
  value: [t('value', {}, to), t('values', {}, to)],
  event: [t('event', {}, to), t('events', {}, to)],
  job: [t('job', {}, to), t('jobs', {}, to)],
  'import error': [t('import error', {}, to), t('import errors', {}, to)],
  warning: [t('warning', {}, to), t('warnings', {}, to)],
  table: [t('table', {}, to), t('tables', {}, to)],
  version: [t('version', {}, to), t('versions', {}, to)],
  alert: [t('alert', {}, to), t('alerts', {}, to)],
  result: [t('result', {}, to), t('results', {}, to)],
  user: [t('user', {}, to), t('users', {}, to)],
  role: [t('role', {}, to), t('roles', {}, to)],
  group: [t('group', {}, to), t('groups', {}, to)],
  token: [t('token', {}, to), t('tokens', {}, to)],
  message: [t('message', {}, to), t('messages', {}, to)],
});

export type Noun = 'run' | 'task' | 'DAG' | 'pool' | 'variable' | 'connection' | 'event' | 'job' | 'import error' | 'warning' | 'table' | 'version' | 'alert' | 'result' | 'user' | 'role' | 'group' | 'token' | 'asset' | 'backfill' | 'date' | 'deadline' | 'value' | 'message';

export function count(amount: number, one: Noun, to: Language = language): string {
  const [single, several] = nouns(to)[one];
  return `${number(amount, to)} ${amount === 1 ? single : several}`;
}

export function prettyJson(value: unknown): string {
  return jsonText(value, 2);
}

/** "file:line" of an import error: the position the parser put at the start of its text. */
export function errorPosition(filename: string, text: string): string {
  const line = /^[^\n]*?:(\d+)(?::(\d+))?[: ]/.exec(text);
  return line ? `${filename}:${line[1]}${line[2] ? `:${line[2]}` : ''}` : filename;
}

const sizes = ['B', 'kB', 'MB', 'GB', 'TB'];

/** "14.2 MB": a size for people. */
export function bytes(amount: number, to: Language = language): string {
  let unit = 0;
  let value = amount;
  while (value >= 1000 && unit + 1 < sizes.length) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toLocaleString(tagOf(to), { maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 })} ${sizes[unit] ?? ''}`;
}
