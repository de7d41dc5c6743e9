import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Connection } from '../api/events';
import { useApp } from '../lib/hooks';
import { places } from '../lib/places';
import type { Route } from '../lib/route';
import { chosenTheme, nextTheme, setTheme, type Theme } from '../lib/theme';
import { language, languages, setLanguage, t } from '../lib/words';
import { setZone, zone } from '../lib/zone';
import { OwnPassword } from '../views/own_password';
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

const themeNames: Record<Theme, string> = { system: t('as the system has it'), light: t('light'), dark: t('dark') };

function ThemeSwitch() {
  const [theme, setShown] = useState(chosenTheme);
  const next = nextTheme(theme);
  const turn = () => {
    setTheme(next);
    setShown(next);
  };
  const words = t('Colours: {now}. Turn to: {next}', { now: themeNames[theme], next: themeNames[next] });
  return (
    <button type="button" class="icon-button theme-switch" aria-label={words} title={words} onClick={turn}>
      <Icon name="half" />
    </button>
  );
}

function ZoneSwitch() {
  const words = zone === 'utc' ? t('UTC: times are of UTC. Turn to your own zone') : t('Local: times are of your own zone. Turn to UTC');
  return (
    <button type="button" class="icon-button language zone-switch" aria-label={words} title={words} onClick={() => setZone(zone === 'utc' ? 'local' : 'utc')}>
      {zone === 'utc' ? 'UTC' : t('Local')}
    </button>
  );
}

const barPlaces = places.filter((place) => place.isInBar !== false);

// On a phone the places are a menu of one line, which names where one is; elsewhere they are all there (css/shell.css).
function Places({ route }: { route: Route }) {
  const [isOpen, setOpen] = useState(false);
  const here = barPlaces.find((place) => place.views.includes(route.view));
  useEffect(() => setOpen(false), [route]);
  const close = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !isOpen) return;
    setOpen(false);
    document.getElementById('places-button')?.focus();
  };
  return (
    <>
      <button id="places-button" type="button" class="places-button link-button" aria-expanded={isOpen} aria-controls="places" onKeyDown={close} onClick={() => setOpen(!isOpen)}>
        <Icon name="menu" />
        {here ? t('Menu: {place}', { place: here.label }) : t('Menu')}
      </button>
      <nav id="places" class={`places ${isOpen ? 'is-open' : ''}`} aria-label={t('Main')} onKeyDown={close}>
        {barPlaces.map((place) => (
          <a key={place.href} href={place.href} aria-current={place === here ? 'page' : undefined} onClick={() => setOpen(false)}>
            {place.label}
          </a>
        ))}
      </nav>
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
  const [isPassword, setPassword] = useState(false);
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
        <Places route={route} />
        <div class="topbar-end">
          <LiveMark />
          <button type="button" class="who link-button" title={t('Role: {role}', { role: session.role })} aria-label={t('{name}: change your password', { name: session.username })} onClick={() => setPassword(true)}>
            {session.username}
          </button>
          {tools}
          <ZoneSwitch />
          <ThemeSwitch />
          <LanguageSwitch />
          <button type="button" class="icon-button" aria-label={t('Sign out')} title={t('Sign out')} onClick={onLogout}>
            <Icon name="out" />
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      {isPassword && <OwnPassword onClose={() => setPassword(false)} />}
    </>
  );
}
