// What a table's contract rejected: by reason and by run, over time, and some of the rows as whoever asks may see them.
import * as api from '../api/endpoints';
import type { LakeKey } from '../api/types';
import { Choice } from '../components/choice';
import { Empty, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { VersionBars } from '../components/version_bars';
import { withSearch } from '../lib/address';
import { number } from '../lib/format';
import { useResource, useSearch } from '../lib/hooks';
import { byReason, byRun, type Rejected } from '../lib/quarantine';
import { t } from '../lib/words';
import { cutWords, RowsTable } from './lake_rows';

const shownRows = 50;
const shownVersions = 50;
const listedRuns = 100;

const columnsOf = (what: 'reason' | 'run', chosen: string | null): Column<Rejected>[] => [
  {
    name: what === 'reason' ? t('Reason') : t('Run'),
    cell: (one) => (
      <a href={withSearch(location.hash, { [what]: one.name === chosen ? null : one.name })} aria-current={one.name === chosen ? 'true' : undefined}>
        {one.name}
      </a>
    ),
  },
  { name: t('Rows'), number: true, cell: (one) => number(one.rows) },
  { name: what === 'reason' ? t('Runs') : t('Reasons'), number: true, cell: (one) => number(one.groups) },
  { name: t('First'), cell: (one) => <At at={one.first} /> },
  { name: t('Last'), cell: (one) => <At at={one.last} /> },
];

function Growth({ of, version }: { of: LakeKey; version: number | null }) {
  const page = useResource((signal) => api.lakeVersions(of, { limit: shownVersions, offset: 0 }, signal), [of.domain, of.table, version]);
  return page.data ? <VersionBars versions={[...page.data.rows].reverse()} /> : null;
}

function Sample({ of, version, reason, run }: { of: LakeKey; version: number | null; reason: string | null; run: string | null }) {
  const rows = useResource((signal) => api.quarantinedRows(of, { reason: reason ?? undefined, run_id: run ?? undefined, limit: shownRows }, signal), [of.domain, of.table, version, reason, run]);
  return (
    <Loaded of={rows}>
      {(data) => (
        <>
          {data.masked.length > 0 && <p class="muted lake-note">{t('Masked for you: {columns}', { columns: data.masked.join(', ') })}</p>}
          {data.rows.length === 0 ? <Empty>{t('No row was rejected for this reason in this run.')}</Empty> : <RowsTable of={data} />}
          {data.cut && <p class="muted lake-note">{cutWords(data)}</p>}
        </>
      )}
    </Loaded>
  );
}

export function LakeRejectedView({ of, version }: { of: LakeKey; version: number | null }) {
  const [search, change] = useSearch();
  const [reason, run] = [search.get('reason'), search.get('run')];
  const told = useResource((signal) => api.lakeQuarantine(of, signal), [of.domain, of.table, version]);
  return (
    <Loaded of={told}>
      {({ groups, more }) => {
        if (groups.length === 0) return <Empty>{t('No row is in quarantine any more.')}</Empty>;
        const [reasons, runs] = [byReason(groups), byRun(groups)];
        const choices = (of: readonly Rejected[]) => of.slice(0, listedRuns).map((one) => ({ id: one.name, name: `${one.name} (${number(one.rows)})` }));
        return (
          <>
            <Growth of={of} version={version} />
            <SimpleTable rows={reasons} columns={columnsOf('reason', reason)} keyOf={(one) => one.name} empty="" />
            {more && <p class="muted lake-note">{t('There are older reasons and runs than these.')}</p>}
            <details class="lake-note">
              <summary>{t('By run ({count})', { count: number(runs.length) })}</summary>
              <SimpleTable rows={runs.slice(0, listedRuns)} columns={columnsOf('run', run)} keyOf={(one) => one.name} empty="" />
              {runs.length > listedRuns && <p class="muted">{t('{shown} of {all} are shown.', { shown: number(listedRuns), all: number(runs.length) })}</p>}
            </details>
            <h2>{t('Rows as they were sent, the newest first')}</h2>
            <div class="toolbar">
              <Choice label={t('Reason')} value={reason ?? ''} all={t('All reasons')} choices={choices(reasons)} onChange={(next) => change({ reason: next })} />
              <Choice label={t('Run')} value={run ?? ''} all={t('All runs')} choices={choices(runs)} onChange={(next) => change({ run: next })} />
            </div>
            <Sample of={of} version={version} reason={reason} run={run} />
          </>
        );
      }}
    </Loaded>
  );
}
