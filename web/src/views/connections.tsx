import * as api from '../api/endpoints';
import type { Connection } from '../api/types';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { t } from '../lib/words';

// Passwords and extras are never asked for, so that they never stand in a page.
const columns: readonly Column<Connection>[] = [
  { name: t('Connection'), cell: (one) => <strong>{one.connection_id}</strong> },
  { name: t('Type'), cell: (one) => one.conn_type },
  { name: t('Host'), cell: (one) => one.host ?? '' },
  { name: t('Port'), number: true, cell: (one) => one.port ?? '' },
  { name: t('Login'), cell: (one) => one.login ?? '' },
  { name: t('Description'), cell: (one) => one.description ?? '' },
];

export function ConnectionsView() {
  return (
    <Page title={t('Connections')}>
      <PagedTable read={api.connections} columns={columns} keyOf={(one) => one.connection_id} empty={t('No connections.')} noun="connection" />
    </Page>
  );
}
