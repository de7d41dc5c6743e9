import * as api from '../api/endpoints';
import type { Connection } from '../api/types';
import { Loaded } from '../components/loaded';
import { Page } from '../components/page';
import { SimpleTable, type Column } from '../components/simple_table';
import { useResource } from '../lib/hooks';

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
  const connections = useResource((signal) => api.connections(signal), []);
  return (
    <Page title="Connections">
      <Loaded of={connections}>
        {(data) => (
          <SimpleTable
            rows={data.connections}
            columns={columns}
            keyOf={(one) => one.connection_id}
            empty="No connections."
          />
        )}
      </Loaded>
    </Page>
  );
}
