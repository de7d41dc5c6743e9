// A page of task instances with what may be done to those that are chosen: the body of every list of them.
import { useState } from 'preact/hooks';
import type { TaskInstance, TaskPage } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { PickTable, type PickColumn } from '../components/pick_table';
import { taskId, type TaskAct } from '../lib/bulk_tasks';
import { useApp, useNow, type Resource } from '../lib/hooks';
import { usePicks } from '../lib/picks';
import { isEnded } from '../lib/states';
import { t } from '../lib/words';
import { BulkTasks } from './bulk_tasks';
import { ChooseAll } from './choose_all';

export const instancePageSize = 50;

interface Props {
  list: Resource<TaskPage>;
  read: (limit: number, from: number) => Promise<TaskPage>; // for a choice beyond the page
  offset: number;
  onMove: (offset: number) => void;
  columns: (now: number) => PickColumn<TaskInstance>[];
  labelOf: (one: TaskInstance) => string;
  acts: readonly [TaskAct, string][];
  filters: string; // what the list was asked for: another one forgets the choice
  order: string;
  onOrder: (order: string) => void;
  none: string; // when nothing is found
  isSmall?: boolean;
}

export function InstanceList({ list, read, offset, onMove, columns, labelOf, acts, filters, order, onOrder, none, isSmall = false }: Props) {
  const { canOperate } = useApp();
  const [act, setAct] = useState<{ act: TaskAct; tasks: readonly TaskInstance[] } | null>(null);
  const rows = list.data?.task_instances ?? [];
  const picks = usePicks(rows, taskId, filters);
  const now = useNow(rows.some((one) => !isEnded(one.state)));
  return (
    <>
      <Loaded of={list}>
        {(page) =>
          page.task_instances.length === 0 ? (
            <Empty>{offset > 0 ? t('Nothing is on this page.') : none}</Empty>
          ) : (
            <PickTable
              rows={page.task_instances}
              columns={columns(now)}
              keyOf={taskId}
              labelOf={labelOf}
              picks={canOperate ? picks : null}
              isSmall={isSmall}
              order={order}
              onOrder={onOrder}
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
      {list.data && <Pager offset={offset} limit={instancePageSize} total={list.data.total_entries} isLeast={typeof list.data.total_entries_limit === 'number'} noun="task" onMove={onMove} />}
      {act !== null && <BulkTasks {...act} onClose={() => setAct(null)} onDone={() => { picks.clear(); list.reload(); }} />}
    </>
  );
}
