// What one version of a table has otherwise than another: columns, rows by key or as wholes, and some of them.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeKey, LakeVersionDiff as Diff, LakeVersionRow as Row, LakeVersionSide } from '../api/types';
import { Fact } from '../components/fact';
import { Loaded } from '../components/loaded';
import { textOf } from '../components/row_cells';
import { SimpleTable, type Column } from '../components/simple_table';
import { withSearch } from '../lib/address';
import { jsonText } from '../lib/exact_json';
import { bytes, number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { lakeLink } from '../lib/route';
import { keyOf, versionPattern } from '../lib/versions';
import { t } from '../lib/words';

const shownRows = 50;
const longest = 200; // characters of a value
const count = (value: number | null) => (value === null ? '–' : number(value));
const kinds: Readonly<Record<string, string>> = { added: t('added'), removed: t('removed'), changed: t('changed') };
const short = (value: unknown) => {
  const text = value === null || value === undefined ? '–' : textOf(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
};

function Values({ of }: { of: Row }) {
  return (
    <ul class="plain-list">
      {Object.entries(of.values as Record<string, { from?: unknown; to?: unknown }>).map(([column, { from, to }]) => (
        <li key={column}>
          {column}: {of.what !== 'added' && <del>{short(from)}</del>} {of.what !== 'removed' && <ins>{short(to)}</ins>}
        </li>
      ))}
    </ul>
  );
}

const columnsOf = (hasKey: boolean): Column<Row>[] => [
  { name: t('What'), cell: (one) => kinds[one.what] ?? one.what },
  hasKey
    ? {
        name: t('Key'),
        cell: (one) =>
          Object.entries(one.key)
            .map(([column, value]) => `${column} = ${short(value)}`)
            .join(', '),
      }
    : { name: t('Times'), number: true, cell: (one) => number(one.times) },
  { name: t('Values'), cell: (one) => <Values of={one} /> },
];

const side = (of: LakeVersionSide) => t('{rows} rows in {files} files, {size}', { rows: count(of.rows), files: number(of.files), size: bytes(of.bytes) });

function Counts({ of }: { of: Diff }) {
  return (
    <dl class="facts">
      <Fact name={t('Rows added')}>{count(of.added)}</Fact>
      <Fact name={t('Rows removed')}>{count(of.removed)}</Fact>
      {of.key.length > 0 && <Fact name={t('Rows changed')}>{count(of.changed)}</Fact>}
      <Fact name={t('Rows alike')}>{count(of.unchanged)}</Fact>
      <Fact name={t('Version {version}', { version: of.from.version })}>{side(of.from)}</Fact>
      <Fact name={t('Version {version}', { version: of.to.version })}>{side(of.to)}</Fact>
      <Fact name={t('Read to compare')}>{bytes(of.bytes_compared)}</Fact>
      {of.key.length > 0 && <Fact name={t('Key')}>{of.key.join(', ')}</Fact>}
      {of.columns_added.length > 0 && <Fact name={t('Columns added')}>{of.columns_added.join(', ')}</Fact>}
      {of.columns_removed.length > 0 && <Fact name={t('Columns removed')}>{of.columns_removed.join(', ')}</Fact>}
      {of.columns_changed.length > 0 && <Fact name={t('Types changed')}>{of.columns_changed.map((one) => `${one.column}: ${one.from} → ${one.to}`).join(', ')}</Fact>}
      {of.masked.length > 0 && <Fact name={t('Masked for you')}>{of.masked.join(', ')}</Fact>}
    </dl>
  );
}

// What is no version is refused by the browser, at its box.
const versionBox = { inputMode: 'numeric', pattern: versionPattern, title: t('must be a whole number') } as const;

interface Props {
  of: LakeKey;
  from: number;
  to: number | null; // the newest
  by: string; // columns that tell rows apart, as they were typed; '' for those of the contract
}

export function VersionDiff({ of, from, to, by }: Props) {
  const [typed, setTyped] = useState({ from: String(from), to: to === null ? '' : String(to), key: by });
  const diff = useResource((signal) => api.lakeVersionDiff(of, { from, to: to ?? undefined, key: keyOf(by), limit: shownRows }, signal), [of.layer, of.domain, of.table, from, to, by]);
  const title = to === null ? t('What changed since version {from}', { from }) : t('What changed from version {from} to {to}', { from, to });
  const compare = (event: Event) => {
    event.preventDefault();
    location.hash = withSearch(location.hash, { from: typed.from, to: typed.to, key: typed.key.trim() });
  };
  const box = (name: 'from' | 'to' | 'key', label: string) => (
    <label class="small-field">
      <span class="muted">{label}</span>
      <input name={name} {...(name === 'key' ? {} : versionBox)} required={name === 'from'} value={typed[name]} onInput={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })} />
    </label>
  );
  return (
    <section class="version-diff" aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        <a href={lakeLink(of, { tab: 'versions' })}>{t('Close')}</a>
      </div>
      <form class="toolbar" onSubmit={compare}>
        {box('from', t('Version before'))}
        {box('to', t('Version behind'))}
        {box('key', t('Columns of its key, by commas'))}
        <button class="button">{t('Compare')}</button>
      </form>
      <Loaded of={diff}>
        {(data) => (
          <>
            <Counts of={data} />
            {data.not_compared === null ? (
              <SimpleTable rows={data.rows} columns={columnsOf(data.key.length > 0)} keyOf={(one) => jsonText([one.what, one.key, one.values])} empty={t('No row differs.')} />
            ) : (
              <p class="notice notice-warning">{data.not_compared}</p>
            )}
            {data.cut && <p class="muted lake-note">{t('The first {count} are shown, there are more.', { count: number(data.rows.length) })}</p>}
          </>
        )}
      </Loaded>
    </section>
  );
}
