// The lines of a grid: its tasks in their groups. A folded group is one line, in the state that needs attention most. Pure.
import type { Grid, GridRun } from '../api/types';
import { letterOf, lettersOf } from './grid';
import { worstFirst } from './states';
import { groupTree } from './task_groups';

export interface GridLine {
  key: string;
  kind: 'task' | 'group';
  id: string;
  name: string; // for people
  depth: number;
  at: number; // a task's place in the answer; -1 for a group
  members: readonly number[]; // of a group: the places of all tasks in it, of inner groups too
  isOpen: boolean;
}

interface Branch {
  id: string;
  name: string;
  members: number[];
  parts: (Branch | number)[];
}

/** The groups stand where their first task would. */
function branchesOf(grid: Pick<Grid, 'tasks' | 'groups'>): Branch {
  const tree = groupTree(grid.groups.map((one) => ({ id: one.group_id, parent: one.parent, name: one.display_name ?? one.group_id })));
  const root: Branch = { id: '', name: '', members: [], parts: [] };
  const known = new Map<string, Branch>();
  grid.tasks.forEach((task, at) => {
    let branch = root;
    for (const group of tree.around(task.group)) {
      let next = known.get(group.id);
      if (!next) {
        next = { id: group.id, name: group.name, members: [], parts: [] };
        known.set(group.id, next);
        branch.parts.push(next);
      }
      next.members.push(at);
      branch = next;
    }
    branch.parts.push(at);
  });
  return root;
}

/** What is searched for is shown with the groups around it, folded or not. */
export function gridLines(grid: Pick<Grid, 'tasks' | 'groups'>, open: ReadonlySet<string>, text = ''): GridLine[] {
  const lower = text.toLowerCase();
  const fits = (at: number) => {
    const task = grid.tasks[at];
    return `${task?.task_id ?? ''} ${task?.display_name ?? ''}`.toLowerCase().includes(lower);
  };
  const lines: GridLine[] = [];
  const add = (branch: Branch, depth: number) => {
    for (const part of branch.parts) {
      if (typeof part === 'number') {
        const task = grid.tasks[part];
        if (!task || !fits(part)) continue;
        lines.push({ key: `task ${task.task_id}`, kind: 'task', id: task.task_id, name: task.display_name ?? task.task_id, depth, at: part, members: [], isOpen: false });
        continue;
      }
      if (lower !== '' && !part.members.some(fits)) continue;
      const isOpen = lower !== '' || open.has(part.id);
      lines.push({ key: `group ${part.id}`, kind: 'group', id: part.id, name: part.name, depth, at: -1, members: part.members, isOpen });
      if (isOpen) add(part, depth + 1);
    }
  };
  add(branchesOf(grid), 0);
  return lines;
}

// As the server folds mapped tasks (scheduler/api/grid_routes.cc).
const worstLetters = worstFirst.map(letterOf).join('');
// A run that did not change is the same object, so its groups are not counted anew.
const letters = new WeakMap<GridRun, WeakMap<readonly number[], string>>();

/** What a group shows of a run: the first of these that a task in it is in; a space where the run has none of them. */
export function groupLetter(run: GridRun, members: readonly number[]): string {
  let known = letters.get(run);
  if (!known) letters.set(run, (known = new WeakMap()));
  const before = known.get(members);
  if (before !== undefined) return before;
  let best = worstLetters.length;
  for (const at of members) {
    const rank = worstLetters.indexOf(run.cells[at] ?? ' ');
    if (rank >= 0 && rank < best) best = rank;
  }
  const letter = worstLetters[best] ?? ' ';
  known.set(members, letter);
  return letter;
}

/** One line's letters, the oldest run first. */
export function lettersOfLine(grid: Grid, line: GridLine): string {
  if (line.kind === 'task') return lettersOf(grid, line.at);
  let text = '';
  for (let at = grid.runs.length - 1; at >= 0; at -= 1) {
    const run = grid.runs[at];
    text += run ? groupLetter(run, line.members) : ' ';
  }
  return text;
}

/** The line that shows a task: its own, or that of the outermost folded group around it; -1: none does. */
export function lineOfTask(lines: readonly GridLine[], grid: Pick<Grid, 'tasks'>, task: string | null): number {
  const own = lines.findIndex((line) => line.kind === 'task' && line.id === task);
  if (own >= 0 || task === null) return own;
  const at = grid.tasks.findIndex((one) => one.task_id === task);
  return at < 0 ? -1 : lines.findIndex((line) => line.kind === 'group' && !line.isOpen && line.members.includes(at));
}
