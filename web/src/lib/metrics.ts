// The server's numbers for a view: which are searched for, and a minute's growth of those that only grow. Pure.
import type { Metric, MetricCollection, MetricSample, MetricSeries } from '../api/types';
import { language, tagOf, type Language } from './words';

/** A counter tells how many there were since the start; what is looked at is how many came in each minute. */
export function pointsOf({ type, values }: Pick<MetricSeries, 'type' | 'values'>): (number | null)[] {
  if (type !== 'counter') return [...values];
  return values.map((value, at) => {
    const before = at === 0 ? null : (values[at - 1] ?? null);
    if (value === null || before === null) return null;
    return value < before ? value : value - before; // it began anew
  });
}

/** The line of some amounts in a box, broken where one is missing; empty where there are none. */
export function sparkPath(points: readonly (number | null)[], width: number, height: number): string {
  const known = points.filter((one): one is number => one !== null);
  if (known.length === 0) return '';
  const [low, high] = [Math.min(0, ...known), Math.max(0, ...known)];
  const step = points.length > 1 ? width / (points.length - 1) : 0;
  const y = (value: number) => (high === low ? height : height - ((value - low) / (high - low)) * height);
  let begins = true;
  return points
    .map((value, at) => {
      if (value === null) {
        begins = true;
        return '';
      }
      const mark = begins ? 'M' : 'L';
      begins = false;
      return `${mark}${(at * step).toFixed(1)} ${y(value).toFixed(1)}${(points[at + 1] ?? null) === null ? 'h0' : ''}`;
    })
    .join('');
}

/** Those whose name, help or labels have the words; all of them without any. */
export function foundMetrics({ metrics }: Pick<MetricCollection, 'metrics'>, q: string): Metric[] {
  const words = q.toLowerCase().split(/\s+/).filter((one) => one !== '');
  return metrics.filter((one) => {
    const text = `${one.name} ${one.help} ${one.samples.map((sample) => JSON.stringify(sample.labels)).join(' ')}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** `{state="running"}` as words: "state running". */
export const labelsOf = (labels: Readonly<Record<string, unknown>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');

/** What a sample is of, among those of its metric; a summary has two for the same labels. */
export function sampleName(metric: string, { name, labels }: MetricSample): string {
  const part = name.startsWith(`${metric}_`) ? name.slice(metric.length + 1) : '';
  return [labelsOf(labels), part].filter((one) => one !== '').join(', ') || name;
}

/** Whole numbers with every digit, others with as many as tell them from nothing. */
export const amountText = (value: number, to: Language = language): string =>
  value.toLocaleString(tagOf(to), Math.abs(value) < 1 ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: 3 });
