// Task instances of all DAGs: found by filters that stand in the address, changed many at once.
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Choice, spanChoices, StateChoice } from '../components/choice';
import { MoreFilters, NumberFilter, OrderChoice, TextFilter, TimeFilter } from '../components/list_filters';
import type { PickColumn } from '../components/pick_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { duration, elapsed } from '../lib/format';
import type { TaskAct } from '../lib/bulk_tasks';
import { useLive, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { orderOf, taskFilters, taskOrders, tasksQuery, usualOrder } from '../lib/list_query';
import { dagLink, runLink } from '../lib/route';
import { states } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { InstanceList, instancePageSize } from './instance_list';

const taskStates = states.map((one) => one.name).filter((one) => one !== 'restarting');
const seldom = ['from', 'to', 'longer', 'pool', 'operator', 'map', 'try'];

const orderNames: Record<(typeof taskOrders)[number], string> = {
  run_after: t('Due'),
  dag_id: t('DAG'),
  task_id: t('Task'),
  run_id: t('Run'),
  state: t('State'),
  start_date: t('Started'),
  end_date: t('Ended'),
  try_number: t('Tries'),
  pool: t('Pool'),
  duration: t('Duration'),
};

function useTasks(offset: number) {
  const [search] = useSearch();
  const read = (limit: number, from: number, signal?: AbortSignal) => api.taskInstances('~', '~', { ...tasksQuery(search, Date.now()), limit, offset: from }, signal);
  return { tasks: useResource((signal) => read(instancePageSize, offset, signal), [search.toString(), offset]), read };
}

function Filters() {
  const [search, change] = useSearch();
  return (
    <div class="toolbar" role="search">
      <TextFilter name="dag" label={t('Search DAGs')} />
      <TextFilter name="q" label={t('Search tasks')} />
      <TextFilter name="run" label={t('Search runs')} />
      <StateChoice states={taskStates} />
      <Choice label={t('When')} value={search.get('hours') ?? ''} all={t('At any time')} choices={spanChoices()} onChange={(hours) => change({ hours })} />
      <OrderChoice names={orderNames} usual={usualOrder} />
      <MoreFilters names={seldom} all={taskFilters}>
        <TextFilter name="pool" label={t('Pool, the whole name')} />
        <TextFilter name="operator" label={t('Type, the whole name')} />
        <TextFilter name="map" label={t('Name of a mapped instance')} />
        <NumberFilter name="try" label={t('Try')} least={1} isWhole />
        <NumberFilter name="longer" label={t('At least so many seconds')} />
        <TimeFilter name="from" label={t('Due from')} />
        <TimeFilter name="to" label={t('Due until')} />
      </MoreFilters>
    </div>
  );
}

function columnsOf(now: number): PickColumn<TaskInstance>[] {
  return [
    { name: t('State'), order: 'state', cell: (one) => <StateBadge state={one.state} /> },
    { name: t('DAG'), order: 'dag_id', isMain: true, cell: (one) => <a href={dagLink(one.dag_id)}>{one.dag_id}</a> },
    {
      name: t('Task'),
      order: 'task_id',
      isMain: true,
      cell: (one) => (
        <a href={runLink(one.dag_id, one.dag_run_id, taskKey(one), 'log')}>
          {taskKey(one)}
          {one.rendered_map_index ? ` ${one.rendered_map_index}` : ''}
        </a>
      ),
    },
    { name: t('Run'), order: 'run_id', isMain: true, cell: (one) => <a href={runLink(one.dag_id, one.dag_run_id)}>{one.dag_run_id}</a> },
    { name: t('Started'), order: 'start_date', cell: (one) => <At at={one.start_date} /> },
    { name: t('Tries'), order: 'try_number', number: true, cell: (one) => one.try_number },
    { name: t('Duration'), order: 'duration', number: true, cell: (one) => duration(elapsed(one.start_date, one.end_date, now)) },
  ];
}

export function TasksView() {
  const [search, change] = useSearch();
  const [offset, move] = usePage(instancePageSize);
  const { tasks, read } = useTasks(offset);
  const reload = useThrottled(tasks.reload, 2000);
  useLive((batch) => {
    if (batch.resync || batch.tasks.length > 0 || batch.dags.length > 0) reload();
  });
  useTitle(t('Tasks'));
  const acts: [TaskAct, string][] = [['clear', t('Clear…')], ['success', t('Mark success…')], ['failed', t('Mark failed…')], ['skipped', t('Mark skipped…')], ['delete', t('Delete…')]];
  return (
    <>
      <div class="page-head">
        <h1>{t('Tasks')}</h1>
        <nav class="beside" aria-label={t('Beside tasks')}>
          <a href="#/xcoms">XComs</a>
        </nav>
      </div>
      <Filters />
      <InstanceList
        list={tasks}
        read={read}
        offset={offset}
        onMove={move}
        columns={columnsOf}
        labelOf={(one) => `${one.dag_id} ${one.dag_run_id} ${taskKey(one)}`}
        acts={acts}
        filters={taskFilters.map((name) => search.getAll(name).join()).join('\n')}
        order={orderOf(search, taskOrders)}
        onOrder={(order) => change({ order: order === usualOrder ? null : order })}
        none={t('No task matches.')}
      />
    </>
  );
}
