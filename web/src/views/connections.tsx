import * as api from '../api/endpoints';
import type { Connection } from '../api/types';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';

// Passwords and extras are never asked for, so that they never stand in a page.
const columns: readonly Column<Connection>[] = [
  { name: 'Connection', cell: (one) => <strong>{one.connection_id}</strong> },
  { name: 'Type', cell: (one) => one.conn_type },
  { name: 'Host', cell: (one) => one.host ?? '' },
  { name: 'Port', number: true, cell: (one) => one.port ?? '' },
  { name: 'Login', cell: (one) => one.login ?? '' },
  { name: 'Description', cell: (one) => one.description ?? '' },
];

export function ConnectionsView() {
  return (
    <Page title="Connections">
      <PagedTable read={api.connections} columns={columns} keyOf={(one) => one.connection_id} empty="No connections." noun="connection" />
    </Page>
  );
}
