// The rows of a statement drawn: one column of numbers, over another column or in the order of the rows. What is chosen stands in the address.
import { useMemo } from 'preact/hooks';
import { Choice } from '../components/choice';
import { textOf } from '../components/row_cells';
import { number } from '../lib/format';
import { useSearch } from '../lib/hooks';
import type { SqlResult } from '../lib/sql';
import { chartOf, linePath, mostBars, numberColumns, roundAxis, type ChartPoint, type SqlChart } from '../lib/sql_chart';
import { t } from '../lib/words';

const wide = 1000;
const tall = 200;
const least = 1; // what there is, is seen

const labelOf = ({ label, row }: ChartPoint) => (label === null ? t('row {row}', { row: number(row + 1) }) : textOf(label).slice(0, 40));

function Drawn({ chart, kind, title, slots }: { chart: SqlChart; kind: 'bars' | 'line'; title: string; slots: number }) {
  const { points } = chart;
  const axis = roundAxis(points.map((point) => point.value));
  const [low, high] = [axis[0] ?? 0, axis.at(-1) ?? 1];
  const y = (value: number) => tall - ((value - low) / (high - low)) * tall;
  const slot = wide / Math.max(16, slots); // of few, none gets wider
  const narrow = slots < 16 ? slots / 16 : 1;
  const [first, last] = [points[0], points.at(-1)];
  return (
    <figure class="trend sql-chart" aria-label={title}>
      <figcaption>{title}</figcaption>
      <div class="trend-body">
        <ol class="trend-axis muted" aria-hidden="true">
          {[...axis].reverse().map((at) => (
            <li key={at}>{number(at)}</li>
          ))}
        </ol>
        <svg class="trend-bars" viewBox={`0 0 ${wide} ${tall}`} preserveAspectRatio="none" role="img" aria-label={title}>
          {axis.map((at) => (
            <path key={at} class="trend-line" d={`M0 ${y(at)}h${wide}`} />
          ))}
          {kind === 'line' && <path class="sql-line" d={linePath(points, (at) => at * wide, y)} />}
          {kind === 'bars' &&
            points.map((point) => {
              const [top, foot] = [y(Math.max(0, point.value)), y(Math.min(0, point.value))];
              return (
                <rect key={point.row} class="version-bar" data-row={point.row} x={point.at * wide * narrow - slot * 0.4} y={point.value < 0 ? top : Math.min(top, tall - least)} width={slot * 0.8} height={Math.max(least, foot - top)}>
                  <title>{`${labelOf(point)}: ${number(point.value)}`}</title>
                </rect>
              );
            })}
        </svg>
      </div>
      <p class="trend-ends muted">
        <span>{first && labelOf(first)}</span>
        <span>{last && last !== first && labelOf(last)}</span>
      </p>
      {chart.without > 0 && <p class="muted">{t('Rows without a number, which are not drawn: {count}', { count: number(chart.without) })}</p>}
      {chart.beyond > 0 && <p class="muted">{t('Only the first {count} rows are drawn as bars. A line holds all of them.', { count: number(mostBars) })}</p>}
    </figure>
  );
}

export function SqlChartView({ of }: { of: SqlResult }) {
  const [search, change] = useSearch();
  const numbers = useMemo(() => numberColumns(of), [of]);
  const asked = search.get('chart');
  const kind = asked === 'bars' || asked === 'line' ? asked : null;
  const [usual = '', ...others] = numbers;
  const wanted = search.get('up') ?? '';
  const up = numbers.includes(wanted) ? wanted : usual;
  const across = of.columns.includes(search.get('across') ?? '') ? (search.get('across') ?? '') : '';
  const chart = useMemo(() => (kind === null || up === '' ? null : chartOf(of, kind, across, up)), [of, kind, across, up]);
  if (of.rows.length === 0) return null;
  return (
    <>
      <div class="toolbar" role="group" aria-label={t('Chart')}>
        <Choice
          label={t('Chart')}
          value={kind ?? ''}
          all={t('No chart')}
          choices={[
            { id: 'bars', name: t('Bars') },
            { id: 'line', name: t('Line') },
          ]}
          onChange={(next) => change({ chart: next })}
        />
        {kind !== null && up !== '' && (
          <>
            <Choice label={t('Numbers')} value={up === usual ? '' : up} all={usual} choices={others.map((id) => ({ id, name: id }))} onChange={(next) => change({ up: next })} />
            <Choice label={t('Over')} value={across} all={t('in the order of the rows')} choices={[...new Set(of.columns)].filter((id) => id !== '').map((id) => ({ id, name: t('over {column}', { column: id }) }))} onChange={(next) => change({ across: next })} />
          </>
        )}
      </div>
      {kind !== null && up === '' && <p class="muted">{t('No column of these rows has numbers alone: there is nothing to draw.')}</p>}
      {chart && kind !== null && <Drawn chart={chart} kind={kind} slots={chart.points.length + chart.without} title={across === '' ? up : t('{numbers} over {column}', { numbers: up, column: across })} />}
    </>
  );
}
