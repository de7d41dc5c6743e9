// What was chosen in the grid: one task of one run, beside it.
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { useLive, useNow, useResource, useThrottled } from '../lib/hooks';
import { runLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { MappedTable } from './mapped_table';
import { TaskPanel } from './task_panel';

interface Props {
  dag: string;
  run: string;
  task: string;
  tab: string;
  onTab: (tab: string) => void;
  onClose: () => void;
}

// The task's instance, or two of those that it is mapped to: enough to tell.
async function readSome(dag: string, run: string, task: string, signal: AbortSignal): Promise<TaskInstance[]> {
  const page = await api.taskInstances(dag, run, { task_id: task, limit: 2, order_by: 'map_index' }, signal);
  return page.task_instances.filter((one) => one.task_id === task);
}

export function GridTask({ dag, run, task, tab, onTab, onClose }: Props) {
  const instances = useResource((signal) => readSome(dag, run, task, signal), [dag, run, task]);
  const reread = useThrottled(instances.reload, 1000);
  useLive((batch) => {
    const mine = batch.tasks.some((one) => one.dag_id === dag && one.dag_run_id === run && one.task_id === task);
    if (batch.resync || mine) reread();
  });
  const now = useNow(instances.data?.some((one) => !isEnded(one.state)) ?? false);
  return (
    <section class="grid-picked" aria-label={t('Task of the grid')}>
      <p class="grid-task-run">
        <a href={runLink(dag, run, task)}>{run}</a>
      </p>
      <Loaded of={instances}>
        {(list) => {
          const [only] = list;
          if (list.length === 0) return <Empty>{t('No instances.')}</Empty>;
          if (list.length > 1 || !only) return <MappedTable dag={dag} run={run} task={task} />;
          return <TaskPanel key={taskKey(only)} task={only} tab={tab} now={now} onTab={onTab} onClose={onClose} onChanged={instances.reload} />;
        }}
      </Loaded>
    </section>
  );
}
