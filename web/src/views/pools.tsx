import * as api from '../api/endpoints';
import type { Pool } from '../api/types';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { t } from '../lib/words';

const refreshMs = 3000;

function Use({ pool }: { pool: Pool }) {
  const all = Math.max(1, pool.slots);
  const running = Math.min(100, (pool.running_slots / all) * 100);
  const queued = Math.min(100 - running, (pool.queued_slots / all) * 100);
  return (
    <svg class="use-bar" role="img" aria-label={t('{used} of {slots} slots in use', { used: pool.occupied_slots, slots: pool.slots })}>
      <rect class="use-all" width="100%" height="8" y="4" rx="4" />
      <rect class="use-part state-running" width={`${running}%`} height="8" y="4" rx="4" />
      <rect class="use-part state-queued" x={`${running}%`} width={`${queued}%`} height="8" y="4" rx="4" />
    </svg>
  );
}

const columns: readonly Column<Pool>[] = [
  { name: t('Pool'), cell: (pool) => <strong title={pool.description ?? undefined}>{pool.name}</strong> },
  { name: t('In use'), cell: (pool) => <Use pool={pool} /> },
  { name: t('Running'), number: true, cell: (pool) => pool.running_slots },
  { name: t('Queued'), number: true, cell: (pool) => pool.queued_slots },
  { name: t('Scheduled'), number: true, cell: (pool) => pool.scheduled_slots },
  { name: t('Open'), number: true, cell: (pool) => pool.open_slots },
  { name: t('Slots'), number: true, cell: (pool) => pool.slots },
];

export function PoolsView() {
  return (
    <Page title={t('Pools')}>
      <PagedTable read={api.pools} columns={columns} keyOf={(one) => one.name} empty={t('No pools.')} noun="pool" everyMs={refreshMs} />
    </Page>
  );
}
