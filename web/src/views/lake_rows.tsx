// Some rows of a table, of any version that is kept. They are read when they are asked for, by a process of their own.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeKey, LakeRows } from '../api/types';
import { Choice } from '../components/choice';
import { Icon } from '../components/icon';
import { NumberFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { ColumnHeads, fitsLine, kindsOf, textOf } from '../components/row_cells';
import { countOf } from '../lib/address';
import { number } from '../lib/format';
import { useResource, useSearch } from '../lib/hooks';
import { numberProblem } from '../lib/list_query';
import { t } from '../lib/words';
import { UpkeepButtons } from './lake_upkeep';

const usualRows = 50;
const amounts = [10, 200, 1000];

// A row is a line: a hash or a text that has no room in it is cut by the style sheet, and opened by its button.
function Value({ of }: { of: unknown }) {
  const [isOpen, setOpen] = useState(false);
  if (of === null || of === undefined) return <span class="muted">{t('empty')}</span>;
  const text = textOf(of);
  if (fitsLine(text)) return <span class="lake-value">{text}</span>;
  const words = isOpen ? t('Show less of it') : t('Show all of it');
  return (
    <span class="lake-long">
      <span class={`lake-value ${isOpen ? 'is-open' : ''}`} title={isOpen ? undefined : text}>
        {text}
      </span>
      <button type="button" class="icon-button" aria-expanded={isOpen} aria-label={words} title={words} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? 'fold' : 'unfold'} />
      </button>
    </span>
  );
}

/** Rows that can be chosen, by the text in one of their columns. */
export interface RowPicks {
  column: number;
  has: (id: string) => boolean;
  pick: (id: string, on: boolean) => void;
}

function PickCell({ id, picks }: { id: unknown; picks: RowPicks }) {
  return (
    <td class="cell-pick">
      {typeof id === 'string' && <input type="checkbox" checked={picks.has(id)} aria-label={t('Choose {run}', { run: id })} onChange={(event) => picks.pick(id, event.currentTarget.checked)} />}
    </td>
  );
}

export function RowsTable({ of, picks }: { of: Pick<LakeRows, 'columns' | 'rows'>; picks?: RowPicks | undefined }) {
  const rows = of.rows as unknown[][];
  const kinds = kindsOf(of.columns, rows);
  return (
    <div class="table-box lake-rows" role="region" aria-label={t('Rows')} tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            {picks && (
              <th scope="col">
                <span class="visually-hidden">{t('Chosen')}</span>
              </th>
            )}
            <ColumnHeads names={of.columns} kinds={kinds} />
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {picks && <PickCell id={row[picks.column]} picks={picks} />}
              {row.map((value, column) => (
                <td key={column} class={kinds[column]}>
                  <Value of={value} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function cutWords(rows: LakeRows): string {
  const values = { count: number(rows.rows.length) };
  return rows.cut_by === 'bytes' ? t('The first {count} rows: more of them are too large for this page.', values) : t('The first {count} rows: the table has more.', values);
}

function Sample({ of, version, newest, limit }: { of: LakeKey; version: number | undefined; newest: number | null; limit: number }) {
  const rows = useResource((signal) => api.lakeRows(of, version, limit, signal), [of.layer, of.domain, of.table, version ?? newest, limit]);
  return (
    <Loaded of={rows}>
      {(data) => (
        <>
          {data.version !== null && <p class="muted lake-note">{t('Version {version}', { version: data.version })}</p>}
          {data.rows.length === 0 ? <Empty>{t('This version has no rows.')}</Empty> : <RowsTable key={data.version} of={data} />}
          {data.cut && <p class="muted lake-note">{cutWords(data)}</p>}
        </>
      )}
    </Loaded>
  );
}

const formats = [
  ['parquet', 'Parquet'],
  ['csv', 'CSV'],
  ['jsonl', 'JSON'],
] as const;

/** All rows, not only those that are shown. Refused, the reason stands in the tab that was opened. */
function Downloads({ of, version }: { of: LakeKey; version: number | undefined }) {
  return (
    <div class="toolbar">
      <span class="muted">{t('All rows of it as a file:')}</span>
      {formats.map(([format, name]) => (
        <a key={format} class="button" href={api.lakeExportUrl(of, format, version)} target="_blank" rel="noopener">
          {name}
        </a>
      ))}
    </div>
  );
}

export function LakeRowsView({ of, newest, onChanged }: { of: LakeKey; newest: number | null; onChanged: () => void }) {
  const [search, change] = useSearch();
  const text = search.get('version') ?? '';
  const isVersion = numberProblem(text, 0, true) === undefined;
  const wanted = countOf(search, 'limit', usualRows);
  const isOlder = isVersion && text !== '' && newest !== null && Number(text) < newest;
  const limit = amounts.includes(wanted) ? wanted : usualRows;
  return (
    <>
      <div class="toolbar">
        <NumberFilter name="version" label={t('Of the version')} isWhole />
        <Choice
          label={t('How many rows')}
          value={limit === usualRows ? '' : String(limit)}
          all={t('{count} rows', { count: usualRows })}
          choices={amounts.map((one) => ({ id: String(one), name: t('{count} rows', { count: number(one) }) }))}
          onChange={(next) => change({ limit: next })}
        />
        {isOlder && <UpkeepButtons key={text} of={of} asked={[{ action: 'restore', version: Number(text) }]} onDone={onChanged} />}
      </div>
      {/* Rows of another version than the one that was asked for would pass for its own. */}
      {isVersion && <Sample of={of} version={text === '' ? undefined : Number(text)} newest={newest} limit={limit} />}
      {isVersion && newest !== null && <Downloads of={of} version={text === '' ? undefined : Number(text)} />}
    </>
  );
}
