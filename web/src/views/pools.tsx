import * as api from '../api/endpoints';
import type { Pool } from '../api/types';
import { Page } from '../components/page';
import { EditDialog } from '../components/edit_dialog';
import { EditedList } from '../components/edited_list';
import type { Column } from '../components/simple_table';
import type { EditField } from '../lib/edit_form';
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

const slots: EditField = { name: 'slots', title: t('Slots'), kind: 'integer', required: true, hint: t('How many tasks of the pool may be queued or running at once; -1 for no limit.') };
const description: EditField = { name: 'description', title: t('Description'), kind: 'area' };
const ofNew: readonly EditField[] = [{ name: 'name', title: t('Name'), kind: 'text', required: true, isKey: true }, slots, description];

function PoolForm({ pool, ...rest }: { pool: Pool | null; onClose: () => void; onDone: () => void }) {
  if (pool === null) return <EditDialog title={t('New pool')} fields={() => ofNew} before={null} save={api.pools.create} {...rest} />;
  return (
    <EditDialog
      title={t('Pool {name}', { name: pool.name })}
      fields={() => [slots, description]}
      before={{ slots: String(pool.slots), description: pool.description ?? '' }}
      save={(body) => api.pools.change(pool.name, body)}
      {...rest}
    />
  );
}

export function PoolsView() {
  return (
    <Page title={t('Pools')}>
      <EditedList
        read={api.pools.list}
        columns={columns}
        nameOf={(one) => one.name}
        empty={t('No pools.')}
        noun="pool"
        everyMs={refreshMs}
        resource="admin:pools"
        add={t('New pool…')}
        remove={(one) => (one.name === 'default_pool' ? Promise.reject(new Error(t('Every installation has this pool: it cannot be deleted.'))) : api.pools.remove(one.name))}
        removeText={t('Tasks that name it wait until there is a pool of that name again.')}
        form={(pool, onClose, onDone) => <PoolForm pool={pool} onClose={onClose} onDone={onDone} />}
      />
    </Page>
  );
}
