// What was done and what happened, of all or of one DAG, narrowed by filters of the address.
import * as api from '../api/endpoints';
import type { EventLog } from '../api/types';
import { MoreFilters, TextFilter, TimeFilter } from '../components/list_filters';
import { Loaded } from '../components/loaded';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { usePage, useResource, useSearch } from '../lib/hooks';
import { instantOf } from '../lib/list_query';
import { dagLink, runLink } from '../lib/route';
import { t } from '../lib/words';

const size = 50;
const contains = (text: string | null) => (text ? `%${text}%` : undefined);

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
  { name: t('Extra'), cell: (entry) => (entry.extra ? <code class="value" tabIndex={0}>{entry.extra}</code> : '') },
];

/** Of one DAG where it is named. */
export function EventList({ dag }: { dag?: string }) {
  const [search] = useSearch();
  const [offset, move] = usePage(size);
  const query = {
    dag_id: dag,
    dag_id_pattern: dag === undefined ? contains(search.get('dag')) : undefined,
    event_pattern: contains(search.get('event')),
    owner_pattern: contains(search.get('user')),
    run_id_pattern: contains(search.get('in')),
    task_id_pattern: contains(search.get('of')),
    after: instantOf(search, 'from'),
    before: instantOf(search, 'to'),
  };
  const found = useResource((signal) => api.eventLogs({ ...query, limit: size, offset }, signal), [query, offset]);
  const names = ['event', 'user', 'dag', 'in', 'of', 'from', 'to'];
  const isNarrowed = names.some((name) => search.get(name));
  return (
    <>
      <div class="toolbar" role="search" aria-label={t('Event log')}>
        <TextFilter name="event" label={t('Search events')} />
        {dag === undefined && <TextFilter name="dag" label={t('Search DAGs')} />}
        <MoreFilters names={['user', 'in', 'of', 'from', 'to']} all={names}>
          <TextFilter name="user" label={t('By whom')} />
          <TextFilter name="in" label={t('Search runs')} />
          <TextFilter name="of" label={t('Search tasks')} />
          <TimeFilter name="from" label={t('From')} />
          <TimeFilter name="to" label={t('Until')} />
        </MoreFilters>
      </div>
      <Loaded of={found}>
        {({ rows, total }) => (
          <>
            <SimpleTable rows={rows} columns={columns} keyOf={(entry) => entry.event_log_id} empty={isNarrowed ? t('No event matches.') : offset > 0 ? t('Nothing is on this page.') : t('Nothing has happened yet.')} />
            <Pager offset={offset} limit={size} total={total} noun="event" onMove={move} />
          </>
        )}
      </Loaded>
    </>
  );
}

export function AuditView() {
  return (
    <Page title={t('Event log')}>
      <EventList />
    </Page>
  );
}
