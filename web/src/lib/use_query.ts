// One statement at a time: asked, called off, and what came of it.
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeSqlRows } from '../api/types';

export interface Question {
  sql: string;
  limit: number | undefined; // undefined: as many as the server gives unasked
}

export interface QueryState {
  running: { id: string; since: number } | null;
  data: LakeSqlRows | null;
  error: Error | null;
}

let lastId = 0;
const newId = () => `page-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${(lastId += 1)}`;

/** `done` hears of each that ended by itself. Leaving the view ends what runs: the server sees that nobody waits. */
export function useQuery(done: (question: Question, rows: number | null) => void) {
  const [state, setState] = useState<QueryState>({ running: null, data: null, error: null });
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const run = async (question: Question) => {
    if (abort.current !== null) return;
    const mine = new AbortController();
    abort.current = mine;
    const id = newId();
    setState({ running: { id, since: Date.now() }, data: null, error: null });
    try {
      const data = await api.lakeSql({ ...question, query_id: id }, mine.signal);
      setState({ running: null, data, error: null });
      done(question, data.row_count);
    } catch (error) {
      if (mine.signal.aborted) return;
      setState({ running: null, data: null, error: error as Error });
      done(question, null);
    } finally {
      abort.current = null;
    }
  };
  // The query's own answer says that it was cancelled; one that has ended meanwhile has answered already.
  const cancel = () => void (state.running && api.cancelLakeSql(state.running.id).catch(() => undefined));
  return { ...state, run, cancel };
}
