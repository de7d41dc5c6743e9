// One's own password, changed with the one of today.
import * as api from '../api/endpoints';
import { EditDialog } from '../components/edit_dialog';
import type { EditField } from '../lib/edit_form';
import { useApp } from '../lib/hooks';
import { t } from '../lib/words';

const fields: readonly EditField[] = [
  { name: 'password', title: t('The password of today'), kind: 'password', required: true },
  { name: 'new_password', title: t('The new one'), kind: 'password', required: true, hint: t('8 to 256 characters.') },
  { name: 'again', title: t('The new one, again'), kind: 'password', required: true },
];

export function OwnPassword({ onClose }: { onClose: () => void }) {
  const { notify } = useApp();
  const save = async (body: Record<string, unknown>) => {
    if (body['new_password'] !== body['again']) throw new Error(t('The new password is not written the same twice.'));
    await api.setOwnPassword(String(body['password']), String(body['new_password']));
  };
  return (
    <EditDialog title={t('Your password')} fields={() => fields} before={null} save={save} onClose={onClose} onDone={() => notify(t('Your password is changed.'))}>
      <p class="muted">{t('All your sessions end with it, this one too, and your tokens: sign in anew with the new one.')}</p>
    </EditDialog>
  );
}
