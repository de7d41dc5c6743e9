import * as api from '../api/endpoints';
import type { Task } from '../api/types';
import { GraphPicture, graphLimit } from '../components/graph_picture';
import { Loaded } from '../components/loaded';
import { useResource } from '../lib/hooks';

const tableLimit = 500;

function TaskRow({ task, upstream }: { task: Task; upstream: readonly string[] }) {
  return (
    <tr>
      <td class="cell-main" data-label="Task">{task.task_id}</td>
      <td data-label="Type">{task.operator_name ?? '–'}</td>
      <td data-label="Depends on">{upstream.length > 0 ? upstream.join(', ') : <span class="muted">–</span>}</td>
      <td data-label="Trigger rule">{task.trigger_rule ?? '–'}</td>
      <td data-label="Pool">{task.pool ?? '–'}</td>
      <td class="number" data-label="Retries">{task.retries ?? 0}</td>
    </tr>
  );
}

function upstreamOf(tasks: readonly Task[]): Map<string, string[]> {
  const upstream = new Map<string, string[]>();
  for (const task of tasks) {
    for (const to of task.downstream_task_ids ?? []) {
      const list = upstream.get(to);
      if (list) list.push(task.task_id);
      else upstream.set(to, [task.task_id]);
    }
  }
  return upstream;
}

export function DagTasks({ dag, version }: { dag: string; version: number | undefined }) {
  const tasks = useResource((signal) => api.dagTasks(dag, undefined, signal), [dag, version]);
  return (
    <Loaded of={tasks}>
      {(data) => {
        const upstream = upstreamOf(data.tasks);
        return (
          <section aria-label="Tasks">
            {data.tasks.length <= graphLimit && <GraphPicture tasks={data.tasks} />}
            <div class="table-box">
              <table class="table table-stack">
                <thead>
                  <tr>
                    <th scope="col">Task</th>
                    <th scope="col">Type</th>
                    <th scope="col">Depends on</th>
                    <th scope="col">Trigger rule</th>
                    <th scope="col">Pool</th>
                    <th scope="col" class="number">
                      Retries
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.tasks.slice(0, tableLimit).map((task) => (
                    <TaskRow key={task.task_id} task={task} upstream={upstream.get(task.task_id) ?? []} />
                  ))}
                </tbody>
              </table>
            </div>
            {data.tasks.length > tableLimit && (
              <p class="muted">
                The first {tableLimit} of {data.tasks.length} tasks; the source tab has all of them.
              </p>
            )}
          </section>
        );
      }}
    </Loaded>
  );
}
