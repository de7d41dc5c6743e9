// Words of monitors and their alerts, and the bars of what one found.
import type { LakeMonitorResult } from '../api/types';
import { duration, number } from './format';
import { t } from './words';

export const severityNames: Readonly<Record<string, string>> = { info: t('info'), warning: t('warning'), critical: t('critical') };
export const statusNames: Readonly<Record<string, string>> = { well: t('well'), unwell: t('unwell'), unknown: t('unknown'), not_judged: t('not judged yet') };
export const kindNames: Readonly<Record<string, string>> = { freshness: t('freshness'), volume: t('volume'), schema: t('columns'), quality: t('quality'), failures: t('failures'), lag: t('lag'), cost: t('cost') };

/** A value in the unit of its kind. */
export function valueText(kind: string, value: number | null): string {
  if (value === null) return '–';
  if (kind === 'freshness') return duration(value);
  return kind === 'volume' || kind === 'cost' ? t('{times} times', { times: value.toFixed(2) }) : number(value);
}

export interface Bar {
  result: LakeMonitorResult;
  share: number | null; // 0 to 1 of the height; null: there is no value
}

/** The oldest to the left; the height is of the largest of values and bounds, and `limit` where the newest bound stands. */
export function barsOf(results: readonly LakeMonitorResult[]): { bars: Bar[]; limit: number | null } {
  const most = Math.max(...results.flatMap((one) => [one.value ?? 0, one.limit_value ?? 0]), 0);
  const shareOf = (value: number | null) => (value === null ? null : most > 0 ? value / most : 0);
  return { bars: [...results].reverse().map((result) => ({ result, share: shareOf(result.value) })), limit: shareOf(results[0]?.limit_value ?? null) };
}
