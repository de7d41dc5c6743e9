// What one monitor found over time: bars against its bound, and the same as a table.
import * as api from '../api/endpoints';
import type { LakeMonitor, LakeMonitorResult } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { localTime } from '../lib/format';
import { usePage, useResource } from '../lib/hooks';
import { barsOf, statusNames, valueText } from '../lib/monitors';
import { t } from '../lib/words';

const size = 100;
const slot = 8;
const tall = 80;
const fewest = 40;

export function MonitorStatus({ of }: { of: string }) {
  const kind = of === 'well' ? 'quality-good' : of === 'unwell' ? 'quality-bad' : 'muted';
  return <span class={kind}>{statusNames[of] ?? of}</span>;
}

function Chart({ kind, results }: { kind: string; results: readonly LakeMonitorResult[] }) {
  const { bars, limit } = barsOf(results);
  const width = Math.max(fewest, bars.length) * slot;
  const title = t('Found over time: {unwell} of {count} times unwell', { unwell: results.filter((one) => one.status === 'unwell').length, count: results.length });
  return (
    <figure class="trend monitor-chart" aria-label={title}>
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${width} ${tall}`} preserveAspectRatio="none" role="img" aria-label={title}>
        {bars.map(({ result, share }, at) => {
          // What has no value, as the age of a table that is not there, is seen all the same.
          const high = Math.max(result.status === 'unwell' ? 12 : 3, (share ?? 0) * (tall - 2));
          const words = `${localTime(result.evaluated_at)}, ${statusNames[result.status] ?? result.status}: ${valueText(kind, result.value)}`;
          return (
            <g key={at} class={`monitor-bar monitor-${result.status}`}>
              <title>{words}</title>
              <rect x={at * slot + 1} y={tall - high} width={slot - 2} height={high} />
              {result.status === 'unwell' && <path d={`M${at * slot + 1} ${tall - Math.min(high, 6) / 2}h${slot - 2}`} />}
            </g>
          );
        })}
        {limit !== null && <path class="monitor-limit" d={`M0 ${tall - limit * (tall - 2)}h${width}`} />}
      </svg>
      <p class="trend-ends muted">
        <span>{localTime(bars[0]?.result.evaluated_at)}</span>
        {limit !== null && <span>{t('dashed: its bound, {limit}', { limit: valueText(kind, results[0]?.limit_value ?? null) })}</span>}
        <span>{localTime(bars.at(-1)?.result.evaluated_at)}</span>
      </p>
    </figure>
  );
}

export function MonitorHistory({ of }: { of: LakeMonitor }) {
  const [offset, move] = usePage(size);
  const found = useResource((signal) => api.monitorResults(of.monitor_id, { limit: size, offset }, signal), [of.monitor_id, of.evaluated_at, offset]);
  const columns: readonly Column<LakeMonitorResult>[] = [
    { name: t('Judged'), cell: (one) => <At at={one.evaluated_at} /> },
    { name: t('Status'), cell: (one) => <MonitorStatus of={one.status} /> },
    { name: t('Value'), number: true, cell: (one) => valueText(of.kind, one.value) },
    { name: t('Said'), cell: (one) => one.message },
  ];
  return (
    <Loaded of={found}>
      {({ rows, total }) =>
        rows.length === 0 ? (
          <Empty>{t('It was not judged in the last 90 days.')}</Empty>
        ) : (
          <>
            <Chart kind={of.kind} results={rows} />
            <details class="lake-note">
              <summary>{t('As a table')}</summary>
              <SimpleTable rows={rows} columns={columns} keyOf={(one) => one.evaluated_at} empty="" />
            </details>
            <Pager offset={offset} limit={size} total={total} noun="result" onMove={move} />
          </>
        )
      }
    </Loaded>
  );
}
