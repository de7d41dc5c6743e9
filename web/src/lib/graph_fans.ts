// Wide fans of a graph: many tasks that stand beside each other between the same neighbours are one group, which folds. Pure.
import type { GraphInput } from './graph_fold';
import type { GroupInfo } from './task_groups';

/** So many beside each other are still drawn one by one. */
export const mostBeside = 12;

export const fanId = (first: string): string => `fan:${first}`; // no id of a group has a colon

const commonStart = (a: string, b: string): string => {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return a.slice(0, at);
};

/** A name for all: what their ids begin with alike, or the first of them. */
function nameOf(ids: readonly string[]): string {
  const [first = ''] = ids;
  const start = ids.reduce(commonStart, first);
  return `${start.length >= 3 ? start : first}…`;
}

/** The tasks with the fans among them as groups, and those groups behind the others. Tasks without any neighbour have the same ones: none. */
export function withFans<T extends GraphInput>(tasks: readonly T[], groups: readonly GroupInfo[]): { tasks: readonly T[]; groups: readonly GroupInfo[]; fans: readonly GroupInfo[] } {
  const known = new Set(tasks.map((task) => task.id));
  const above = new Map<string, string[]>();
  for (const task of tasks) {
    for (const below of task.downstream) {
      const edge = `${task.id}\n${JSON.stringify(task.labels?.[below] ?? '')}`;
      const before = above.get(below);
      if (before) before.push(edge);
      else above.set(below, [edge]);
    }
  }
  const alike = new Map<string, T[]>();
  for (const task of tasks) {
    const before = [...(above.get(task.id) ?? [])].sort();
    const behind = task.downstream.filter((id) => known.has(id)).map((id) => `${id}\n${JSON.stringify(task.labels?.[id] ?? '')}`).sort();
    const key = JSON.stringify([task.group ?? null, before, behind]);
    const beside = alike.get(key);
    if (beside) beside.push(task);
    else alike.set(key, [task]);
  }
  const fans: GroupInfo[] = [];
  const fanOf = new Map<string, string>();
  for (const beside of alike.values()) {
    const [first] = beside;
    if (!first || beside.length <= mostBeside) continue;
    const id = fanId(first.id);
    fans.push({ id, parent: first.group ?? null, name: nameOf(beside.map((task) => task.id)) });
    for (const task of beside) fanOf.set(task.id, id);
  }
  if (fans.length === 0) return { tasks, groups, fans };
  return { tasks: tasks.map((task) => (fanOf.has(task.id) ? { ...task, group: fanOf.get(task.id) ?? null } : task)), groups: [...groups, ...fans], fans };
}
