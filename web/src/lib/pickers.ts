// Dates and times that a browser's own boxes take. A box holds a text only where it gives the very same text back: a template,
// a text in other words, or digits that a box would drop stay a text. The server takes times with an offset from UTC alone (RFC 3339).
import { partsOf, zone, zoneName, type Parts, type Zone } from './zone';

export type PickKind = 'date' | 'time' | 'date-time';

export const pickKind = (format: unknown): PickKind | null => (format === 'date' || format === 'time' || format === 'date-time' ? format : null);

const day = String.raw`\d{4}-\d\d-\d\d`;
const clock = String.raw`\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?`;
const offset = String.raw`(?:[Zz]|[+-]\d\d:\d\d)`;
const forms: Record<PickKind, RegExp> = {
  date: new RegExp(`^(${day})()()$`),
  time: new RegExp(`^()(${clock})(${offset})$`),
  'date-time': new RegExp(`^(${day})[Tt](${clock})(${offset})$`),
};

const two = (value: number) => String(value).padStart(2, '0');
const isDay = (text: string) => text === '' || new Date(`${text}T00:00Z`).toISOString().startsWith(text);
const isClock = (text: string) => text === '' || (text.slice(0, 2) <= '23' && text.slice(3, 5) <= '59' && text.slice(6, 8) <= '59');

// "2026-03-10T12:05:09": as a box has it, with seconds and their parts where there are any.
function boxText(at: Parts): string {
  const parts = at.ms > 0 ? `.${String(at.ms).padStart(3, '0')}` : '';
  const seconds = at.second > 0 || at.ms > 0 ? `:${two(at.second)}${parts}` : '';
  return `${String(at.year).padStart(4, '0')}-${two(at.month + 1)}-${two(at.day)}T${two(at.hour)}:${two(at.minute)}${seconds}`;
}

const offsetMs = (text: string): number => {
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(text) ?? [];
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
};

function parts(kind: PickKind, text: string): { date: string; time: string; zoned: string } | null {
  const found = forms[kind].exec(text);
  const [, date = '', time = '', zoned = ''] = found ?? [];
  try {
    return found && isDay(date) && isClock(time) ? { date, time, zoned } : null;
  } catch {
    return null; // the 13th month
  }
}

/** What the box shows of a text, in the zone; null where it could not hold it. An empty text is an empty box. */
export function boxOf(kind: PickKind, text: string, within: Zone = zone): string | null {
  if (text === '') return '';
  const found = parts(kind, text);
  if (found === null) return null;
  if (kind === 'date') return found.date;
  if (kind === 'time') return found.time;
  const instant = Date.parse(`${found.date}T${found.time}${found.zoned.toUpperCase()}`);
  if (Number.isNaN(instant)) return null;
  const box = boxText(partsOf(instant, within));
  // An hour that a zone has twice is told once by a box.
  return instantOf(box, within) === instant ? box : null;
}

const instantOf = (box: string, within: Zone): number => Date.parse(within === 'utc' ? `${box}Z` : box);

/** How `like` tells its offset from UTC: 'Z', '+02:00'; 'Z' also where it tells none. */
const offsetOf = (kind: PickKind, like: string): string => (parts(kind, like)?.zoned ?? 'Z').toUpperCase();

/**
 * The text for what a box has: with the offset of `like` (the DAG's default), else in UTC. Seconds are always told. A time of day
 * is none of the page's zone, which has no offset without a day: it is of that offset.
 */
export function textOfBox(kind: PickKind, box: string, like: string, within: Zone = zone): string {
  if (box === '' || kind === 'date') return box;
  const told = offsetOf(kind, like);
  const whole = (text: string) => (/(^|T)\d\d:\d\d$/.test(text) ? `${text}:00` : text);
  if (kind === 'time') return `${whole(box)}${told}`;
  const instant = instantOf(box, within);
  return Number.isNaN(instant) ? box : `${whole(boxText(partsOf(instant + offsetMs(told), 'utc')))}${told}`;
}

/** Whose time a box tells: the page's zone, or the offset of a time of day; null of a date. */
export function zoneOf(kind: PickKind, like: string): string | null {
  if (kind === 'date') return null;
  if (kind === 'date-time') return zoneName();
  const told = offsetOf(kind, like);
  return told === 'Z' ? 'UTC' : `UTC${told}`;
}
