import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { usePolled } from '../lib/hooks';
import { isEnded } from '../lib/states';
import { t } from '../lib/words';

const askEveryMs = 3000;

function Reasons({ task }: { task: TaskInstance }) {
  const why = usePolled(
    (signal) => api.dependencies(task.dag_id, task.dag_run_id, task.task_id, signal, task.map_index),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, task.state],
    askEveryMs,
  );
  const reasons = why.data?.dependencies ?? [];
  return (
    <div class="why" role="status">
      <h3>{t('Why is it not running?')}</h3>
      {reasons.length === 0 ? (
        <p class="muted">{why.loading ? t('Asking…') : t('Nothing holds it back; it starts as soon as a worker takes it.')}</p>
      ) : (
        <ul>
          {reasons.map((one) => (
            <li key={one.name}>
              <strong>{one.name}</strong> {one.reason}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Shown only while a task waits. */
export function WhyNot({ task }: { task: TaskInstance }) {
  if (isEnded(task.state) || task.state === 'running') return null;
  return <Reasons task={task} />;
}
