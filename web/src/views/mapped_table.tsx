// The instances of a mapped task in one run, as a table: found, sorted and paged by the server, changed many at once.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { StateChoice } from '../components/choice';
import { OrderChoice, TextFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { PickTable, type PickColumn } from '../components/pick_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { taskId, type TaskAct } from '../lib/bulk_tasks';
import { duration, elapsed } from '../lib/format';
import { useApp, useLive, useNow, usePage, useResource, useSearch, useThrottled } from '../lib/hooks';
import { instanceOrder, instanceOrders, instancesQuery, usualInstanceOrder } from '../lib/list_query';
import { usePicks } from '../lib/picks';
import { instancesLink, runLink } from '../lib/route';
import { isEnded, states } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { BulkTasks } from './bulk_tasks';
import { ChooseAll } from './choose_all';

const pageSize = 50;
const stateNames = states.map((one) => one.name).filter((one) => one !== 'restarting' && one !== 'up_for_reschedule');

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
  const { canOperate } = useApp();
  const [search, change] = useSearch();
  const [offset, move] = usePage(pageSize);
  const [act, setAct] = useState<{ act: TaskAct; tasks: readonly TaskInstance[] } | null>(null);
  const query = instancesQuery(search, task);
  const read = (limit: number, from: number, signal?: AbortSignal) => api.taskInstances(dag, run, { ...query, limit, offset: from }, signal);
  const instances = useResource((signal) => read(pageSize, offset, signal), [dag, run, query, offset]);
  const reload = useThrottled(instances.reload, 1000);
  useLive((batch) => {
    if (batch.resync || batch.tasks.some((one) => one.dag_id === dag && one.dag_run_id === run && one.task_id === task)) reload();
  });
  const rows = instances.data?.task_instances ?? [];
  const picks = usePicks(rows, taskId, JSON.stringify([query.state, query.rendered_map_index_pattern]));
  const now = useNow(rows.some((one) => !isEnded(one.state)));
  const acts: [TaskAct, string][] = [['clear', t('Clear…')], ['success', t('Mark success…')], ['failed', t('Mark failed…')], ['skipped', t('Mark skipped…')]];
  return (
    <>
      <div class="toolbar" role="search">
        <TextFilter name="map" label={t('Name of a mapped instance')} />
        <StateChoice states={stateNames} />
        <OrderChoice names={orderNames} usual={usualInstanceOrder} />
        <a href={instancesLink(dag, run, task)}>{t('In the list of tasks')}</a>
      </div>
      <Loaded of={instances}>
        {(page) =>
          page.task_instances.length === 0 ? (
            <Empty>{offset > 0 ? t('Nothing is on this page.') : t('No instances.')}</Empty>
          ) : (
            <PickTable
              rows={page.task_instances}
              columns={columnsOf(now)}
              keyOf={taskId}
              labelOf={(one) => `${one.dag_run_id} ${taskKey(one)}`}
              picks={canOperate ? picks : null}
              isSmall
              order={instanceOrder(search)}
              onOrder={(order) => change({ order: order === usualInstanceOrder ? null : order })}
            >
              <ChooseAll picks={picks} shown={page.task_instances.length} total={page.total_entries} read={async (limit) => (await read(limit, 0)).task_instances} />
              {acts.map(([one, name]) => (
                <button key={one} type="button" class="button" disabled={picks.chosen.length === 0} onClick={() => setAct({ act: one, tasks: picks.chosen })}>
                  {name}
                </button>
              ))}
            </PickTable>
          )
        }
      </Loaded>
      {instances.data && <Pager offset={offset} limit={pageSize} total={instances.data.total_entries} isLeast={typeof instances.data.total_entries_limit === 'number'} noun="task" onMove={move} />}
      {act !== null && <BulkTasks {...act} onClose={() => setAct(null)} onDone={() => { picks.clear(); instances.reload(); }} />}
    </>
  );
}
