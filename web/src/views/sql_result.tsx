// The rows of a statement: only those in sight are drawn, a long value is opened in a dialog, all of them are saved.
import { useMemo, useState } from 'preact/hooks';
import type { LakeSqlRows } from '../api/types';
import { Dialog } from '../components/dialog';
import { Icon } from '../components/icon';
import { Empty } from '../components/loaded';
import { ColumnHeads, fitsLine, kindsOf, lineLength, textOf } from '../components/row_cells';
import { number } from '../lib/format';
import { save } from '../lib/save';
import { csvOf, cutWords, jsonOf, type SqlResult } from '../lib/sql';
import { useScroll } from '../lib/use_scroll';
import { visibleWindow } from '../lib/window';
import { t } from '../lib/words';
import { SqlChartView } from './sql_chart';

const rowHeight = 34; // px, the same as in the css

function Value({ of, onOpen }: { of: unknown; onOpen: () => void }) {
  if (of === null || of === undefined) return <span class="muted">{t('empty')}</span>;
  const text = textOf(of);
  if (fitsLine(text)) return <span class="lake-value">{text}</span>;
  return (
    <span class="lake-long">
      <span class="lake-value" title={text.slice(0, 1000)}>
        {text.slice(0, 200)}
      </span>
      <button type="button" class="icon-button" aria-label={t('Show all of it')} title={t('Show all of it')} onClick={onOpen}>
        <Icon name="unfold" />
      </button>
    </span>
  );
}

// A column is as wide as its longest value, so that it does not move while one scrolls.
function widths({ columns, rows }: SqlResult): number[] {
  return columns.map((name, at) => {
    let most = name.length;
    for (const row of rows) if (row[at] !== null && row[at] !== undefined) most = Math.max(most, Math.min(lineLength, textOf(row[at]).length));
    return Math.min(lineLength, most) * 9 + 28;
  });
}

function Rows({ of, onOpen }: { of: SqlResult; onOpen: (row: number, column: number) => void }) {
  const { box, scroll } = useScroll();
  const wide = useMemo(() => widths(of), [of]);
  const kinds = useMemo(() => kindsOf(of.columns, of.rows), [of]);
  const { first, last, before, after } = visibleWindow(of.rows.length, rowHeight, scroll.top, scroll.height);
  const space = (height: number) =>
    height > 0 && (
      <tr aria-hidden="true" class="sql-space">
        <td colSpan={of.columns.length + 1}>
          <svg class="spacer" width="1" height={height} />
        </td>
      </tr>
    );
  return (
    <div class="table-box lake-rows sql-rows" ref={box} role="region" aria-label={t('Rows')} tabIndex={0}>
      <table class="table" aria-rowcount={of.rows.length + 1}>
        <colgroup>
          <col width={60} />
          {wide.map((one, at) => (
            <col key={at} width={one} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" class="number">
              {t('Row')}
            </th>
            <ColumnHeads names={of.columns} kinds={kinds} />
          </tr>
        </thead>
        <tbody>
          {space(before)}
          {of.rows.slice(first, last).map((row, at) => (
            <tr key={first + at} aria-rowindex={first + at + 2}>
              <td class="number muted">{number(first + at + 1)}</td>
              {of.columns.map((_, column) => (
                <td key={column} class={kinds[column]}>
                  <Value of={row[column]} onOpen={() => onOpen(first + at, column)} />
                </td>
              ))}
            </tr>
          ))}
          {space(after)}
        </tbody>
      </table>
    </div>
  );
}

export function SqlResultView({ data }: { data: LakeSqlRows }) {
  const [open, setOpen] = useState<{ row: number; column: number } | null>(null);
  const of = data as unknown as SqlResult & LakeSqlRows;
  const seconds = (data.milliseconds / 1000).toFixed(1);
  return (
    <section aria-label={t('Result')}>
      {data.cut && (
        <p class="notice notice-warning" role="status">
          {cutWords(data)}
        </p>
      )}
      <div class="sql-told">
        <p class="muted" role="status">
          {t('{count} rows in {seconds} s', { count: number(data.row_count), seconds })}
          {data.tables.length > 0 && ` · ${t('read')} ${data.tables.map((one) => `${one.table} (${t('Version {version}', { version: one.version })})`).join(', ')}`}
        </p>
        <div class="sql-saves">
          <button type="button" class="button" onClick={() => save(new Blob([csvOf(of)], { type: 'text/csv' }), 'rows.csv')}>
            <Icon name="download" /> CSV
          </button>
          <button type="button" class="button" onClick={() => save(new Blob([jsonOf(of)], { type: 'application/json' }), 'rows.json')}>
            <Icon name="download" /> JSON
          </button>
        </div>
      </div>
      {data.row_count === 0 && !data.cut && <Empty>{t('The statement gave no rows.')}</Empty>}
      <SqlChartView of={of} />
      {data.row_count > 0 && <Rows of={of} onOpen={(row, column) => setOpen({ row, column })} />}
      {open && (
        <Dialog title={t('{column}, row {row}', { column: data.columns[open.column] ?? '', row: number(open.row + 1) })} onClose={() => setOpen(null)}>
          <pre class="sql-value" tabIndex={0}>
            {textOf(of.rows[open.row]?.[open.column])}
          </pre>
        </Dialog>
      )}
    </section>
  );
}
