// One run: its tasks with live states, a picture of them, and everything about the selected one.
import { useMemo, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { GraphPicture, graphLimit } from '../components/graph_picture';
import { Loaded } from '../components/loaded';
import { useLive, useNow, useResource, useThrottled, useTitle } from '../lib/hooks';
import { applyRun, applyTasks, taskMap, type TaskMap } from '../lib/live';
import { dagLink, runLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { RunHead } from './run_head';
import { TaskList } from './task_list';
import { TaskPanel } from './task_panel';

const pageSize = 1000;
const mostTasks = 20_000; // the most a DAG may have
const rereadMs = 2000;

async function readTasks(dag: string, run: string, signal: AbortSignal): Promise<TaskMap> {
  const all: TaskInstance[] = [];
  for (;;) {
    const query = { limit: pageSize, offset: all.length, order_by: 'task_id' };
    const page = await api.taskInstances(dag, run, query, signal);
    all.push(...page.task_instances);
    const done = page.task_instances.length === 0 || all.length >= page.total_entries;
    if (done || all.length >= mostTasks) return taskMap(all);
  }
}

function useRun(dag: string, run: string) {
  const head = useResource((signal) => api.dagRun(dag, run, signal), [dag, run]);
  const tasks = useResource((signal) => readTasks(dag, run, signal), [dag, run]);
  const shape = useResource((signal) => api.dagTasks(dag, signal), [dag]);
  const reread = useThrottled(() => {
    head.reload();
    tasks.reload();
  }, rereadMs);
  useLive((batch) => {
    head.change((old) => applyRun(old, batch.runs));
    tasks.change((old) => applyTasks(old, batch.tasks, dag, run));
    const ended = batch.runs.some((one) => one.dag_id === dag && one.dag_run_id === run && isEnded(one.state));
    if (batch.resync || ended) reread();
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
  const [state, setState] = useState('');
  const live = !isEnded(head.data?.state);
  const now = useNow(live);
  useTitle(`${run} · ${dag}`);
  const select = (next: string | null, nextTab = tab) => {
    location.hash = runLink(dag, run, next, next === null ? '' : nextTab);
  };
  const map = tasks.data;
  const list = useMemo(() => (map ? [...map.values()] : []), [map]);
  const drawn = useMemo(
    () => (map ? (shape.data?.tasks ?? []).filter((one) => map.has(one.task_id)) : []),
    [shape.data, map],
  );
  const selected = task === null ? undefined : map?.get(task);
  return (
    <Loaded of={head}>
      {(data) => (
        <>
          <nav class="crumbs" aria-label="Breadcrumb">
            <a href="#/dags">DAGs</a>
            <a href={dagLink(dag)}>{dag}</a>
          </nav>
          <RunHead run={data} tasks={list} now={now} state={state} onState={setState} onChanged={reread} />
          {drawn.length > 1 && drawn.length <= graphLimit && map && (
            <GraphPicture tasks={drawn} states={map} selected={task} onSelect={(id) => select(id)} />
          )}
          <div class={`run-body ${selected ? 'has-panel' : ''}`}>
            <Loaded of={tasks}>
              {() => (
                <TaskList
                  tasks={list}
                  order={drawn}
                  run={data}
                  now={now}
                  state={state}
                  selected={task}
                  onSelect={(id) => select(id)}
                />
              )}
            </Loaded>
            {selected && (
              <TaskPanel
                key={selected.task_id}
                task={selected}
                tab={tab}
                now={now}
                onTab={(next) => select(selected.task_id, next)}
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
