// When a DAG runs, in the reader's words: the API tells it as Airflow does, in English.
import type { Dag } from '../api/types';
import { count } from './format';
import { language, t, type Language } from './words';

const never = 'Never, external triggers only';
const staleness = /^While (.+?) is older than what it is made of(?: or .+)?$/;
const byAssets = 'Asset or ';

/** `lake://gold/shop/daily` is a table, and called as such. */
export const assetName = (uri: string): string => uri.replace(/^lake:\/\//, '');

function timesText(summary: string, to: Language): string {
  const dates = /^(\d{1,9}) dates?$/.exec(summary);
  return dates ? count(Number(dates[1]), 'date', to) : summary;
}

type Told = Pick<Dag, 'timetable_summary' | 'timetable_description'>;

/** The asset that the DAG is to keep as new as what it is made of; null: it has no schedule by staleness. */
export const staleAsset = ({ timetable_description: told }: Told): string | null => staleness.exec(told)?.[1] ?? null;

/** The ticks beside the assets of a schedule; null: there are none. */
export const timesOf = ({ timetable_summary: summary }: Told, to: Language = language): string | null =>
  summary?.startsWith(byAssets) ? timesText(summary.slice(byAssets.length), to) : null;

export function scheduleText(dag: Told, to: Language = language): string {
  const { timetable_summary: summary, timetable_description: told } = dag;
  const stale = staleAsset(dag);
  const times = timesOf(dag, to) ?? '';
  if (stale !== null) {
    const asset = assetName(stale);
    return times === '' ? t('While {asset} is older than what it is made of', { asset }, to) : t('While {asset} is older than what it is made of, or {times}', { asset, times }, to);
  }
  if (times !== '') return t('When its assets change, or {times}', { times }, to);
  if (summary === 'Asset') return t('When its assets change', {}, to);
  if (summary === 'Partitioned Asset') return t('For each partition of its assets', {}, to);
  if (summary !== null) return timesText(summary, to);
  return told === '' || told === never ? t('Only when triggered', {}, to) : told;
}
