// One try's log in a view: opened at its end or at a line, followed while the try runs.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { aheadKey, endOf } from '../lib/log_ahead';
import { isAtEnd, linesIn, maxLines, type LogPart } from '../lib/log_part';
import { LogReader } from '../lib/log_reader';
import { isEnded } from '../lib/states';

const pollMs = 1000;

export interface LogState {
  part: LogPart | null;
  error: Error | undefined;
  reader: LogReader;
  isLive: boolean; // more may come
  isWritten: boolean; // a process writes it now; nobody does while a task waits, or is put off
  /** Does something with the reader; what goes wrong is shown. */
  run: (act: Promise<void>) => void;
}

export function useLog(task: TaskInstance, attempt: number, line: number | null, follow: boolean): LogState {
  const { dag_id, dag_run_id, task_id, map_index } = task;
  const isLive = attempt === task.try_number && !isEnded(task.state) && task.state !== 'up_for_retry' && task.state !== 'up_for_reschedule';
  const isWritten = isLive && (task.state === 'running' || task.state === 'queued');
  const [part, setPart] = useState<LogPart | null>(null);
  const [error, setError] = useState<Error>();
  const reader = useMemo(
    () =>
      new LogReader((query) => {
        const ask = () => api.logWindow(dag_id, dag_run_id, task_id, { ...query, try_number: attempt }, undefined, map_index);
        const isEnd = query.before === undefined && query.from === undefined;
        return isEnd ? endOf(aheadKey(dag_id, dag_run_id, task_id, map_index), attempt, ask) : ask();
      }, setPart),
    [dag_id, dag_run_id, task_id, map_index, attempt],
  );
  const run = (act: Promise<void>) => void act.then(() => setError(undefined), setError);
  const latest = useRef(run);
  latest.current = run;
  const first = useRef(line);
  const following = useRef(follow);
  following.current = follow;
  useEffect(() => {
    if (attempt === 0) return undefined;
    latest.current(reader.open(first.current));
    return () => reader.stop();
  }, [reader, attempt]);
  // While the try runs, and once more when it has ended: the last lines are never missed.
  useEffect(() => {
    if (attempt === 0) return undefined;
    const read = () => {
      const held = reader.part;
      if (!held || (held.isEnded && isAtEnd(held))) return;
      if (following.current) latest.current(reader.follow());
      // What is being read is not taken away for what comes.
      else if (isAtEnd(held) && linesIn(held) < maxLines) latest.current(reader.later());
    };
    read();
    if (!isWritten) {
      const last = [500, 2000].map((wait) => setTimeout(read, wait));
      return () => last.forEach(clearTimeout);
    }
    const timer = setInterval(read, pollMs);
    return () => clearInterval(timer);
  }, [reader, attempt, isWritten]);
  return { part, error, reader, isLive, isWritten, run };
}
