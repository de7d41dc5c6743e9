// One change of many task instances: whom it is about, and by which requests. Pure.
import type { BulkAnswer, TaskInstance, TaskKey } from '../api/types';

export type TaskAct = 'clear' | 'success' | 'failed' | 'skipped' | 'delete';

export const keyOfTask = (task: TaskKey): TaskKey => ({ dag_id: task.dag_id, dag_run_id: task.dag_run_id, task_id: task.task_id, map_index: task.map_index });
export const taskId = (task: TaskKey): string => [task.dag_id, task.dag_run_id, task.task_id, task.map_index].join('\n');

/** Those that are not as they shall be already; what was taken out of its DAG is nothing to be run or marked. */
export function meantTasks(act: TaskAct, tasks: readonly TaskInstance[]): TaskInstance[] {
  if (act === 'delete') return [...tasks];
  return tasks.filter((task) => task.state !== 'removed' && (act === 'clear' || task.state !== act));
}

export interface ClearGroup {
  dag_id: string;
  dag_run_id: string;
  task_ids: (string | [string, number])[];
}

/** A clear is asked for run by run. */
export function clearGroups(tasks: readonly TaskKey[]): ClearGroup[] {
  const groups = new Map<string, ClearGroup>();
  for (const { dag_id, dag_run_id, task_id, map_index } of tasks) {
    const key = `${dag_id}\n${dag_run_id}`;
    let group = groups.get(key);
    if (!group) groups.set(key, (group = { dag_id, dag_run_id, task_ids: [] }));
    group.task_ids.push(map_index < 0 ? task_id : [task_id, map_index]);
  }
  return [...groups.values()];
}

/** What several answers name, each once, in the order of the answers. */
export function eachOnce(lists: readonly (readonly TaskInstance[])[]): TaskInstance[] {
  return [...new Map(lists.flat().map((task) => [taskId(task), task])).values()];
}

export const refusalsOf = (answer: BulkAnswer, refused: string): string[] =>
  [answer.update, answer.delete].flatMap((done) => done?.errors ?? []).map((one) => (typeof one['error'] === 'string' ? one['error'] : refused));
