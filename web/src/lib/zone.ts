// In which zone the page tells times and takes them: the reader's own, or UTC. Kept in the browser; times of the API and of
// addresses are instants, which mean the same in both.
import { keep, readKept } from './kept';

export type Zone = 'local' | 'utc';

const kept = 'batuta-zone';

export const zone: Zone = typeof document !== 'undefined' && readKept(kept) === 'utc' ? 'utc' : 'local';

/** The page is drawn anew: its times are in every part of it. */
export function setZone(next: Zone): void {
  keep(kept, next);
  location.reload();
}

/** What people call it: "UTC", "America/Sao_Paulo". */
export const zoneName = (within: Zone = zone): string => (within === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone);

export interface Parts {
  year: number;
  month: number; // 0 to 11
  day: number;
  hour: number;
  minute: number;
  second: number;
  ms: number;
}

export function partsOf(instant: number, within: Zone = zone): Parts {
  const at = new Date(instant);
  if (within === 'utc') {
    return { year: at.getUTCFullYear(), month: at.getUTCMonth(), day: at.getUTCDate(), hour: at.getUTCHours(), minute: at.getUTCMinutes(), second: at.getUTCSeconds(), ms: at.getUTCMilliseconds() };
  }
  return { year: at.getFullYear(), month: at.getMonth(), day: at.getDate(), hour: at.getHours(), minute: at.getMinutes(), second: at.getSeconds(), ms: at.getMilliseconds() };
}

/** The midnight at which a day begins; days beyond the month's end are of the next one. */
export function midnightOf(year: number, month: number, day: number, within: Zone = zone): number {
  return within === 'utc' ? Date.UTC(year, month, day) : new Date(year, month, day).getTime();
}

/** "2026-11-27T13:05" as a browser's own box has it, meant in the zone; NaN for what is no time. */
export function instantIn(text: string, within: Zone = zone): number {
  return Date.parse(within === 'utc' && /T\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? `${text}Z` : text);
}

/** An instant as the browser's own box takes it: in the page's zone, to the minute; '' where it is none. */
export function localInput(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return '';
  const at = partsOf(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(at.year).padStart(4, '0')}-${two(at.month + 1)}-${two(at.day)}T${two(at.hour)}:${two(at.minute)}`;
}

/** The way back: an instant means the same in every time zone. */
export function instantText(local: string): string {
  const ms = instantIn(local);
  return Number.isNaN(ms) ? '' : new Date(ms).toISOString().replace(':00.000Z', 'Z');
}
