// One table of the lake: what it has, where it came from, and what became of it.
import { ApiError } from '../api/client';
import * as api from '../api/endpoints';
import type { LakeKey, LakeTableDetails } from '../api/types';
import { Fact } from '../components/fact';
import { Empty, ErrorBox, Loaded } from '../components/loaded';
import { Tabs } from '../components/tabs';
import { Ago } from '../components/time';
import { TrustBadge, TrustReasons } from '../components/trust_badge';
import { withSearch } from '../lib/address';
import { bytes, number } from '../lib/format';
import { useLive, useResource, useThrottled, useTitle } from '../lib/hooks';
import { lakeLink } from '../lib/route';
import { t } from '../lib/words';
import { Freshness } from './lake';
import { LakeColumns } from './lake_columns';
import { LakeFiles } from './lake_files';
import { LakeLineageView } from './lake_lineage';
import { LakeQualityView } from './lake_quality';
import { LakeRejectedView } from './lake_rejected';
import { LakeRowsView } from './lake_rows';
import { Partitions } from './partitions';
import { LakeVersions } from './lake_versions';

const tabs = [
  { id: 'columns', label: t('Columns') },
  { id: 'versions', label: t('Versions') },
  { id: 'quality', label: t('Quality') },
  { id: 'lineage', label: t('Lineage') },
  { id: 'partitions', label: t('Partitions') },
  { id: 'rows', label: t('Some rows') },
  { id: 'files', label: t('Files') },
];

const rejected = { id: 'rejected', label: t('Rejected rows') };
const tabsOf = (of: LakeKey) => (of.layer === 'quarantine' ? [rejected, ...tabs] : tabs);

const go = (tab: string) => void (location.hash = withSearch(location.hash.split('?', 1)[0] ?? '', { tab }));

// Rows that the contract rejected on the way into this table; without the right to see any, or where there are none, nothing.
function Quarantined({ of }: { of: LakeTableDetails }) {
  const all = useResource((signal) => api.lakeQuarantines(signal), [of.version]);
  const own = all.data?.tables.find((one) => one.domain === of.domain && one.table === of.table);
  if (!own || own.rows === 0) return null;
  return (
    <Fact name={t('In quarantine')}>
      <a href={lakeLink({ ...own, layer: 'quarantine' })}>{own.rows === null ? t('Rejected rows') : t('{count} rows', { count: number(own.rows) })}</a>
    </Fact>
  );
}

function Facts({ of }: { of: LakeTableDetails }) {
  const contract = of.contract_details;
  return (
    <dl class="facts">
      <Fact name={t('Version')}>{of.version}</Fact>
      <Fact name={t('Changed')}>
        <Ago at={of.modified} /> <Freshness of={of} />
      </Fact>
      {of.trust && (
        <Fact name={t('Trust')}>
          <details class="trust-why">
            <summary>
              <TrustBadge of={of.trust} />
            </summary>
            <TrustReasons of={of.trust} />
          </details>
        </Fact>
      )}
      {of.layer === 'silver' && <Quarantined of={of} />}
      <Fact name={t('Rows')}>{of.rows === null ? t('unknown: a file has no statistics') : number(of.rows)}</Fact>
      <Fact name={t('Size')}>{bytes(of.bytes ?? 0)}</Fact>
      <Fact name={t('Files')}>{number(of.files ?? 0)}</Fact>
      {contract && (
        <Fact name={t('Contract')}>
          {t('{name}, version {version}', { name: contract.name, version: contract.version })}
        </Fact>
      )}
      {contract && contract.owners.length > 0 && <Fact name={t('Owner')}>{contract.owners.join(', ')}</Fact>}
      {contract && contract.tags.length > 0 && <Fact name={t('Tags')}>{contract.tags.join(', ')}</Fact>}
      {contract?.retention && <Fact name={t('Kept for')}>{contract.retention}</Fact>}
    </dl>
  );
}

function Panel({ of, table, tab, onChanged }: { of: LakeKey; table: LakeTableDetails; tab: string; onChanged: () => void }) {
  switch (tab) {
    case 'rejected':
      return <LakeRejectedView of={of} version={table.version} />;
    case 'versions':
      return <LakeVersions of={of} version={table.version} />;
    case 'quality':
      return <LakeQualityView of={of} version={table.version} />;
    case 'lineage':
      return <LakeLineageView of={of} version={table.version} names={table.columns.map((one) => one.name)} />;
    case 'partitions':
      return (
        <Partitions
          of={`${of.layer}/${of.domain}/${of.table} ${table.version ?? ''}`}
          read={(query, signal) => api.tablePartitions(of, query, signal)}
          empty={t('The table lies in no partitions, and no run of its DAGs was about one.')}
        />
      );
    case 'rows':
      return <LakeRowsView of={of} newest={table.version} onChanged={onChanged} />;
    case 'files':
      return <LakeFiles of={table} onChanged={onChanged} />;
    default:
      return <LakeColumns of={table} />;
  }
}

export function LakeTableView({ of, tab }: { of: LakeKey; tab: string }) {
  const table = useResource((signal) => api.lakeTable(of, signal), [of.layer, of.domain, of.table]);
  const reload = useThrottled(table.reload, 2000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(of.table);
  const offered = tabsOf(of);
  const current = offered.some((one) => one.id === tab) ? tab : (offered[0]?.id ?? '');
  const missing = table.error instanceof ApiError && table.error.status === 404;
  const about = table.data?.contract_details?.description ?? table.data?.description;
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/lake">{t('Lake')}</a>
        <a href={withSearch('#/lake', { domain: of.domain })}>{of.domain}</a>
        <a href={withSearch('#/lake', { domain: of.domain, layer: of.layer })}>{of.layer}</a>
      </nav>
      <div class="page-head">
        <h1>{of.table}</h1>
      </div>
      {missing && table.error ? (
        <>
          <ErrorBox error={table.error} onRetry={table.reload} />
          <Empty>{t('It may not have been published yet: its first version comes with the first run that succeeds.')}</Empty>
        </>
      ) : (
        <Loaded of={table}>
          {(data) => (
            <>
              {about && <p class="lead">{about}</p>}
              <Facts of={data} />
              <Tabs tabs={offered} current={current} label={t('About this table')} onChange={go} />
              <section class="lake-panel" aria-label={offered.find((one) => one.id === current)?.label}>
                <Panel of={of} table={data} tab={current} onChanged={table.reload} />
              </section>
            </>
          )}
        </Loaded>
      )}
    </>
  );
}
