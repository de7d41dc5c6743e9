import * as api from '../api/endpoints';
import type { Group } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { EditedList } from '../components/edited_list';
import type { Column } from '../components/simple_table';
import type { EditField } from '../lib/edit_form';
import { t } from '../lib/words';

const columns: readonly Column<Group>[] = [
  { name: t('Group'), cell: (group) => <strong>{group.name}</strong> },
  { name: t('Description'), cell: (group) => group.description },
  { name: t('Roles'), cell: (group) => group.roles.join(', ') },
  { name: t('Users'), cell: (group) => group.users.join(', ') },
];

const fields: readonly EditField[] = [
  { name: 'description', title: t('Description'), kind: 'area' },
  { name: 'roles', title: t('Roles'), kind: 'lines', hint: t('Names, one a line: everybody in the group has their rights beside those of their own role.') },
  { name: 'users', title: t('Users'), kind: 'lines', hint: t('Names, one a line.') },
];

function GroupForm({ group, ...rest }: { group: Group | null; onClose: () => void; onDone: () => void }) {
  if (group === null) return <EditDialog title={t('New group')} fields={() => [{ name: 'name', title: t('Name'), kind: 'text', required: true, isKey: true }, ...fields]} before={null} save={api.groups.create} {...rest} />;
  return (
    <EditDialog
      title={t('Group {name}', { name: group.name })}
      fields={() => fields}
      before={{ description: group.description, roles: group.roles.join('\n'), users: group.users.join('\n') }}
      save={(body) => api.groups.change(group.name, body)}
      {...rest}
    />
  );
}

export function AccessGroups() {
  return (
    <EditedList
      read={api.groups.list}
      columns={columns}
      nameOf={(one) => one.name}
      empty={t('No groups. A group gives several users the same roles.')}
      noun="group"
      resource="admin:roles"
      add={t('New group…')}
      remove={(one) => api.groups.remove(one.name)}
      removeText={t('Its users lose what only the group gave them, at once.')}
      form={(group, onClose, onDone) => <GroupForm group={group} onClose={onClose} onDone={onDone} />}
    />
  );
}
