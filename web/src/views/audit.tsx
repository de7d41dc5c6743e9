import * as api from '../api/endpoints';
import type { EventLog } from '../api/types';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { At } from '../components/time';
import { dagLink, runLink } from '../lib/route';
import { t } from '../lib/words';

function About({ entry }: { entry: EventLog }) {
  if (!entry.dag_id) return null;
  const href = entry.run_id ? runLink(entry.dag_id, entry.run_id, entry.task_id) : dagLink(entry.dag_id);
  const words = [entry.dag_id, entry.run_id, entry.task_id].filter((word) => word !== null);
  return <a href={href}>{words.join(' / ')}</a>;
}

const columns: readonly Column<EventLog>[] = [
  { name: t('When'), cell: (entry) => <At at={entry.when} /> },
  { name: t('Event'), cell: (entry) => <strong>{entry.event}</strong> },
  { name: t('By'), cell: (entry) => entry.owner ?? '' },
  { name: t('About'), cell: (entry) => <About entry={entry} /> },
  { name: t('Extra'), cell: (entry) => (entry.extra ? <code class="value">{entry.extra}</code> : '') },
];

export function AuditView() {
  return (
    <Page title={t('Event log')}>
      <PagedTable
        read={api.eventLogs}
        columns={columns}
        keyOf={(entry) => entry.event_log_id}
        empty={t('Nothing has happened yet.')}
        noun="event"
      />
    </Page>
  );
}
