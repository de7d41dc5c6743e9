// The assets of a run: the events that it took, and those that its tasks told.
import type { ComponentChildren } from 'preact';
import * as api from '../api/endpoints';
import type { AssetEvent, AssetEvents } from '../api/types';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { assetLink, runLink } from '../lib/route';
import { t } from '../lib/words';

const most = 100;

const asset: Column<AssetEvent> = { name: t('Asset'), cell: (one) => <a href={assetLink(one.asset_id)}>{one.name}</a> };
const shared: readonly Column<AssetEvent>[] = [
  { name: t('When'), cell: (one) => <At at={one.timestamp} /> },
  { name: t('Partition'), cell: (one) => one.partition_key ?? '–' },
];
const teller = ({ source_dag_id: dag, source_run_id: run, source_task_id: task }: AssetEvent): ComponentChildren =>
  dag !== null && run !== null ? <a href={runLink(dag, run, task)}>{[dag, task].filter(Boolean).join('.')}</a> : t('somebody, over the API');
const taken: readonly Column<AssetEvent>[] = [asset, { name: t('Told by'), cell: teller }, ...shared];
const told: readonly Column<AssetEvent>[] = [asset, { name: t('Task'), cell: (one) => one.source_task_id ?? '–' }, ...shared];

function Events({ page, columns, empty }: { page: AssetEvents; columns: readonly Column<AssetEvent>[]; empty: string }) {
  const left = page.total_entries - Math.min(most, page.asset_events.length);
  return (
    <>
      <SimpleTable rows={page.asset_events.slice(0, most)} columns={columns} keyOf={(one) => one.id} empty={empty} />
      {left > 0 && <p class="muted">{t('and {count} more', { count: number(left) })}</p>}
    </>
  );
}

export function RunAssets({ dag, run }: { dag: string; run: string }) {
  const before = useResource((signal) => api.upstreamAssetEvents(dag, run, signal), [dag, run]);
  const behind = useResource((signal) => api.assetEvents({ source_dag_id: dag, source_run_id: run, limit: most, order_by: '-timestamp' }, signal), [dag, run]);
  return (
    <>
      <h2>{t('Events that it took')}</h2>
      <Loaded of={before}>{(page) => <Events page={page} columns={taken} empty={t('None: it was not started by assets.')} />}</Loaded>
      <h2>{t('Events that its tasks told')}</h2>
      <Loaded of={behind}>{(page) => <Events page={page} columns={told} empty={t('None: no task of it has changed an asset yet.')} />}</Loaded>
    </>
  );
}
