// Clearing runs tasks again. The list of what would run comes from the server's own dry run, renewed
// whenever a choice changes.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Loaded } from '../components/loaded';
import { noSpread, SpreadChoice, TouchedTasks } from '../components/spread';
import { count } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

interface Props {
  dag: string;
  run: string;
  task: TaskInstance | null; // null: the whole run
  onClose: () => void;
  onDone: () => void;
}

type Choice = 'only_failed' | 'keep_checkpoints' | 'run_on_latest_version';

const choices: readonly { name: Choice; label: string }[] = [
  { name: 'only_failed', label: t('Only failed tasks') },
  { name: 'keep_checkpoints', label: t('Their next tries go on from their checkpoints') },
  { name: 'run_on_latest_version', label: t('On the newest version of the DAG, if the run has ended') },
];

/** One instance of a mapped task, or a task. */
const named = (task: TaskInstance): string | [string, number] =>
  task.map_index < 0 ? task.task_id : [task.task_id, task.map_index];

export function ClearDialog({ dag, run, task, onClose, onDone }: Props) {
  const { notify } = useApp();
  const [spread, setSpread] = useState({ ...noSpread, include_downstream: task !== null });
  const [chosen, setChosen] = useState<Record<Choice, boolean>>({ only_failed: false, keep_checkpoints: false, run_on_latest_version: false });
  // The version of one run is chosen, not that of several.
  const isOneRun = !spread.include_past && !spread.include_future;
  const body = { dag_run_id: run, ...spread, ...chosen, run_on_latest_version: isOneRun && chosen.run_on_latest_version, ...(task === null ? {} : { task_ids: [named(task)] }) };
  const preview = useResource(() => api.clearTasks(dag, { ...body, dry_run: true }), [dag, body]);
  const affected = preview.data?.task_instances ?? [];
  const clear = async () => {
    const done = await api.clearTasks(dag, { ...body, dry_run: false });
    notify(t('Cleared: {tasks}.', { tasks: count(done.total_entries, 'task') }));
  };
  return (
    <ConfirmDialog
      title={task === null ? t('Clear this run') : t('Clear {task}', { task: taskKey(task) })}
      text={t('Cleared tasks run again, with the same data window.')}
      button={t('Clear')}
      disabled={affected.length === 0}
      act={clear}
      onClose={onClose}
      onDone={onDone}
    >
      <div class="choices">
        {task !== null && <SpreadChoice spread={spread} several={false} onChange={setSpread} />}
        {choices
          .filter(({ name }) => isOneRun || name !== 'run_on_latest_version')
          .map(({ name, label }) => (
            <label key={name} class="check">
              <input type="checkbox" checked={chosen[name]} onChange={(event) => setChosen({ ...chosen, [name]: event.currentTarget.checked })} />
              <span>{label}</span>
            </label>
          ))}
      </div>
      <Loaded of={preview}>
        {(data) => (
          <>
            <p class="muted">{t('Would run again: {tasks}', { tasks: count(data.total_entries, 'task') })}</p>
            <TouchedTasks rows={affected} total={data.total_entries} run={run} label={t('Tasks that would run again')} />
          </>
        )}
      </Loaded>
    </ConfirmDialog>
  );
}
