// What the server must still publish or send, and what it gave up: tried again at once, or, of an alert, forgotten.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { OutboxRow } from '../api/types';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { number } from '../lib/format';
import { useApp, useSearch } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

const refreshMs = 5000;
const kinds: Readonly<Record<string, string>> = { publish: t('Publication'), alert: t('Alert'), lineage: t('Lineage'), trace: t('Trace') };

const columns: readonly Column<OutboxRow>[] = [
  { name: t('Kind'), cell: (one) => <strong>{kinds[one.kind] ?? one.kind}</strong> },
  { name: t('Of what'), cell: (one) => <span class="mono">{one.key}</span> },
  { name: t('Since'), cell: (one) => <Ago at={one.created_at} /> },
  { name: t('Tries'), number: true, cell: (one) => number(one.tries) },
  { name: t('Next try'), cell: (one) => (one.dead ? t('given up') : <Ago at={one.next_try_at} />) },
  { name: t('Last error'), cell: (one) => (one.last_error === null ? '–' : <span class="lake-problem">{one.last_error}</span>) },
];

export function Outbox() {
  const { notify } = useApp();
  const mayEdit = useMay('edit', 'admin:outbox');
  const [search, change] = useSearch();
  const isDead = search.get('dead') === 'yes';
  const [dropping, drop] = useState<OutboxRow | null>(null);
  const [stamp, setStamp] = useState(0);
  const reread = () => setStamp((old) => old + 1);
  const retry = (of: OutboxRow) =>
    api.changeOutbox(of.id, 'retry').then(
      () => {
        notify(t('It is tried now.'));
        reread();
      },
      (error: unknown) => notify((error as Error).message, 'error'),
    );
  const acts: Column<OutboxRow> = {
    name: t('Actions'),
    cell: (one) => (
      <span class="row-acts">
        <button type="button" class="link-button" aria-label={t('Try now: {name}', { name: one.key })} onClick={() => void retry(one)}>
          {t('Try now')}
        </button>
        {one.kind === 'alert' && (
          <button type="button" class="link-button" aria-label={t('Forget {name}', { name: one.key })} onClick={() => drop(one)}>
            {t('Forget…')}
          </button>
        )}
      </span>
    ),
  };
  return (
    <>
      <p class="muted">{t('What is done in the store and still to be published in the lake, or sent to others. It is tried again by itself, later each time.')}</p>
      <div class="toolbar">
        <label class="check">
          <input type="checkbox" checked={isDead} onChange={(event) => change({ dead: event.currentTarget.checked ? 'yes' : null, page: null })} />
          <span>{t('Only what was given up')}</span>
        </label>
      </div>
      <PagedTable
        key={String(isDead)}
        read={(page, signal) => api.outbox({ ...page, dead: isDead || undefined }, signal)}
        columns={mayEdit ? [...columns, acts] : columns}
        keyOf={(one) => one.id}
        empty={isDead ? t('Nothing was given up.') : t('Nothing waits: all is published and sent.')}
        noun="message"
        everyMs={refreshMs}
        stamp={stamp}
      />
      {dropping && (
        <ConfirmDialog title={t('Forget the alert {name}?', { name: dropping.key })} text={t('It is never sent.')} button={t('Forget it')} danger act={() => api.changeOutbox(dropping.id, 'drop')} onClose={() => drop(null)} onDone={reread} />
      )}
    </>
  );
}
