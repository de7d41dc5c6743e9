// The log of one try, read on while the try runs. Text enters the document as text nodes only.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Icon } from '../components/icon';
import { Empty, ErrorBox } from '../components/loaded';
import { LogChunk } from '../components/log_chunk';
import { count } from '../lib/format';
import { useApp } from '../lib/hooks';
import { wholeLog } from '../lib/log_download';
import { appendPage, emptyTail, type LogTail } from '../lib/log_tail';
import { isEnded } from '../lib/states';
import { taskKey } from '../lib/timeline';

const pollMs = 1000;
const nearEnd = 40; // px from the bottom that still count as reading the end

/**
 * Reads pages until there are no more. While the try runs it asks again every second; after its end
 * once more, so that the last line is never missed. A log said to be complete while the try still runs
 * is read again from its start.
 */
function useTail(task: TaskInstance, attempt: number): { tail: LogTail; error: Error | undefined; retry: () => void } {
  const [tail, setTail] = useState(emptyTail);
  const [error, setError] = useState<Error>();
  const [turn, setTurn] = useState(0);
  const held = useRef(emptyTail);
  const { dag_id, dag_run_id, task_id, map_index } = task;
  const running = attempt === task.try_number && !isEnded(task.state);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      const from = held.current.complete ? emptyTail : held.current;
      const page = await api.logs(dag_id, dag_run_id, task_id, attempt, from.token, abort.signal, map_index);
      if (abort.signal.aborted) return;
      held.current = appendPage(from, page);
      setTail(held.current);
      setError(undefined);
      const more = page.content.length > 0 && page.continuation_token !== null;
      if (more) void step();
      else if (running) timer = setTimeout(step, pollMs);
    };
    const step = () =>
      read().catch((problem: Error) => {
        if (abort.signal.aborted) return;
        setError(problem);
        if (running) timer = setTimeout(step, pollMs * 3);
      });
    if (attempt > 0) void step();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [dag_id, dag_run_id, task_id, map_index, attempt, running, turn]);
  return { tail, error, retry: () => setTurn((old) => old + 1) };
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** Saves the whole log, not only what is shown: it is read to its end first. */
function Download({ task, attempt }: { task: TaskInstance; attempt: number }) {
  const { notify } = useApp();
  const [read, setRead] = useState<number | null>(null); // bytes, while reading
  const abort = useRef<AbortController>();
  useEffect(() => () => abort.current?.abort(), []);
  const start = async () => {
    const { dag_id, dag_run_id, task_id, map_index } = task;
    const { signal } = (abort.current = new AbortController());
    setRead(0);
    try {
      const blob = await wholeLog(
        (token) => api.logText(dag_id, dag_run_id, task_id, attempt, token, signal, map_index),
        setRead,
      );
      save(blob, `${taskKey(task)}-try-${attempt}.log`);
    } catch (error) {
      if (!signal.aborted) notify(`The log could not be downloaded: ${(error as Error).message}`, 'error');
    }
    setRead(null);
  };
  return (
    <>
      {read !== null && <span class="muted" role="status">{(read / 1e6).toFixed(1)} MB</span>}
      <button type="button" class="icon-button" aria-label="Download log" title="Download the whole log" disabled={read !== null} onClick={start}>
        <Icon name="download" />
      </button>
    </>
  );
}

export function LogView({ task, attempt }: { task: TaskInstance; attempt: number }) {
  const { tail, error, retry } = useTail(task, attempt);
  const box = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(true);
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [tail, follow]);
  const onScroll = () => {
    const element = box.current;
    if (element) setFollow(element.scrollHeight - element.scrollTop - element.clientHeight < nearEnd);
  };
  const live = attempt === task.try_number && !isEnded(task.state);
  if (attempt === 0) return <Empty>This task has not started yet.</Empty>;
  return (
    <div class="log">
      <div class="log-bar">
        <span class="muted">{count(tail.total, 'line')}</span>
        <label class="check">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />
          <span>Follow</span>
        </label>
        <Download task={task} attempt={attempt} />
      </div>
      {error && <ErrorBox error={error} onRetry={retry} />}
      <div class="log-box" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-label="Log" aria-live="off">
        {tail.hidden > 0 && <p class="log-note">{count(tail.hidden, 'earlier line')} not shown</p>}
        {tail.chunks.map((chunk) => (
          <LogChunk key={chunk[0]?.number} lines={chunk} />
        ))}
        {tail.total === 0 && !error && <p class="log-note">{live ? 'Waiting for the first line…' : 'The log is empty.'}</p>}
        {live && tail.total > 0 && <p class="log-note log-more">Running…</p>}
      </div>
    </div>
  );
}
