// Clearing runs tasks again. The list of what would run comes from the server's own dry run, renewed
// whenever a choice changes.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Dialog } from '../components/dialog';
import { Loaded } from '../components/loaded';
import { StateBadge } from '../components/state_badge';
import { count, number } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';

const mostShown = 100;

interface Props {
  dag: string;
  run: string;
  task: TaskInstance | null; // null: the whole run
  onClose: () => void;
  onDone: () => void;
}

interface Choice {
  name: 'include_downstream' | 'include_upstream' | 'only_failed' | 'run_on_latest_version';
  label: string;
  forTask: boolean;
}

const choices: readonly Choice[] = [
  { name: 'include_downstream', label: t('Also the tasks after it'), forTask: true },
  { name: 'include_upstream', label: t('Also the tasks before it'), forTask: true },
  { name: 'only_failed', label: t('Only failed tasks'), forTask: false },
  { name: 'run_on_latest_version', label: t('On the newest version of the DAG, if the run has ended'), forTask: false },
];

/** One instance of a mapped task, or a task. */
const named = (task: TaskInstance): string | [string, number] =>
  task.map_index < 0 ? task.task_id : [task.task_id, task.map_index];

export function ClearDialog({ dag, run, task, onClose, onDone }: Props) {
  const { notify } = useApp();
  const [chosen, setChosen] = useState({
    include_downstream: task !== null,
    include_upstream: false,
    only_failed: false,
    run_on_latest_version: false,
  });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const body = { dag_run_id: run, ...chosen, ...(task === null ? {} : { task_ids: [named(task)] }) };
  const preview = useResource(() => api.clearTasks(dag, { ...body, dry_run: true }), [dag, body]);
  const affected = preview.data?.task_instances ?? [];
  const clear = async () => {
    setBusy(true);
    try {
      const done = await api.clearTasks(dag, { ...body, dry_run: false });
      notify(t('Cleared: {tasks}.', { tasks: count(done.total_entries, 'task') }));
      onDone();
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={task === null ? t('Clear this run') : t('Clear {task}', { task: taskKey(task) })} onClose={onClose}>
      <p>{t('Cleared tasks run again, with the same data window.')}</p>
      <div class="choices">
        {choices
          .filter((choice) => task !== null || !choice.forTask)
          .map((choice) => (
            <label key={choice.name} class="check">
              <input
                type="checkbox"
                checked={chosen[choice.name]}
                onChange={(event) => setChosen({ ...chosen, [choice.name]: event.currentTarget.checked })}
              />
              <span>{choice.label}</span>
            </label>
          ))}
      </div>
      <Loaded of={preview}>
        {(data) => (
          <>
            <p class="muted">{t('Would run again: {tasks}', { tasks: count(data.total_entries, 'task') })}</p>
            <ul class="preview" tabIndex={0} aria-label={t('Tasks that would run again')}>
              {affected.slice(0, mostShown).map((one) => (
                <li key={taskKey(one)}>
                  <StateBadge state={one.state} small />
                  {taskKey(one)}
                </li>
              ))}
              {data.total_entries > mostShown && <li class="muted">{t('and {count} more', { count: number(data.total_entries - mostShown) })}</li>}
            </ul>
          </>
        )}
      </Loaded>
      {problem && (
        <p class="notice notice-error" role="alert">
          {problem}
        </p>
      )}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={onClose}>
          {t('Back')}
        </button>
        <button type="button" class="button button-primary" disabled={busy || affected.length === 0} onClick={clear}>
          {t('Clear')}
        </button>
      </footer>
    </Dialog>
  );
}
