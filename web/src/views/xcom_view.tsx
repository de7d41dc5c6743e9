import * as api from '../api/endpoints';
import type { TaskInstance, XCom } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { prettyJson } from '../lib/format';
import { useResource } from '../lib/hooks';
import { t } from '../lib/words';

// XComs are at most 64 KiB each and few, so that their values are read with the list.
async function readAll(task: TaskInstance, signal: AbortSignal): Promise<XCom[]> {
  const ids = [task.dag_id, task.dag_run_id, task.task_id] as const;
  const heads = (await api.xcomEntries(...ids, signal, task.map_index)).rows;
  return Promise.all(heads.map((head) => api.xcomEntry(...ids, head.key, signal, task.map_index)));
}

export function XComView({ task }: { task: TaskInstance }) {
  const entries = useResource(
    (signal) => readAll(task, signal),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, task.try_number, task.state],
  );
  return (
    <Loaded of={entries}>
      {(list) =>
        list.length === 0 ? (
          <Empty>{t('This task has passed nothing on.')}</Empty>
        ) : (
          <dl class="xcoms">
            {list.map((entry) => (
              <div key={entry.key} class="xcom">
                <dt>{entry.key}</dt>
                <dd>
                  <pre class="code">{prettyJson(entry.value)}</pre>
                </dd>
              </div>
            ))}
          </dl>
        )
      }
    </Loaded>
  );
}
