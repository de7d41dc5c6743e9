// Ctrl-K: to any DAG, task, run or place of the page by a part of its name.
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import { Icon } from '../components/icon';
import { useDebounced, useResource } from '../lib/hooks';
import { useMay } from '../lib/may';
import { hitsOf, type Found, type Hit } from '../lib/palette';
import { places } from '../lib/places';
import { t } from '../lib/words';

const kinds: Record<Hit['kind'], string> = { place: t('Page'), dag: t('DAG'), task: t('Task'), run: t('Run'), table: t('Table'), setting: t('Setting') };
const mostOther = 8;
const listId = 'palette-list';
const idOf = (at: number) => `palette-${at}`;

// Who may see no table, or no setting, finds none: that is no failure of the search.
async function findAll(text: string, settings: readonly string[], signal: AbortSignal): Promise<Found> {
  const [answer, tables] = await Promise.all([api.search(text, signal), api.lakeTables({ name_pattern: text, limit: mostOther }, signal).catch(() => undefined)]);
  const lower = text.toLowerCase();
  return { ...answer, tables: tables?.tables ?? [], settings: settings.filter((one) => one.toLowerCase().includes(lower)).slice(0, mostOther) };
}

const settingNames = async (signal: AbortSignal) => {
  const config = await api.config(signal).catch(() => undefined);
  return config?.sections.flatMap((section) => section.options.map((option) => `${section.name}.${option.key}`)) ?? [];
};

export function Palette({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const maySettings = useMay('read', 'admin:config');
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const settled = useDebounced(text.trim(), 120);
  const settings = useResource((signal) => (maySettings ? settingNames(signal) : Promise.resolve([])), [maySettings]);
  const found = useResource((signal) => (settled === '' ? Promise.resolve(undefined) : findAll(settled, settings.data ?? [], signal)), [settled, settings.data?.length]);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const hits = hitsOf(text, places, settled === text.trim() ? found.data : undefined);
  const chosen = Math.min(at, hits.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  const go = (hit: Hit | undefined) => {
    if (!hit) return;
    location.hash = hit.href;
    onClose();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt(Math.max(0, Math.min(hits.length - 1, chosen + step)));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      go(hits[chosen]);
    }
  };
  const isWaiting = text.trim() !== '' && (settled !== text.trim() || found.data === undefined) && !found.error;
  return (
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- a press beside it; Escape does the same
    <dialog
      ref={dialog}
      class="dialog palette"
      aria-label={t('Go to')}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <label class="search palette-search">
        <Icon name="search" />
        <span class="visually-hidden">{t('Go to')}</span>
        <input
          type="text"
          role="combobox"
          autocomplete="off"
          spellcheck={false}
          aria-expanded={hits.length > 0}
          aria-controls={listId}
          aria-activedescendant={hits.length > 0 ? idOf(chosen) : undefined}
          placeholder={t('DAG, task, run, table, setting or page')}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
      </label>
      <ul class="palette-list" id={listId} role="listbox" aria-label={t('Found')} ref={list} tabIndex={-1}>
        {hits.map((hit, number) => (
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- its box has the keys, and the focus
          <li key={hit.href} id={idOf(number)} role="option" aria-selected={number === chosen} data-kind={hit.kind} onClick={() => go(hit)} onMouseMove={() => number !== chosen && setAt(number)}>
            <span class="palette-kind muted">{kinds[hit.kind]}</span>
            <span class="palette-name">{hit.name}</span>
            <span class="palette-about muted">{hit.about}</span>
          </li>
        ))}
      </ul>
      <p class="palette-note muted" role="status">
        {found.error ? found.error.message : isWaiting ? t('Searching…') : hits.length === 0 ? t('Nothing of that name.') : found.data?.more === true ? t('There are more: type on.') : ''}
      </p>
    </dialog>
  );
}
