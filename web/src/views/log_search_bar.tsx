// A search in a log: how often, and to the next and the one before.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../components/icon';
import { number } from '../lib/format';
import { useDebounced } from '../lib/hooks';
import { searchLog, type Found } from '../lib/log_search';
import type { LogWindow } from '../api/types';
import { t } from '../lib/words';

const nothing: Found = { offsets: [], share: 0, isMore: false };
const levelChoices: readonly (readonly [value: string, words: string, levels: readonly string[]])[] = [
  ['', t('All levels'), []],
  ['warning', t('Warnings and errors'), ['warning', 'warn', 'error', 'critical', 'fatal']],
  ['error', t('Errors'), ['error', 'critical', 'fatal']],
];

interface Props {
  name: string; // of two searches in sight each has its own
  text: string;
  level: string;
  size: number; // a log that grew is searched again
  line: number | null; // the one that is pointed at: a link to it stays on it
  ask: (query: { q?: string; level?: string[]; from: number }, signal: AbortSignal) => Promise<LogWindow>;
  onText: (text: string) => void;
  onLevel: (level: string) => void;
  onGo: (offset: number) => void;
  onError: (error: Error | undefined) => void; // undefined: it goes well again
}

export function LogSearchBar({ name, text, level, size, line, ask, onText, onLevel, onGo, onError }: Props) {
  const settled = useDebounced(text, 250);
  const [found, setFound] = useState<Found>(nothing);
  const [chosen, setChosen] = useState<number | null>(null); // where the match that one is at begins
  const calls = useRef({ ask, onGo, onError });
  calls.current = { ask, onGo, onError };
  const levels = levelChoices.find(([value]) => value === level)?.[2] ?? [];
  const key = JSON.stringify([settled, levels]);
  const searched = useRef('');
  const decided = useRef(''); // the search whose first match was chosen: one that is cut short by a log that grew has none yet
  const isOn = settled !== '' || levels.length > 0;
  const linked = useRef(isOn ? line : null); // of the search that came with the address
  useEffect(() => {
    const isNew = searched.current !== key;
    searched.current = key;
    if (isNew) {
      setFound(nothing);
      setChosen(null);
    }
    const [q, some] = JSON.parse(key) as [string, string[]];
    if (q === '' && some.length === 0) return undefined;
    const abort = new AbortController();
    const go = (from: number) => calls.current.ask({ ...(q === '' ? {} : { q }), ...(some.length === 0 ? {} : { level: some }), from }, abort.signal);
    searchLog(go, (next) => {
      if (abort.signal.aborted) return;
      setFound(next);
      calls.current.onError(undefined);
      // The newest is nearest to where a log is read.
      if (decided.current === key || (next.offsets.length === 0 && next.share < 1)) return;
      decided.current = key;
      const newest = linked.current ?? next.offsets.at(-1);
      if (newest === undefined) return;
      setChosen(newest);
      if (linked.current === null) calls.current.onGo(newest);
      linked.current = null;
    }).catch((error: Error) => !abort.signal.aborted && calls.current.onError(error));
    return () => abort.abort();
  }, [key, size]);
  const count = found.offsets.length;
  const at = chosen === null ? -1 : found.offsets.indexOf(chosen);
  const step = (by: number) => {
    if (count === 0) return;
    const next = (Math.max(0, at) + (at < 0 ? 0 : by) + count) % count;
    setChosen(found.offsets[next] as number);
    onGo(found.offsets[next] as number);
  };
  const place = { at: at < 0 ? '–' : number(at + 1), count: number(count) };
  const words = !isOn ? '' : found.share < 1 ? `${Math.floor(found.share * 100)} %` : count === 0 ? t('Not found') : found.isMore ? t('{at} of the newest {count}', place) : t('{at} of {count}', place);
  return (
    <div class="log-search" role="search" aria-label={name}>
      <label class="search">
        <Icon name="search" />
        <span class="visually-hidden">{t('Search the log')}</span>
        <input
          type="search"
          placeholder={t('Search the log')}
          value={text}
          onInput={(event) => onText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            step(event.shiftKey ? -1 : 1);
          }}
        />
      </label>
      <label>
        <span class="visually-hidden">{t('Level')}</span>
        <select value={level} onChange={(event) => onLevel(event.currentTarget.value)}>
          {levelChoices.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {isOn && (
        <>
          <span class="muted log-found" role="status">
            {words}
          </span>
          <button type="button" class="icon-button" aria-label={t('Previous match')} title={t('Previous match')} disabled={count === 0} onClick={() => step(-1)}>
            <Icon name="up" />
          </button>
          <button type="button" class="icon-button" aria-label={t('Next match')} title={t('Next match')} disabled={count === 0} onClick={() => step(1)}>
            <Icon name="down" />
          </button>
        </>
      )}
    </div>
  );
}
