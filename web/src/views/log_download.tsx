import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Icon } from '../components/icon';
import { bytes } from '../lib/format';
import { useApp } from '../lib/hooks';
import { wholeLog } from '../lib/log_download';
import { save } from '../lib/save';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';

/** Saves the whole log, not only what is shown: it is read to its end first. */
export function LogDownload({ task, attempt }: { task: TaskInstance; attempt: number }) {
  const { notify } = useApp();
  const [read, setRead] = useState<number | null>(null); // bytes, while reading
  const abort = useRef<AbortController>();
  useEffect(() => () => abort.current?.abort(), []);
  const start = async () => {
    const { dag_id, dag_run_id, task_id, map_index } = task;
    const { signal } = (abort.current = new AbortController());
    setRead(0);
    try {
      const blob = await wholeLog((token) => api.logText(dag_id, dag_run_id, task_id, attempt, token, signal, map_index), setRead);
      save(blob, `${taskKey(task)}-try-${attempt}.log`);
    } catch (error) {
      if (!signal.aborted) notify(t('The log could not be downloaded: {reason}', { reason: (error as Error).message }), 'error');
    }
    setRead(null);
  };
  return (
    <>
      {read !== null && <span class="muted" role="status">{bytes(read)}</span>}
      <button type="button" class="icon-button" aria-label={t('Download log')} title={t('Download the whole log')} disabled={read !== null} onClick={start}>
        <Icon name="download" />
      </button>
    </>
  );
}
