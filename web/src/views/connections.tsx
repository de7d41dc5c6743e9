import * as api from '../api/endpoints';
import type { Connection } from '../api/types';
import { EditedList } from '../components/edited_list';
import { Page } from '../components/page';
import type { Column } from '../components/simple_table';
import { t } from '../lib/words';
import { ConnectionForm } from './connection_form';

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
      <EditedList
        read={api.connections.list}
        columns={columns}
        nameOf={(one) => one.connection_id}
        empty={t('No connections.')}
        noun="connection"
        resource="admin:connections"
        add={t('New connection…')}
        remove={(one) => api.connections.remove(one.connection_id)}
        removeText={t('Tasks and alerts that name it fail from then on.')}
        form={(connection, onClose, onDone) => <ConnectionForm connection={connection} onClose={onClose} onDone={onDone} />}
      />
    </Page>
  );
}
