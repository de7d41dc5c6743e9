// What was chosen in the grid: one task of one run, beside it.
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { duration, elapsed, number } from '../lib/format';
import { useLive, useNow, useResource, useThrottled } from '../lib/hooks';
import { instancesLink, runLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { TaskPanel } from './task_panel';

const mostInstances = 1000;

interface Props {
  dag: string;
  run: string;
  task: string;
  tab: string;
  onTab: (tab: string) => void;
  onClose: () => void;
}

interface Instances {
  rows: TaskInstance[];
  total: number;
  isLeast: boolean; // there may be more than `total`: the server stopped counting
}

// A mapped task's first instances, or the one there is.
async function readInstances(dag: string, run: string, task: string, signal: AbortSignal): Promise<Instances> {
  const query = { task_id: task, limit: mostInstances, order_by: 'map_index' };
  const page = await api.taskInstances(dag, run, query, signal);
  return {
    rows: page.task_instances.filter((one) => one.task_id === task),
    total: page.total_entries,
    isLeast: typeof page.total_entries_limit === 'number',
  };
}

function Rest({ of, link }: { of: Instances; link: string }) {
  const { rows, total, isLeast } = of;
  if (rows.length >= total) return null;
  const values = { shown: number(rows.length), total: number(total) };
  return (
    <p class="muted">
      {isLeast ? t('{shown} of at least {total}.', values) : t('{shown} of {total}.', values)} <a href={link}>{t('All of them')}</a>
    </p>
  );
}

function Mapped({ instances, now }: { instances: readonly TaskInstance[]; now: number }) {
  const columns: Column<TaskInstance>[] = [
    { name: t('State'), cell: (one) => <StateBadge state={one.state} /> },
    {
      name: t('Instance'),
      cell: (one) => <a href={runLink(one.dag_id, one.dag_run_id, taskKey(one), 'log')}>{one.rendered_map_index ?? taskKey(one)}</a>,
    },
    { name: t('Started'), cell: (one) => <At at={one.start_date} /> },
    { name: t('Duration'), number: true, cell: (one) => duration(elapsed(one.start_date, one.end_date, now)) },
  ];
  return <SimpleTable rows={instances} columns={columns} keyOf={(one) => one.map_index} empty={t('No instances.')} />;
}

export function GridTask({ dag, run, task, tab, onTab, onClose }: Props) {
  const instances = useResource((signal) => readInstances(dag, run, task, signal), [dag, run, task]);
  const reread = useThrottled(instances.reload, 1000);
  useLive((batch) => {
    const mine = batch.tasks.some((one) => one.dag_id === dag && one.dag_run_id === run && one.task_id === task);
    if (batch.resync || mine) reread();
  });
  const now = useNow(instances.data?.rows.some((one) => !isEnded(one.state)) ?? false);
  return (
    <section class="grid-picked" aria-label={t('Task of the grid')}>
      <p class="grid-task-run">
        <a href={runLink(dag, run, task)}>{run}</a>
      </p>
      <Loaded of={instances}>
        {(list) => {
          const [only] = list.rows;
          if (list.rows.length === 1 && only) {
            return <TaskPanel key={taskKey(only)} task={only} tab={tab} now={now} onTab={onTab} onClose={onClose} onChanged={instances.reload} />;
          }
          return (
            <>
              <Rest of={list} link={instancesLink(dag, run, task)} />
              <Mapped instances={list.rows} now={now} />
            </>
          );
        }}
      </Loaded>
    </section>
  );
}
