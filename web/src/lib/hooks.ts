// The few hooks every view shares: reading from the API, the clock, the address, the live stream.
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import { createContext } from 'preact';
import type { Batch, LiveEvents } from '../api/events';
import type { Session } from '../api/types';
import { countOf, replaceSearch, searchOf, type Changes } from './address';
import { parseRoute, type Route } from './route';

export interface App {
  session: Session;
  live: LiveEvents;
  canOperate: boolean; // may trigger, clear, mark, pause
  notify: (text: string, kind?: 'info' | 'error') => void;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('useApp outside the signed-in page');
  return app;
}

export interface Resource<T> {
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
  reload: () => void;
  change: (next: (data: T) => T) => void;
}

/**
 * Reads now, whenever what `deps` say has changed and on reload(). The old data stays while new is read for the
 * same deps; an answer that comes after a newer request is dropped.
 */
export function useResource<T>(
  load: (signal: AbortSignal) => Promise<T>,
  deps: readonly unknown[],
): Resource<T> {
  const key = JSON.stringify(deps);
  const [state, setState] = useState<{ key: string; data?: T; error?: Error }>({ key });
  const [turn, setTurn] = useState(0);
  const [loading, setLoading] = useState(true);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const abort = new AbortController();
    setLoading(true);
    Promise.resolve()
      .then(() => latest.current(abort.signal))
      .then((data) => !abort.signal.aborted && setState({ key, data }))
      .catch((error: Error) => {
        if (abort.signal.aborted) return;
        setState((old) => (old.key === key ? { ...old, error } : { key, error }));
      })
      .finally(() => !abort.signal.aborted && setLoading(false));
    return () => abort.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  const change = useCallback(
    (next: (data: T) => T) =>
      setState((old) => {
        if (old.data === undefined) return old;
        const data = next(old.data);
        return data === old.data ? old : { ...old, data };
      }),
    [],
  );
  const fresh = state.key === key;
  return {
    data: fresh ? state.data : undefined,
    error: fresh ? state.error : undefined,
    loading,
    reload,
    change,
  };
}

/** As useResource, read again every `everyMs`; the old answer stays until the new one is there. */
export function usePolled<T>(
  load: (signal: AbortSignal) => Promise<T>,
  deps: readonly unknown[],
  everyMs: number,
): Resource<T> {
  const resource = useResource(load, deps);
  useEffect(() => {
    const timer = setInterval(resource.reload, everyMs);
    return () => clearInterval(timer);
  }, [resource.reload, everyMs]);
  return resource;
}

/** As useResource, read again every `everyMs` until what was read is settled. */
export function useFollowed<T>(load: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[], isSettled: (data: T) => boolean, everyMs = 1000): Resource<T> {
  const resource = useResource(load, deps);
  const isDone = resource.data === undefined || isSettled(resource.data);
  useEffect(() => {
    if (isDone) return undefined;
    const timer = setInterval(resource.reload, everyMs);
    return () => clearInterval(timer);
  }, [isDone, resource.reload, everyMs]);
  return resource;
}

/** The listener may change on every draw; the latest one is called. */
export function useLive(listener: (batch: Batch) => void): void {
  const { live } = useApp();
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => live.listen((batch) => latest.current(batch)), [live]);
}

/** Milliseconds since 1970, renewed every `everyMs` while `active`. */
export function useNow(active: boolean, everyMs = 1000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!active) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [active, everyMs]);
  return now;
}

function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener('hashchange', onChange);
    onChange(); // the address may have changed between the first drawing and this
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return hash;
}

export function useRoute(): Route {
  return parseRoute(useHash());
}

/** The address's search and how to change it; a change of anything else leads back to page one. */
export function useSearch(): [URLSearchParams, (changes: Changes) => void] {
  const hash = useHash();
  const change = useCallback((changes: Changes) => replaceSearch({ page: null, ...changes }), []);
  return [searchOf(hash), change];
}

/** Where the page of a list starts, and how to move: the page stands in the address, from 1 on. */
export function usePage(size: number): [number, (offset: number) => void] {
  const [search, change] = useSearch();
  const move = useCallback(
    (offset: number) => change({ page: offset < size ? null : Math.floor(offset / size) + 1 }),
    [change, size],
  );
  return [(countOf(search, 'page', 1) - 1) * size, move];
}

/**
 * A text being typed whose settled form stands in the address. What comes from outside (a link, the
 * way back) replaces it; what it has written itself does not, for by then more may have been typed.
 */
export function useSearchText(name: string, waitMs = 150): [text: string, set: (text: string) => void] {
  const [search, change] = useSearch();
  const given = search.get(name) ?? '';
  const [text, setText] = useState(given);
  const written = useRef(given);
  useEffect(() => {
    if (given === written.current) return;
    written.current = given;
    setText(given);
  }, [given]);
  const settled = useDebounced(text, waitMs);
  useEffect(() => {
    if (settled === written.current) return;
    written.current = settled;
    change({ [name]: settled });
  }, [settled, name, change]);
  return [text, setText];
}

export function useDebounced<T>(value: T, waitMs: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), waitMs);
    return () => clearTimeout(timer);
  }, [value, waitMs]);
  return settled;
}

/** At most one call per `waitMs`, the last one never lost. */
export function useThrottled(call: () => void, waitMs: number): () => void {
  const latest = useRef(call);
  latest.current = call;
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const last = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    if (timer.current !== undefined) return;
    const wait = Math.max(0, last.current + waitMs - Date.now());
    timer.current = setTimeout(() => {
      timer.current = undefined;
      last.current = Date.now();
      latest.current();
    }, wait);
  }, [waitMs]);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Batuta` : 'Batuta';
  }, [title]);
}
