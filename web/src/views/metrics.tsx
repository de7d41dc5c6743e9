// The numbers that the server tells of itself, with the last hour of those that have no labels.
import { useMemo } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Metric, MetricSample, MetricSeries } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { count, localTime, number } from '../lib/format';
import { usePolled } from '../lib/hooks';
import { amountText, foundMetrics, pointsOf, sampleName, sparkPath } from '../lib/metrics';
import { t } from '../lib/words';

const refreshMs = 10_000;
const [wide, tall] = [240, 32];

function Spark({ of }: { of: MetricSeries }) {
  const points = useMemo(() => pointsOf(of), [of]);
  const known = points.filter((one): one is number => one !== null);
  const path = sparkPath(points, wide, tall);
  if (path === '') return null;
  const [least, most] = [amountText(Math.min(...known)), amountText(Math.max(...known))];
  const words = of.type === 'counter' ? t('In the last hour, by minute: {least} to {most} more each', { least, most }) : t('In the last hour, by minute: {least} to {most}', { least, most });
  return (
    <figure class="spark">
      <svg viewBox={`0 -2 ${wide} ${tall + 4}`} preserveAspectRatio="none" role="img" aria-label={words}>
        <path class="sql-line" d={path} />
      </svg>
      <figcaption class="muted">{words}</figcaption>
    </figure>
  );
}

const sampleColumns = (metric: string): readonly Column<MetricSample>[] => [
  { name: t('Of what'), cell: (one) => <span class="mono">{sampleName(metric, one)}</span> },
  { name: t('Value'), number: true, cell: (one) => amountText(one.value) },
];

const fewSamples = 8; // more are unfolded

const Samples = ({ of }: { of: Metric }) => <SimpleTable rows={of.samples} columns={sampleColumns(of.name)} keyOf={(one) => JSON.stringify([one.name, one.labels])} empty="" />;

function Entry({ of, series }: { of: Metric; series: MetricSeries | undefined }) {
  const [first] = of.samples;
  const isOne = of.samples.length === 1 && first !== undefined && Object.keys(first.labels).length === 0;
  return (
    <section class="metric card" aria-label={of.name}>
      <h2 class="mono">{of.name}</h2>
      <p class="muted">{of.help}</p>
      {isOne && <p class="metric-value">{amountText(first.value)}</p>}
      {of.samples.length === 0 && <p class="muted">{t('Nothing was counted yet.')}</p>}
      {!isOne && of.samples.length > 0 && of.samples.length <= fewSamples && <Samples of={of} />}
      {of.samples.length > fewSamples && (
        <details>
          <summary>{count(of.samples.length, 'value')}</summary>
          <Samples of={of} />
        </details>
      )}
      {of.left_out > 0 && <p class="muted">{t('{count} more are told by /metrics.', { count: number(of.left_out) })}</p>}
      {series && <Spark of={series} />}
    </section>
  );
}

export function Metrics({ q }: { q: string }) {
  const all = usePolled((signal) => api.metrics({}, signal), [], refreshMs);
  return (
    <Loaded of={all}>
      {(data) => {
        const found = foundMetrics(data, q);
        return (
          <>
            <p class="muted">
              {t('As they were at {time}. A program reads the same from', { time: localTime(data.taken_at) })} <code>/metrics</code>.
            </p>
            {found.length === 0 && <Empty>{t('No metric matches.')}</Empty>}
            <div class="metrics">
              {found.map((one) => (
                <Entry key={one.name} of={one} series={data.history.series.find((series) => series.name === one.name)} />
              ))}
            </div>
          </>
        );
      }}
    </Loaded>
  );
}
