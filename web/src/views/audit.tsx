import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { EventLog } from '../api/types';
import { Loaded } from '../components/loaded';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { useResource } from '../lib/hooks';
import { dagLink, runLink } from '../lib/route';

const pageSize = 50;

function About({ entry }: { entry: EventLog }) {
  if (!entry.dag_id) return null;
  const href = entry.run_id ? runLink(entry.dag_id, entry.run_id, entry.task_id) : dagLink(entry.dag_id);
  const words = [entry.dag_id, entry.run_id, entry.task_id].filter((word) => word !== null);
  return <a href={href}>{words.join(' / ')}</a>;
}

const columns: readonly Column<EventLog>[] = [
  { name: 'When', cell: (entry) => <At at={entry.when} /> },
  { name: 'Event', cell: (entry) => <strong>{entry.event}</strong> },
  { name: 'By', cell: (entry) => entry.owner ?? '' },
  { name: 'About', cell: (entry) => <About entry={entry} /> },
  { name: 'Extra', cell: (entry) => (entry.extra ? <code class="value">{entry.extra}</code> : '') },
];

export function AuditView() {
  const [offset, setOffset] = useState(0);
  const entries = useResource(
    (signal) => api.eventLogs({ limit: pageSize, offset, order_by: '-event_log_id' }, signal),
    [offset],
  );
  return (
    <Page title="Event log">
      <Loaded of={entries}>
        {(data) => (
          <>
            <SimpleTable rows={data.event_logs} columns={columns} keyOf={(entry) => entry.event_log_id} empty="Nothing has happened yet." />
            <Pager offset={offset} limit={pageSize} total={data.total_entries} noun="event" onMove={setOffset} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
