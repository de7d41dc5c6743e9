// The instances of a mapped task in one run, as a table: found, sorted and paged by the server, changed many at once.
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { StateChoice } from '../components/choice';
import { OrderChoice, TextFilter } from '../components/list_filters';
import type { PickColumn } from '../components/pick_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import type { TaskAct } from '../lib/bulk_tasks';
import { duration, elapsed } from '../lib/format';
import { useLive, usePage, useResource, useSearch, useThrottled } from '../lib/hooks';
import { instanceOrder, instanceOrders, instancesQuery, usualInstanceOrder } from '../lib/list_query';
import { instancesLink, runLink } from '../lib/route';
import { states } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { InstanceList, instancePageSize } from './instance_list';

const stateNames = states.map((one) => one.name).filter((one) => one !== 'restarting');

const orderNames: Record<(typeof instanceOrders)[number], string> = {
  map_index: t('Number'),
  rendered_map_index: t('Name'),
  state: t('State'),
  start_date: t('Started'),
  try_number: t('Tries'),
  duration: t('Duration'),
};

const columnsOf = (now: number): PickColumn<TaskInstance>[] => [
  { name: t('State'), order: 'state', cell: (one) => <StateBadge state={one.state} /> },
  { name: t('Instance'), order: 'map_index', isMain: true, cell: (one) => <a href={runLink(one.dag_id, one.dag_run_id, taskKey(one), 'log')}>{one.rendered_map_index ?? taskKey(one)}</a> },
  { name: t('Started'), order: 'start_date', cell: (one) => <At at={one.start_date} /> },
  { name: t('Tries'), order: 'try_number', number: true, cell: (one) => one.try_number },
  { name: t('Duration'), order: 'duration', number: true, cell: (one) => duration(elapsed(one.start_date, one.end_date, now)) },
];

export function MappedTable({ dag, run, task }: { dag: string; run: string; task: string }) {
  const [search, change] = useSearch();
  const [offset, move] = usePage(instancePageSize);
  const query = instancesQuery(search, task);
  const read = (limit: number, from: number, signal?: AbortSignal) => api.taskInstances(dag, run, { ...query, limit, offset: from }, signal);
  const instances = useResource((signal) => read(instancePageSize, offset, signal), [dag, run, query, offset]);
  const reload = useThrottled(instances.reload, 1000);
  useLive((batch) => {
    if (batch.resync || batch.tasks.some((one) => one.dag_id === dag && one.dag_run_id === run && one.task_id === task)) reload();
  });
  const acts: [TaskAct, string][] = [['clear', t('Clear…')], ['success', t('Mark success…')], ['failed', t('Mark failed…')], ['skipped', t('Mark skipped…')]];
  return (
    <>
      <div class="toolbar" role="search">
        <TextFilter name="map" label={t('Name of a mapped instance')} />
        <StateChoice states={stateNames} />
        <OrderChoice names={orderNames} usual={usualInstanceOrder} />
        <a href={instancesLink(dag, run, task)}>{t('In the list of tasks')}</a>
      </div>
      <InstanceList
        list={instances}
        read={read}
        offset={offset}
        onMove={move}
        columns={columnsOf}
        labelOf={(one) => `${one.dag_run_id} ${taskKey(one)}`}
        acts={acts}
        filters={JSON.stringify([query.state, query.rendered_map_index_pattern])}
        order={instanceOrder(search)}
        onOrder={(order) => change({ order: order === usualInstanceOrder ? null : order })}
        none={t('No instances.')}
        isSmall
      />
    </>
  );
}
