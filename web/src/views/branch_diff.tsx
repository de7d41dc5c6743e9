// What a table of a branch has otherwise than the version of the lake's that it left: rows by key, and some of them.
import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import * as api from '../api/endpoints';
import type { LakeBranchDiff as Diff, LakeBranchRow, LakeBranchTable } from '../api/types';
import { Fact } from '../components/fact';
import { ErrorBox, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { bytes, number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { t } from '../lib/words';

const shownRows = 50;
const count = (value: number | null) => (value === null ? '–' : number(value));
const kinds: Readonly<Record<string, string>> = { added: t('added'), removed: t('removed'), changed: t('changed') };
const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value) ?? '–');

function Values({ of }: { of: LakeBranchRow }) {
  return (
    <ul class="plain-list">
      {Object.entries(of.values as Record<string, { lake: unknown; branch: unknown }>).map(([column, { lake, branch }]) => (
        <li key={column}>
          {column}: {of.what !== 'added' && <del>{textOf(lake)}</del>} {of.what !== 'removed' && <ins>{textOf(branch)}</ins>}
        </li>
      ))}
    </ul>
  );
}

const columns: readonly Column<LakeBranchRow>[] = [
  { name: t('What'), cell: (one) => kinds[one.what] ?? one.what },
  {
    name: t('Key'),
    cell: (one) =>
      Object.entries(one.key)
        .map(([column, value]) => `${column} = ${textOf(value)}`)
        .join(', '),
  },
  { name: t('Values'), cell: (one) => <Values of={one} /> },
];

function Counts({ of }: { of: Diff }) {
  return (
    <dl class="facts">
      <Fact name={t('Rows added')}>{count(of.added)}</Fact>
      <Fact name={t('Rows removed')}>{count(of.removed)}</Fact>
      <Fact name={t('Rows changed')}>{count(of.changed)}</Fact>
      <Fact name={t('Rows alike')}>{count(of.unchanged)}</Fact>
      {of.lake && <Fact name={t('Rows in the lake')}>{`${count(of.lake.rows)}, ${bytes(of.lake.bytes)}`}</Fact>}
      <Fact name={t('Rows here')}>{`${count(of.on_branch.rows)}, ${bytes(of.on_branch.bytes)}`}</Fact>
      {of.key.length > 0 && <Fact name={t('Key')}>{of.key.join(', ')}</Fact>}
      {of.columns_added.length > 0 && <Fact name={t('Columns added')}>{of.columns_added.join(', ')}</Fact>}
      {of.columns_removed.length > 0 && <Fact name={t('Columns removed')}>{of.columns_removed.join(', ')}</Fact>}
      {of.masked.length > 0 && <Fact name={t('Masked for you')}>{of.masked.join(', ')}</Fact>}
    </dl>
  );
}

export function BranchDiff({ branch, of }: { branch: string; of: LakeBranchTable }) {
  const [key, setKey] = useState('');
  const [typed, type] = useState('');
  const diff = useResource((signal) => api.branchDiff(branch, { table: of.table, key: key === '' ? undefined : key.split(',').map((one) => one.trim()), limit: shownRows }, signal), [branch, of.table, of.version, key]);
  const asksKey = diff.error instanceof ApiError && diff.error.fields.some((one) => one.loc.includes('key'));
  return (
    <section class="lake-panel" aria-label={t('What differs in {table}', { table: of.table })}>
      <h2>{t('What differs in {table}', { table: of.table })}</h2>
      {(asksKey || key !== '') && (
        <form
          class="toolbar"
          onSubmit={(event) => {
            event.preventDefault();
            setKey(typed.trim());
          }}
        >
          <label class="small-field">
            <span class="muted">{t('Columns of its key, by commas')}</span>
            <input value={typed} onInput={(event) => type(event.currentTarget.value)} />
          </label>
          <button class="button">{t('Compare')}</button>
        </form>
      )}
      {asksKey && diff.error && <ErrorBox error={diff.error} />}
      {!asksKey && (
        <Loaded of={diff}>
          {(data) => (
            <>
              <Counts of={data} />
              <SimpleTable rows={data.rows} columns={columns} keyOf={(one) => JSON.stringify([one.what, one.key])} empty={data.lake === null ? t('The lake has no such table: all of its rows are new.') : t('No row differs.')} />
              {data.cut && <p class="muted lake-note">{t('The first {count} are shown, there are more.', { count: number(data.rows.length) })}</p>}
            </>
          )}
        </Loaded>
      )}
    </section>
  );
}
