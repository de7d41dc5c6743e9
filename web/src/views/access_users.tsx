import * as api from '../api/endpoints';
import type { User } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { EditedList } from '../components/edited_list';
import type { Column } from '../components/simple_table';
import { At } from '../components/time';
import type { EditField } from '../lib/edit_form';
import { useResource } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';

const columns: readonly Column<User>[] = [
  { name: t('User'), cell: (user) => <strong>{user.username}</strong> },
  { name: t('Role'), cell: (user) => user.role },
  { name: t('Logs in by'), cell: (user) => user.provider ?? t('Password') },
  { name: t('Made'), cell: (user) => <At at={user.created_at} /> },
];

const password: EditField = { name: 'password', title: t('Password'), kind: 'password', hint: t('8 to 256 characters.') };

function UserForm({ user, ...rest }: { user: User | null; onClose: () => void; onDone: () => void }) {
  const mayRoles = useMay('read', 'admin:roles');
  const roles = useResource((signal) => (mayRoles ? api.roles.list({ limit: 1000, offset: 0 }, signal) : Promise.resolve(null)), [mayRoles]);
  const names = roles.data?.rows.map((one) => one.name) ?? ['none', 'viewer', 'operator', 'admin'];
  const role: EditField = { name: 'role', title: t('Role'), kind: 'choice', required: true, choices: names };
  if (user === null) {
    const fields: EditField[] = [{ name: 'username', title: t('User name'), kind: 'text', required: true, isKey: true }, role, { ...password, required: true }];
    return <EditDialog title={t('New user')} fields={() => fields} before={null} start={{ role: 'viewer' }} save={api.users.create} {...rest} />;
  }
  return (
    <EditDialog
      title={t('User {name}', { name: user.username })}
      fields={() => [role, { ...password, hint: t('8 to 256 characters; empty leaves it as it is. Another one ends the sessions and tokens of the user.') }]}
      before={{ role: user.role, password: '' }}
      save={(body) => api.users.change(user.username, body)}
      {...rest}
    />
  );
}

export function AccessUsers() {
  return (
    <EditedList
      read={api.users.list}
      columns={columns}
      nameOf={(one) => one.username}
      empty={t('No users.')}
      noun="user"
      resource="admin:users"
      add={t('New user…')}
      cannotChange={(one) => one.provider !== null} // the provider decides on role and password
      remove={(one) => api.users.remove(one.username)}
      removeText={t('Sessions and tokens of the user end at once.')}
      form={(user, onClose, onDone) => <UserForm user={user} onClose={onClose} onDone={onDone} />}
    />
  );
}
