// A month of a DAG: which days it has, what the server is asked, what stands on each of them. Days are those of the page's zone. Pure.
import type { Calendar, CalendarPart, CalendarSkip } from '../api/types';
import type { Glyph } from '../components/icon';
import { number } from './format';
import { stateInfo, type Shape } from './states';
import { language, t, tagOf } from './words';
import { midnightOf, partsOf } from './zone';

export interface Month {
  year: number;
  month: number; // 0 to 11
}

export interface Day {
  at: number; // of the month, or the month of a year, from 1 on
  part: CalendarPart | undefined;
  skips: readonly CalendarSkip[];
}

export interface Mark {
  kind: string; // a state, 'planned' or 'skips'
  icon: Shape | Glyph;
  count: number; // 0: some
  words: string;
}

const two = (value: number) => String(value).padStart(2, '0');
export const monthText = ({ year, month }: Month): string => `${year}-${two(month + 1)}`;

/** A month as the address has it, "2026-11"; else that of `now`. */
export function monthOf(text: string | null, now: number): Month {
  const found = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text ?? '');
  const at = partsOf(now);
  if (!found || Number(found[1]) < 1970) return { year: at.year, month: at.month };
  return { year: Number(found[1]), month: Number(found[2]) - 1 };
}

export function shiftMonth({ year, month }: Month, by: number): Month {
  const at = new Date(year, month + by, 1);
  return { year: at.getFullYear(), month: at.getMonth() };
}

export const dayCount = ({ year, month }: Month): number => new Date(year, month + 1, 0).getDate();

/** The midnights before, between and behind its days: one is not always 24 hours from the next. */
export function boundsOf({ year, month }: Month): string[] {
  return Array.from({ length: dayCount({ year, month }) + 1 }, (_, at) => new Date(midnightOf(year, month, at + 1)).toISOString());
}

/** Its days in weeks that begin with a Monday; 0 where another month has the day. */
export function weeksOf(of: Month): number[][] {
  const days = dayCount(of);
  const before = (new Date(of.year, of.month, 1).getDay() + 6) % 7;
  const weeks: number[][] = [];
  for (let first = 1 - before; first <= days; first += 7) weeks.push(Array.from({ length: 7 }, (_, at) => (first + at >= 1 && first + at <= days ? first + at : 0)));
  return weeks;
}

const ms = (text: string) => Date.parse(text);

type Answer = Pick<Calendar, 'parts' | 'skipped'> | undefined;

function partsBetween(bounds: readonly number[], answer: Answer): Day[] {
  return bounds.slice(1).map((end, at) => ({
    at: at + 1,
    part: answer?.parts[at],
    skips: answer?.skipped.filter((skip) => ms(skip.from) < end && ms(skip.to) >= (bounds[at] ?? 0)) ?? [],
  }));
}

export const daysOf = (of: Month, answer: Answer): Day[] => partsBetween(boundsOf(of).map(ms), answer);

/** A year as the address has it, "2026"; null where it has none. */
export function yearOf(text: string | null): number | null {
  const year = /^\d{4}$/.test(text ?? '') ? Number(text) : 0;
  return year >= 1970 ? year : null;
}

/** The midnights at which its months begin, and the year after it. */
export const yearBounds = (year: number): string[] => Array.from({ length: 13 }, (_, month) => new Date(midnightOf(year, month, 1)).toISOString());

/** As days, `at` from 1 on. */
export const monthsOf = (year: number, answer: Answer): Day[] => partsBetween(yearBounds(year).map(ms), answer);

const shown = ['failed', 'running', 'queued', 'success'] as const;

/** What a day shows: what needs attention first. */
export function marksOf({ part, skips }: Day): Mark[] {
  const marks: Mark[] = [];
  for (const state of shown) {
    const count = part?.[state] ?? 0;
    const { shape, label } = stateInfo(state);
    if (count > 0) marks.push({ kind: state, icon: shape, count, words: `${number(count)} ${label}` });
  }
  if (skips.length > 0) marks.push({ kind: 'skips', icon: 'minus', count: 0, words: t('ticks without a run') });
  const planned = part?.planned ?? 0;
  if (planned > 0) marks.push({ kind: 'planned', icon: 'clock', count: planned, words: t('{count} planned', { count: number(planned) }) });
  return marks;
}

export const monthName = ({ year, month }: Month, width: 'long' | 'short' = 'long'): string =>
  new Date(year, month, 1).toLocaleDateString(tagOf(language), width === 'long' ? { month: 'long', year: 'numeric' } : { month: 'short' });
export const dayName = ({ year, month }: Month, day: number): string => new Date(year, month, day).toLocaleDateString(tagOf(language), { weekday: 'long', day: 'numeric', month: 'long' });

/** Monday first; 2024 began with one. */
export const weekdays = (width: 'short' | 'long'): string[] => Array.from({ length: 7 }, (_, at) => new Date(2024, 0, 1 + at).toLocaleDateString(tagOf(language), { weekday: width }));

/** The day that a key leads to from another; null: the key leads nowhere. */
export function dayByKey(key: string, from: number, days: number): number | null {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, Home: 1 - from, End: days - from };
  const step = steps[key];
  if (step === undefined) return null;
  const next = from + step;
  return next >= 1 && next <= days ? next : null;
}

/** A day of the address, "20"; 0 where the month has none of it. */
export function dayOf(text: string | null, of: Month): number {
  const day = /^\d{1,2}$/.test(text ?? '') ? Number(text) : 0;
  return day <= dayCount(of) ? day : 0;
}
