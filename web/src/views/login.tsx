import { useEffect, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LoginMethods, Session } from '../api/types';
import { useTitle } from '../lib/hooks';
import { t } from '../lib/words';

/** What became of a login by the provider, in a sentence; the server's log has the cause. */
export function signOnProblem(word: string): string {
  switch (word) {
    case 'denied':
      return t('The login provider did not let you in.');
    case 'stale':
      return t('That login is too old, was used already, or began in another browser or window. Begin again.');
    case 'provider':
      return t('The login provider does not answer as it should. Try again, or ask who runs this server.');
    case 'token':
      return t('What the login provider says of you is not believed. Ask who runs this server.');
    case 'role':
      return t('None of your groups gives you access here. Ask who runs this server.');
    case 'name':
      return t('Your name at the login provider cannot be a user name here. Ask who runs this server.');
    case 'taken':
      return t('Your name is that of another user here. Ask who runs this server.');
    case 'busy':
      return t('Too many people are signing in. Try again in a minute.');
    default:
      return t('Signing in failed. Try again, or ask who runs this server.');
  }
}

// Where the provider's login begins, and what of the page to come back to: an address that the server takes.
function providerLink(): string {
  const here = `${location.pathname}${location.hash}`;
  return here.length > 256 ? '/auth/oidc/login' : `/auth/oidc/login?next=${encodeURIComponent(here)}`;
}

interface Props {
  message: string;
  onLogin: (session: Session) => void;
}

export function LoginView({ message, onLogin }: Props) {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState(message);
  const [busy, setBusy] = useState(false);
  const [methods, setMethods] = useState<LoginMethods>({ password: true, provider: null });
  useTitle(t('Sign in'));
  useEffect(() => {
    void api.loginMethods().then(setMethods, () => undefined); // without it: by password
  }, []);
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
        {methods.provider !== null && (
          <a class="button button-primary" href={providerLink()}>
            {t('Sign in with {name}', { name: methods.provider })}
          </a>
        )}
        {methods.password && (
          <>
            <label class="field">
              <span class="field-name">{t('User name')}</span>
              <input
                name="username"
                autoComplete="username"
                required
                // eslint-disable-next-line jsx-a11y/no-autofocus -- there is nothing else to read or do
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
            <button class={methods.provider === null ? 'button button-primary' : 'button'} disabled={busy}>
              {busy ? t('Signing in…') : t('Sign in')}
            </button>
          </>
        )}
      </form>
    </main>
  );
}
