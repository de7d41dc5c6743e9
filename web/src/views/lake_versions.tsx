// The versions of a table: by which run, and how it grew.
import * as api from '../api/endpoints';
import type { LakeKey, LakeVersion } from '../api/types';
import { Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { VersionBars } from '../components/version_bars';
import { bytes, number } from '../lib/format';
import { usePage, useResource, useSearch } from '../lib/hooks';
import { lakeLink, runLink } from '../lib/route';
import { t } from '../lib/words';
import { versionOf } from '../lib/versions';
import { VersionDiff } from './version_diff';

const size = 50;
// As `batuta lake optimize|vacuum|restore` sign their versions, on the files and by a server.
const commandLine = 'command_line';
const byServer = 'server';
const count = (amount: number | null) => (amount === null ? '–' : number(amount));

/** The run and task that made something; of a DAG that one may not see nothing. The command line and orders have no run. */
export function Maker({ of }: { of: { dag_id: string | null; dag_run_id: string | null; task_id: string | null } }) {
  if (of.dag_id === null) return <span class="muted">–</span>;
  if (of.dag_run_id === null) return <span>{of.dag_id === commandLine ? t('Command line') : of.dag_id === byServer ? t('By order') : of.dag_id}</span>;
  return (
    <a href={runLink(of.dag_id, of.dag_run_id, of.task_id)}>
      {of.dag_id} · {of.dag_run_id}
      {of.task_id !== null && ` · ${of.task_id}`}
    </a>
  );
}

const columnsOf = (of: LakeKey): Column<LakeVersion>[] => [
  { name: t('Version'), number: true, cell: (one) => <a href={lakeLink(of, { tab: 'rows', version: String(one.version) })}>{one.version}</a> },
  { name: t('When'), cell: (one) => <At at={one.time} /> },
  { name: t('Made by'), cell: (one) => <Maker of={one} /> },
  { name: t('Operation'), cell: (one) => one.operation ?? '–' },
  { name: t('Rows added'), number: true, cell: (one) => count(one.rows_added) },
  { name: t('Rows removed'), number: true, cell: (one) => count(one.rows_removed) },
  { name: t('Rows then'), number: true, cell: (one) => count(one.rows) },
  { name: t('Size then'), number: true, cell: (one) => (one.bytes === null ? '–' : bytes(one.bytes)) },
  { name: t('Contract'), cell: (one) => one.contract_version ?? '–' },
  { name: t('What changed'), cell: (one) => (one.version === 0 ? '–' : <a href={lakeLink(of, { tab: 'versions', from: String(one.version - 1), to: String(one.version) })}>{t('since {version}', { version: one.version - 1 })}</a>) },
];

export function LakeVersions({ of, version }: { of: LakeKey; version: number | null }) {
  const [offset, move] = usePage(size);
  const [search] = useSearch();
  const [from, to] = [versionOf(search.get('from')), versionOf(search.get('to'))];
  const by = search.get('key') ?? '';
  const page = useResource((signal) => api.lakeVersions(of, { limit: size, offset }, signal), [of.layer, of.domain, of.table, offset, version]);
  return (
    <Loaded of={page}>
      {({ rows, total }) => (
        <>
          {from !== null && <VersionDiff key={`${from} ${to ?? ''} ${by}`} of={of} from={from} to={to ?? version} by={by} />}
          <VersionBars versions={[...rows].reverse()} />
          <SimpleTable rows={rows} columns={columnsOf(of)} keyOf={(one) => one.version} empty={t('Nothing is on this page.')} />
          <Pager offset={offset} limit={size} total={total} noun="version" onMove={move} />
        </>
      )}
    </Loaded>
  );
}
