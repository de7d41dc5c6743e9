// Tokens for programs: one's own, and for who may, those of others. A token is shown once, when it is made.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { IssuedToken, TokenInfo } from '../api/types';
import { Dialog } from '../components/dialog';
import { EditDialog } from '../components/edit_dialog';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { At } from '../components/time';
import type { EditField } from '../lib/edit_form';
import { useApp } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

const day = 86_400;
const fields: readonly EditField[] = [
  { name: 'purpose', title: t('What it is for'), kind: 'text' },
  { name: 'days', title: t('Days that it is good for'), kind: 'integer', required: true, hint: t('1 to 365.') },
  { name: 'scope', title: t('Only for these rights'), kind: 'lines', hint: t('One a line, such as "read dag:sales_*"; none: all that its user may.') },
];
const ofOther: EditField = { name: 'username', title: t('User'), kind: 'text', hint: t('Empty: yourself.') };

function Issued({ token, onClose }: { token: IssuedToken; onClose: () => void }) {
  return (
    <Dialog title={t('The token')} onClose={onClose}>
      <p>{t('It is shown this once: keep it where programs of yours find it.')}</p>
      <label class="field">
        <span class="field-name">{t('Token of {name}', { name: token.username })}</span>
        <input class="mono" readOnly value={token.access_token} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <footer class="dialog-foot">
        <button type="button" class="button button-primary" onClick={onClose}>
          {t('Done')}
        </button>
      </footer>
    </Dialog>
  );
}

const columns: readonly Column<TokenInfo>[] = [
  { name: t('User'), cell: (token) => <strong>{token.username}</strong> },
  { name: t('What it is for'), cell: (token) => token.purpose },
  { name: t('Rights'), cell: (token) => (token.scope.length === 0 ? t('all that its user may') : token.scope.join(', ')) },
  { name: t('Made'), cell: (token) => <At at={token.created_at} /> },
  { name: t('Ends'), cell: (token) => <At at={token.expires_at} /> },
];

export function AccessTokens() {
  const { notify } = useApp();
  const mayOthers = useMay('create', 'admin:tokens');
  const [making, setMaking] = useState(false);
  const [issued, setIssued] = useState<IssuedToken | null>(null);
  const [ending, setEnding] = useState<TokenInfo | null>(null);
  const [stamp, setStamp] = useState(0);
  const changed = () => setStamp((old) => old + 1);
  const make = async ({ days, ...body }: Record<string, unknown>) => setIssued(await api.issueToken({ ...body, lifetime_seconds: Number(days) * day }));
  const end: Column<TokenInfo> = {
    name: t('Change'),
    cell: (token) => (
      <button type="button" class="link-button" aria-label={t('End token {name}', { name: token.token_id })} onClick={() => setEnding(token)}>
        {t('End…')}
      </button>
    ),
  };
  return (
    <>
      <div class="toolbar">
        <button type="button" class="button button-primary" onClick={() => setMaking(true)}>
          {t('New token…')}
        </button>
      </div>
      <PagedTable read={api.tokens.list} columns={[...columns, end]} keyOf={(one) => one.token_id} empty={t('No tokens.')} noun="token" stamp={stamp} />
      {making && <EditDialog title={t('New token')} fields={() => (mayOthers ? [ofOther, ...fields] : fields)} before={null} start={{ days: '30' }} save={make} onClose={() => setMaking(false)} onDone={changed} />}
      {issued !== null && <Issued token={issued} onClose={() => setIssued(null)} />}
      {ending !== null && (
        <ConfirmDialog
          title={t('End token {name}?', { name: ending.token_id })}
          text={t('What uses it is refused from then on. A token for the purpose "session" is somebody\'s login to this page.')}
          button={t('End it')}
          danger
          act={() => api.tokens.remove(ending.token_id)}
          onClose={() => setEnding(null)}
          onDone={() => {
            notify(t('The token has ended.'));
            changed();
          }}
        />
      )}
    </>
  );
}
