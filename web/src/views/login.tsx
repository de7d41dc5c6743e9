import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Session } from '../api/types';
import { useTitle } from '../lib/hooks';
import { t } from '../lib/words';

interface Props {
  message: string;
  onLogin: (session: Session) => void;
}

export function LoginView({ message, onLogin }: Props) {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState(message);
  const [busy, setBusy] = useState(false);
  useTitle(t('Sign in'));
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    try {
      onLogin(await api.login({ username, password }));
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form class="login-card" onSubmit={submit}>
        <img src="/favicon.svg" alt="" width="44" height="44" />
        <h1>Batuta</h1>
        <p class="muted">{t('Sign in to watch and conduct your pipelines.')}</p>
        {problem && (
          <p class="notice notice-error" role="alert">
            {problem}
          </p>
        )}
        <label class="field">
          <span class="field-name">{t('User name')}</span>
          <input
            name="username"
            autoComplete="username"
            required
            autoFocus
            value={username}
            onInput={(event) => setUsername(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span class="field-name">{t('Password')}</span>
          <input
            name="password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <button class="button button-primary" disabled={busy}>
          {busy ? t('Signing in…') : t('Sign in')}
        </button>
      </form>
    </main>
  );
}
