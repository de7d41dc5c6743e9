import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Choice } from '../components/choice';
import { duration, elapsed } from '../lib/format';
import { useResource } from '../lib/hooks';
import { stateInfo } from '../lib/states';
import { t } from '../lib/words';

interface Props {
  task: TaskInstance;
  attempt: number;
  beside: number; // the try that stands beside it; 0: none
  now: number;
  onPick: (attempt: number | null) => void;
  onBeside: (attempt: number | null) => void;
}

/** One choice per try, newest last. Picking the newest follows the ones to come. */
export function TryPicker({ task, attempt, beside, now, onPick, onBeside }: Props) {
  const tries = useResource(
    (signal) => api.tries(task.dag_id, task.dag_run_id, task.task_id, signal, task.map_index),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, task.try_number, task.state],
  );
  const all = tries.data?.task_instances ?? [];
  if (all.length < 2) return null;
  const words = (one: TaskInstance) => `${t('Try')} ${one.try_number}: ${stateInfo(one.state).label}, ${duration(elapsed(one.start_date, one.end_date, now))}`;
  return (
    <div class="try-picker">
      <select
        aria-label={t('Try')}
        value={String(attempt)}
        onChange={(event) => {
          const picked = Number(event.currentTarget.value);
          onPick(picked === task.try_number ? null : picked);
        }}
      >
        {all.map((one) => (
          <option key={one.try_number} value={String(one.try_number)}>
            {words(one)}
          </option>
        ))}
      </select>
      <Choice
        label={t('Beside it')}
        value={beside === 0 ? '' : String(beside)}
        all={t('no other beside it')}
        choices={all.filter((one) => one.try_number !== attempt).map((one) => ({ id: String(one.try_number), name: words(one) }))}
        onChange={(picked) => onBeside(picked === '' ? null : Number(picked))}
      />
    </div>
  );
}
