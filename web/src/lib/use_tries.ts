// The earlier tries of a task whose row is in sight: asked for when the row has stayed there, and remembered.
import { useEffect, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';

const stayMs = 200; // a row that is scrolled past asks nothing
const mostKept = 500;
const kept = new Map<string, readonly TaskInstance[]>();
const none: readonly TaskInstance[] = [];

const keyOf = (task: TaskInstance) => [task.dag_id, task.dag_run_id, task.task_id, task.map_index, task.try_number].join('\n');

// The oldest goes: what was seen long ago is asked for again.
function remember(key: string, tries: readonly TaskInstance[]): void {
  const oldest = kept.keys().next();
  if (kept.size >= mostKept && oldest.done !== true) kept.delete(oldest.value);
  kept.set(key, tries);
}

/** None while they are not known; a task in its first try has none, and nothing is asked. */
export function useEarlierTries(task: TaskInstance): readonly TaskInstance[] {
  const key = keyOf(task);
  const [found, setFound] = useState<{ key: string; tries: readonly TaskInstance[] }>({ key: '', tries: none });
  useEffect(() => {
    if (task.try_number <= 1 || kept.has(key)) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api
        .tries(task.dag_id, task.dag_run_id, task.task_id, abort.signal, task.map_index)
        .then(({ task_instances }) => {
          const tries = task_instances.filter((one) => one.try_number < task.try_number);
          remember(key, tries);
          if (!abort.signal.aborted) setFound({ key, tries });
        })
        .catch(() => undefined); // the bar of the newest try stands without them
    }, stayMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key is all of the task that matters here
  }, [key]);
  return kept.get(key) ?? (found.key === key ? found.tries : none);
}
