// Task instances of all DAGs, found by filters that stand in the address.
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { Choice, SearchBox, spanChoices, StateChoice } from '../components/choice';
import { Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { duration, elapsed } from '../lib/format';
import { useLive, useNow, usePage, useResource, useSearch, useSearchText, useThrottled, useTitle } from '../lib/hooks';
import { tasksQuery } from '../lib/list_query';
import { dagLink, runLink } from '../lib/route';
import { isEnded, states } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';

const pageSize = 50;
const taskStates = states.map((one) => one.name).filter((one) => one !== 'restarting' && one !== 'up_for_reschedule');

function useTasks(offset: number) {
  const [search] = useSearch();
  return useResource((signal) => api.taskInstances('~', '~', { ...tasksQuery(search, Date.now()), limit: pageSize, offset }, signal), [search.toString(), offset]);
}

function Filters() {
  const [search, change] = useSearch();
  const [dag, setDag] = useSearchText('dag');
  const [task, setTask] = useSearchText('q');
  const [run, setRun] = useSearchText('run');
  return (
    <div class="toolbar" role="search">
      <SearchBox label={t('Search DAGs')} text={dag} onText={setDag} />
      <SearchBox label={t('Search tasks')} text={task} onText={setTask} />
      <SearchBox label={t('Search runs')} text={run} onText={setRun} />
      <StateChoice states={taskStates} />
      <Choice label={t('When')} value={search.get('hours') ?? ''} all={t('At any time')} choices={spanChoices()} onChange={(hours) => change({ hours })} />
    </div>
  );
}

function columnsOf(now: number): Column<TaskInstance>[] {
  return [
    { name: t('State'), cell: (one) => <StateBadge state={one.state} /> },
    { name: t('DAG'), cell: (one) => <a href={dagLink(one.dag_id)}>{one.dag_id}</a> },
    { name: t('Task'), cell: (one) => <a href={runLink(one.dag_id, one.dag_run_id, taskKey(one), 'log')}>{taskKey(one)}</a> },
    { name: t('Run'), cell: (one) => <a href={runLink(one.dag_id, one.dag_run_id)}>{one.dag_run_id}</a> },
    { name: t('Started'), cell: (one) => <At at={one.start_date} /> },
    { name: t('Tries'), number: true, cell: (one) => one.try_number },
    { name: t('Duration'), number: true, cell: (one) => duration(elapsed(one.start_date, one.end_date, now)) },
  ];
}

export function TasksView() {
  const [offset, move] = usePage(pageSize);
  const tasks = useTasks(offset);
  const reload = useThrottled(tasks.reload, 2000);
  useLive((batch) => {
    if (batch.resync || batch.tasks.length > 0 || batch.dags.length > 0) reload();
  });
  const now = useNow(tasks.data?.task_instances.some((one) => !isEnded(one.state)) ?? false);
  useTitle(t('Tasks'));
  return (
    <>
      <div class="page-head">
        <h1>{t('Tasks')}</h1>
      </div>
      <Filters />
      <Loaded of={tasks}>
        {(page) => (
          <>
            <SimpleTable rows={page.task_instances} columns={columnsOf(now)} keyOf={(one) => one.id} empty={t('No task matches.')} />
            <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="task" onMove={move} />
          </>
        )}
      </Loaded>
    </>
  );
}
