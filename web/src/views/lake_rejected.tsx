// What a table's contract rejected: by reason and by run, over time, and some of the rows as whoever asks may see them.
import { useState } from 'preact/hooks';
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
import { useMay } from '../lib/may';
import { actionName, sentColumns, type OrderAction, type RowChoice } from '../lib/orders';
import { byReason, byRun, type Rejected } from '../lib/quarantine';
import { t } from '../lib/words';
import { cutWords, RowsTable } from './lake_rows';
import { QuarantineOrderDialog } from './quarantine_order';

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

interface SampleProps {
  of: LakeKey;
  version: number | null;
  reason: string | null;
  run: string | null;
  onOrder: (order: Ordered) => void;
}

interface Ordered {
  action: OrderAction;
  choice: RowChoice;
  columns: readonly string[];
}

// With the right to it, what is done with those that were chosen, or with all that are meant by reason and run.
function Orders({ of, reason, run, columns, picked, onOrder }: Omit<SampleProps, 'version'> & { columns: readonly string[]; picked: readonly string[] }) {
  const canDiscard = useMay('edit', `lake:${of.domain}/quarantine`);
  const canPublish = useMay('edit', `lake:${of.domain}/silver`);
  const offered = (['repair', 'replay', 'discard'] as const).filter((one) => canDiscard && (one === 'discard' || canPublish));
  if (offered.length === 0) return null;
  return (
    <div class="bulk-bar">
      <span>{picked.length > 0 ? t('{count} chosen', { count: number(picked.length) }) : reason === null && run === null ? t('All open rows') : t('All open rows of this reason and run')}</span>
      {offered.map((one) => (
        <button key={one} type="button" class="button" onClick={() => onOrder({ action: one, choice: { rows: picked, reason, run }, columns })}>
          {actionName(one)}…
        </button>
      ))}
    </div>
  );
}

function Sample({ of, version, reason, run, onOrder }: SampleProps) {
  const [picked, setPicked] = useState<{ scope: string; ids: readonly string[] }>({ scope: '', ids: [] });
  const scope = `${version ?? ''} ${reason ?? ''} ${run ?? ''}`;
  const ids = picked.scope === scope ? picked.ids : [];
  const picksOf = (columns: readonly string[]) =>
    columns.includes('_row_id')
      ? {
          column: columns.indexOf('_row_id'),
          has: (id: string) => ids.includes(id),
          pick: (id: string, on: boolean) => setPicked({ scope, ids: on ? [...ids, id] : ids.filter((one) => one !== id) }),
        }
      : undefined;
  const rows = useResource((signal) => api.quarantinedRows(of, { reason: reason ?? undefined, run_id: run ?? undefined, limit: shownRows }, signal), [of.domain, of.table, version, reason, run]);
  return (
    <Loaded of={rows}>
      {(data) => (
        <>
          {data.masked.length > 0 && <p class="muted lake-note">{t('Masked for you: {columns}', { columns: data.masked.join(', ') })}</p>}
          {data.rows.length > 0 && <Orders of={of} reason={reason} run={run} columns={sentColumns(data.columns, data.masked)} picked={ids} onOrder={onOrder} />}
          {data.rows.length === 0 ? <Empty>{t('No row was rejected for this reason in this run.')}</Empty> : <RowsTable of={data} picks={picksOf(data.columns)} />}
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
  // Outside what is read again: an order that was carried out changes the table, and is told of before it is closed.
  const [order, setOrder] = useState<Ordered | null>(null);
  const close = () => {
    setOrder(null);
    told.reload();
  };
  return (
    <>
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
              <Sample of={of} version={version} reason={reason} run={run} onOrder={setOrder} />
            </>
          );
        }}
      </Loaded>
      {order && <QuarantineOrderDialog of={of} {...order} onClose={close} />}
    </>
  );
}
