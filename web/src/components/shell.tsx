import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Connection } from '../api/events';
import { useApp } from '../lib/hooks';
import { places } from '../lib/places';
import type { Route } from '../lib/route';
import { language, languages, setLanguage, t } from '../lib/words';
import { Icon } from './icon';

const words: Record<Connection, string> = {
  connecting: t('Connecting…'),
  live: t('Live'),
  lost: t('Reconnecting…'),
};

function LiveMark() {
  const { live } = useApp();
  const [state, setState] = useState(live.state);
  useEffect(() => live.watch(setState), [live]);
  return (
    <span class={`live-mark live-${state}`} role="status">
      <span class="live-dot" />
      {words[state]}
    </span>
  );
}

// Each language is offered in its own words, for those who read no other.
function LanguageSwitch() {
  return (
    <>
      {languages
        .filter((one) => one.id !== language)
        .map((one) => (
          <button key={one.id} type="button" class="icon-button language" lang={one.tag} aria-label={`${one.id.toUpperCase()} ${one.name}`} title={one.name} onClick={() => setLanguage(one.id)}>
            {one.id.toUpperCase()}
          </button>
        ))}
    </>
  );
}

interface Props {
  route: Route;
  onLogout: () => void;
  tools: ComponentChildren; // at the end of the bar
  children: ComponentChildren;
}

export function Shell({ route, onLogout, tools, children }: Props) {
  const { session } = useApp();
  return (
    <>
      <a class="skip-link" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById('main')?.focus();
      }}>
        {t('Skip to content')}
      </a>
      <header class="topbar">
        <a class="brand" href="#/dags" aria-label={t('Batuta, all DAGs')}>
          <img src="/favicon.svg" alt="" width="26" height="26" />
          <span>Batuta</span>
        </a>
        <nav class="places" aria-label={t('Main')}>
          {places.map((place) => (
            <a
              key={place.href}
              href={place.href}
              aria-current={place.views.includes(route.view) ? 'page' : undefined}
            >
              {place.label}
            </a>
          ))}
        </nav>
        <div class="topbar-end">
          <LiveMark />
          <span class="who" title={t('Role: {role}', { role: session.role })}>
            {session.username}
          </span>
          {tools}
          <LanguageSwitch />
          <button type="button" class="icon-button" aria-label={t('Sign out')} title={t('Sign out')} onClick={onLogout}>
            <Icon name="out" />
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
