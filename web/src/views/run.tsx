// One run: its tasks with live states, a picture of them, and everything about the selected one.
import { useEffect, useMemo } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Task, TaskGroup, TaskInstance } from '../api/types';
import { Icon } from '../components/icon';
import { Loaded } from '../components/loaded';
import { withSearch } from '../lib/address';
import { useLive, useNow, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { applyRun, applyTasks, foldMapped, hasNewInstances, taskMap, type TaskMap } from '../lib/live';
import { aheadKey, askAhead, forgetAhead, instanceOf, isAboutEnd } from '../lib/log_ahead';
import { logEnd } from '../lib/log_reader';
import { everyPage } from '../lib/pages';
import { dagLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { DagGraph } from './dag_graph';
import { MappedTable } from './mapped_table';
import { RunHead } from './run_head';
import { TaskList } from './task_list';
import { TaskPanel } from './task_panel';

const mostTasks = 20_000; // more are said, not shown
const rereadMs = 2000;
const instancesTab = 'instances'; // of a mapped task as a whole, which has no log of its own

interface Tasks {
  map: TaskMap;
  total: number;
}

async function readTasks(dag: string, run: string, signal: AbortSignal): Promise<Tasks> {
  const { rows, total } = await everyPage<TaskInstance>(async (page) => {
    const answer = await api.taskInstances(dag, run, { ...page, order_by: 'task_id' }, signal);
    return { rows: answer.task_instances, total: answer.total_entries };
  }, mostTasks);
  return { map: taskMap(rows), total };
}

const noTasks: Task[] = [];
const noGroups: TaskGroup[] = [];

function useRun(dag: string, run: string) {
  const head = useResource((signal) => api.dagRun(dag, run, signal), [dag, run]);
  const tasks = useResource((signal) => readTasks(dag, run, signal), [dag, run]);
  // Of the version the run was made from: the newest may have other tasks by now.
  const version = head.data?.dag_versions[0]?.version_number;
  const shape = useResource(
    (signal) => (head.data ? api.dagTasks(dag, version, signal) : Promise.resolve({ tasks: noTasks, total_entries: 0, batuta: { groups: noGroups } })),
    [dag, version, head.data !== undefined],
  );
  const reread = useThrottled(() => {
    head.reload();
    tasks.reload();
  }, rereadMs);
  useLive((batch) => {
    head.change((old) => applyRun(old, batch.runs));
    tasks.change((old) => {
      const map = applyTasks(old.map, batch.tasks, dag, run);
      return map === old.map ? old : { ...old, map };
    });
    const ended = batch.runs.some((one) => one.dag_id === dag && one.dag_run_id === run && isEnded(one.state));
    const expanded = tasks.data !== undefined && hasNewInstances(tasks.data.map, batch.tasks, dag, run);
    if (batch.resync || ended || expanded) reread();
  });
  return { head, tasks, shape, reread };
}

export interface RunViewProps {
  dag: string;
  run: string;
  task: string | null;
  tab: string;
}

export function RunView({ dag, run, task, tab }: RunViewProps) {
  const { head, tasks, shape, reread } = useRun(dag, run);
  const [search, change] = useSearch();
  const state = search.get('state') ?? '';
  const live = !isEnded(head.data?.state);
  const now = useNow(live);
  useTitle(`${run} · ${dag}`);
  const select = (next: string | null, nextTab = tab === instancesTab ? 'log' : tab) => {
    location.hash = withSearch(location.hash, { task: next, tab: next === null ? null : nextTab, ...(next === task ? {} : { try: null, line: null, beside: null, line2: null }) });
  };
  useEffect(() => {
    if (task === null || !isAboutEnd(search, tab)) return undefined;
    const { task: name, index } = instanceOf(task);
    askAhead(aheadKey(dag, run, name, index), () => api.logWindow(dag, run, name, { bytes: logEnd, allow_none: true }, undefined, index));
    return forgetAhead;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what an address opens; later its tasks are there already
  }, [dag, run]);
  const map = tasks.data?.map;
  const list = useMemo(() => (map ? [...map.values()] : []), [map]);
  const folded = useMemo(() => (map ? foldMapped(map) : undefined), [map]);
  const drawn = shape.data?.tasks ?? noTasks;
  const selected = task === null ? undefined : map?.get(task);
  const mapped = task !== null && !selected && map?.has(`${task}[0]`) ? task : null;
  return (
    <Loaded of={head}>
      {(data) => (
        <>
          <nav class="crumbs" aria-label={t('Where this is')}>
            <a href="#/dags">{t('DAGs')}</a>
            <a href={dagLink(dag)}>{dag}</a>
          </nav>
          <RunHead run={data} tasks={list} now={now} state={state} onState={(next) => change({ state: next })} onChanged={reread} />
          {drawn.length > 1 && map && folded && (
            <DagGraph
              dag={dag}
              tasks={drawn}
              groups={shape.data?.batuta.groups ?? noGroups}
              states={folded}
              selected={selected?.task_id ?? task}
              onSelect={(id) => (map.has(id) ? select(id) : select(id, instancesTab))}
            />
          )}
          <div class={`run-body ${selected || mapped !== null ? 'has-panel' : ''}`}>
            <Loaded of={tasks}>
              {({ total }) => (
                <TaskList
                  tasks={list}
                  total={total}
                  order={drawn}
                  run={data}
                  now={now}
                  state={state}
                  selected={task}
                  onSelect={(id) => select(id)}
                />
              )}
            </Loaded>
            {mapped !== null && (
              <section class="task-panel card" aria-label={t('Task {task}', { task: mapped })}>
                <header class="panel-head">
                  <h2>{mapped}</h2>
                  <button type="button" class="icon-button" aria-label={t('Close task')} onClick={() => select(null)}>
                    <Icon name="close" />
                  </button>
                </header>
                <MappedTable key={mapped} dag={dag} run={run} task={mapped} />
              </section>
            )}
            {selected && (
              <TaskPanel
                key={taskKey(selected)}
                task={selected}
                tab={tab}
                now={now}
                onTab={(next) => select(taskKey(selected), next)}
                onClose={() => select(null)}
                onChanged={reread}
              />
            )}
          </div>
        </>
      )}
    </Loaded>
  );
}
