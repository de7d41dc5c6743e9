// Marking one task, and what is before, behind or in other runs if that is wanted. The list comes from the server's own dry run.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Loaded } from '../components/loaded';
import { noSpread, SpreadChoice, TouchedTasks } from '../components/spread';
import { count } from '../lib/format';
import { useResource } from '../lib/hooks';
import { isEnded } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

export const marks = ['success', 'failed', 'skipped'] as const;
export type Mark = (typeof marks)[number];
export const markButtons: Record<Mark, string> = { success: t('Mark success'), failed: t('Mark failed'), skipped: t('Mark skipped') };

const titleOf = (mark: Mark, task: string): string => {
  const titles: Record<Mark, string> = {
    success: t('Mark {task} as success?', { task }),
    failed: t('Mark {task} as failed?', { task }),
    skipped: t('Mark {task} as skipped?', { task }),
  };
  return titles[mark];
};

interface Props {
  mark: Mark;
  task: TaskInstance;
  onClose: () => void;
  onDone: () => void;
}

export function MarkDialog({ mark, task, onClose, onDone }: Props) {
  const [spread, setSpread] = useState(noSpread);
  const body = { new_state: mark, ...spread };
  const preview = useResource((signal) => api.markPreview(task, body, signal), [body]);
  return (
    <ConfirmDialog
      title={titleOf(mark, taskKey(task))}
      text={isEnded(task.state) ? t('The tasks after it follow the new state.') : t('If it is running, it is stopped.')}
      button={markButtons[mark]}
      danger={mark === 'failed'}
      disabled={(preview.data?.total_entries ?? 0) === 0}
      act={() => api.markTask(task, body)}
      onClose={onClose}
      onDone={onDone}
    >
      <div class="choices">
        <SpreadChoice spread={spread} several={false} onChange={setSpread} />
      </div>
      <Loaded of={preview}>
        {(data) => (
          <>
            <p class="muted">{t('Would be marked: {tasks}', { tasks: count(data.total_entries, 'task') })}</p>
            <TouchedTasks rows={data.task_instances} total={data.total_entries} run={task.dag_run_id} label={t('Tasks that would be marked')} />
          </>
        )}
      </Loaded>
    </ConfirmDialog>
  );
}
