// One statement at a time: asked, called off, and what came of it.
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeSqlPlan, LakeSqlRows, LakeSqlRunning } from '../api/types';

export interface Question {
  sql: string;
  limit: number | undefined; // undefined: as many as the server gives unasked
  explain?: 'plan' | 'measure'; // in place of rows: how they would be found; `measure` runs it, and tells how they were
}

export interface QueryState {
  running: { id: string; since: number } | null;
  data: LakeSqlRows | null;
  plan: { data: LakeSqlPlan; wasRun: boolean } | null;
  error: Error | null;
}

const nothing = { running: null, data: null, plan: null, error: null };

let lastId = 0;
const newId = () => `page-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${(lastId += 1)}`;

/** What the server tells of a statement while it runs or waits, asked each second; null before, and where it tells nothing. */
export function useRunning(id: string): LakeSqlRunning | null {
  const [told, setTold] = useState<LakeSqlRunning | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    setTold(null);
    const look = () =>
      void api
        .runningSql(abort.signal)
        .then(({ queries }) => setTold(queries.find((one) => one.query_id === id) ?? null))
        .catch(() => undefined); // the statement's own answer says what is wrong
    const timer = setInterval(look, 1000);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [id]);
  return told;
}

/** `done` hears of each that ended by itself. Leaving the view ends what runs: the server sees that nobody waits. */
export function useQuery(done: (question: Question, rows: number | null) => void) {
  const [state, setState] = useState<QueryState>(nothing);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const run = async (question: Question) => {
    if (abort.current !== null) return;
    const mine = new AbortController();
    abort.current = mine;
    const id = newId();
    setState({ ...nothing, running: { id, since: Date.now() } });
    try {
      const { explain, ...asked } = question;
      if (explain !== undefined) {
        const wasRun = explain === 'measure';
        const data = await api.explainSql({ sql: question.sql, query_id: id, explain: true, analyze: wasRun }, mine.signal);
        return setState({ ...nothing, plan: { data, wasRun } });
      }
      const data = await api.lakeSql({ ...asked, query_id: id }, mine.signal);
      setState({ ...nothing, data });
      done(question, data.row_count);
    } catch (error) {
      if (mine.signal.aborted) return;
      setState({ ...nothing, error: error as Error });
      if (question.explain === undefined) done(question, null);
    } finally {
      abort.current = null;
    }
  };
  // The query's own answer says that it was cancelled; one that has ended meanwhile has answered already.
  const cancel = () => void (state.running && api.cancelLakeSql(state.running.id).catch(() => undefined));
  return { ...state, run, cancel };
}
