import * as api from '../api/endpoints';
import type { Role } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { EditedList } from '../components/edited_list';
import type { Column } from '../components/simple_table';
import type { EditField } from '../lib/edit_form';
import { t } from '../lib/words';

const columns: readonly Column<Role>[] = [
  { name: t('Role'), cell: (role) => <strong>{role.name}</strong> },
  { name: t('Description'), cell: (role) => role.description },
  {
    name: t('Rights'),
    cell: (role) => (
      <ul class="plain-list">
        {role.grants.map((grant) => (
          <li key={grant}>
            <code>{grant}</code>
          </li>
        ))}
      </ul>
    ),
  },
];

const description: EditField = { name: 'description', title: t('Description'), kind: 'area' };
const grants: EditField = { name: 'grants', title: t('Rights'), kind: 'lines', required: true, hint: t('One a line: an action (read, trigger, create, edit, delete or *) and a resource, such as "trigger dag:sales_*", "read lake:finance/*" or "edit admin:pools".') };

function RoleForm({ role, ...rest }: { role: Role | null; onClose: () => void; onDone: () => void }) {
  if (role === null) return <EditDialog title={t('New role')} fields={() => [{ name: 'name', title: t('Name'), kind: 'text', required: true, isKey: true }, description, grants]} before={null} save={api.roles.create} {...rest} />;
  return (
    <EditDialog
      title={t('Role {name}', { name: role.name })}
      fields={() => [description, grants]}
      before={{ description: role.description, grants: role.grants.join('\n') }}
      save={(body) => api.roles.change(role.name, body)}
      {...rest}
    />
  );
}

export function AccessRoles() {
  return (
    <EditedList
      read={api.roles.list}
      columns={columns}
      nameOf={(one) => one.name}
      empty={t('No roles.')}
      noun="role"
      resource="admin:roles"
      add={t('New role…')}
      isFixed={(one) => one.built_in}
      remove={(one) => api.roles.remove(one.name)}
      removeText={t('A role that a user or a group has cannot be deleted.')}
      form={(role, onClose, onDone) => <RoleForm role={role} onClose={onClose} onDone={onDone} />}
    />
  );
}
