// One change of many task instances: first what it will touch, as the server tells it, then what it did and refused.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { BulkDialog } from '../components/bulk_dialog';
import { ErrorBox } from '../components/loaded';
import { isSpread, noSpread, SpreadChoice, type Spread } from '../components/spread';
import { StateBadge } from '../components/state_badge';
import { clearGroups, eachOnce, keyOfTask, meantTasks, refusalsOf, taskId, type ClearGroup, type TaskAct } from '../lib/bulk_tasks';
import { eachOf } from '../lib/each';
import { number } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';

const mostShown = 200;
const mostAsked = 100; // neighbours are asked for one by one: of more none are offered
const atOnce = 4;

interface Touched {
  rows: readonly TaskInstance[];
  total: number;
}

interface Props {
  act: TaskAct;
  tasks: readonly TaskInstance[]; // as they were chosen
  onClose: () => void;
  onDone: () => void;
}

function titleOf(act: TaskAct, count: number): string {
  const titles: Record<TaskAct, string> = {
    clear: t('Clear {count} tasks?', { count }),
    success: t('Mark {count} tasks as success?', { count }),
    failed: t('Mark {count} tasks as failed?', { count }),
    skipped: t('Mark {count} tasks as skipped?', { count }),
    delete: t('Delete {count} tasks?', { count }),
  };
  return titles[act];
}

const clear = ({ dag_id, dag_run_id, task_ids }: ClearGroup, spread: Spread, dryRun: boolean) =>
  api.clearTasks(dag_id, { dag_run_id, task_ids, ...spread, only_failed: false, dry_run: dryRun });

// What the server says that the act touches.
async function preview(act: TaskAct, meant: readonly TaskInstance[], spread: Spread): Promise<Touched> {
  const lists: TaskInstance[][] = [];
  let unlisted = 0;
  const take = (answer: { task_instances: TaskInstance[]; total_entries: number }) => {
    lists.push(answer.task_instances);
    unlisted += Math.max(0, answer.total_entries - answer.task_instances.length);
  };
  let refused: { error: Error }[] = [];
  if (act === 'clear') refused = await eachOf(clearGroups(meant), atOnce, async (group) => take(await clear(group, spread, true)));
  else if (act === 'delete' || !isSpread(spread)) lists.push([...meant]);
  else refused = await eachOf(meant, atOnce, async (task) => take(await api.markPreview(task, { new_state: act, ...spread })));
  if (refused[0]) throw refused[0].error;
  const rows = eachOnce(lists);
  return { rows, total: rows.length + unlisted };
}

async function change(act: TaskAct, meant: readonly TaskInstance[], spread: Spread): Promise<string[]> {
  if (act === 'clear') {
    const refused = await eachOf(clearGroups(meant), atOnce, async (group) => void (await clear(group, spread, false)));
    return refused.map(({ item, error }) => `${item.dag_id} ${item.dag_run_id}: ${error.message}`);
  }
  const keys = meant.map(keyOfTask);
  const action = act === 'delete' ? { action: act, entities: keys } : { action: 'update' as const, entities: keys.map((key) => ({ ...key, new_state: act, ...spread })) };
  return refusalsOf(await api.changeTasks(action), t('refused'));
}

export function BulkTasks({ act, tasks, onClose, onDone }: Props) {
  const { notify } = useApp();
  // What is shown is what is done: tasks that change under the open dialog are for the server to refuse.
  const [meant] = useState(() => meantTasks(act, tasks));
  const mayAsk = act === 'clear' || (act !== 'delete' && meant.length <= mostAsked);
  const [spread, setSpread] = useState<Spread>({ ...noSpread, include_downstream: act === 'clear' });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Error>();
  const touched = useResource(() => preview(act, meant, spread), [act, spread]);
  const { rows, total } = touched.data ?? { rows: [], total: 0 };
  const go = async () => {
    setBusy(true);
    try {
      const refused = await change(act, meant, spread);
      if (refused.length > 0) notify(refused.join('; '), 'error');
      else notify(t('Done: {count} tasks.', { count: number(total) }));
      onDone();
      onClose();
    } catch (error) {
      setProblem(error as Error);
      setBusy(false);
    }
  };
  const error = problem ?? touched.error;
  return (
    <BulkDialog
      title={titleOf(act, meant.length)}
      before={
        mayAsk && (
          <div class="choices">
            <SpreadChoice spread={spread} several onChange={setSpread} />
          </div>
        )
      }
      rows={[
        ...rows.slice(0, mostShown).map((task) => (
          <li key={taskId(task)}>
            <StateBadge state={task.state} small />
            <span>
              {taskKey(task)}{' '}
              <span class="muted">
                {task.dag_id} {task.dag_run_id}
              </span>
            </span>
          </li>
        )),
        ...(total > mostShown ? [<li key="more" class="muted">{t('and {count} more', { count: number(total - Math.min(mostShown, rows.length)) })}</li>] : []),
      ]}
      skipped={tasks.length - meant.length}
      busy={busy}
      none={touched.loading || total === 0}
      danger={act === 'delete' || act === 'failed'}
      onGo={() => void go()}
      onClose={onClose}
    >
      <p role="status">{touched.loading ? t('Asking…') : act === 'clear' ? t('{count} task instances will run again.', { count: number(total) }) : t('{count} task instances are touched.', { count: number(total) })}</p>
      {act === 'failed' && <p>{t('Those that run are stopped.')}</p>}
      {act === 'delete' && <p>{t('Their results and logs go with them.')}</p>}
      {error && <ErrorBox error={error} />}
    </BulkDialog>
  );
}
