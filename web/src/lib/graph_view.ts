// What a reader asks of a graph: a part of it, the next box in a direction, the state of a group. Pure.
import { stateInfo, states, worstFirst } from './states';

interface Below {
  task_id: string;
  downstream_task_ids: readonly string[];
}

export type Part = 'all' | 'up' | 'down' | 'both';

function reached(from: string, next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set([from]);
  for (const id of found) for (const to of next.get(id) ?? []) found.add(to);
  return found;
}

/** The tasks before a task, behind it or both, with the task itself; all where it is not there. */
export function partOf<T extends Below>(tasks: readonly T[], task: string | null, part: Part): readonly T[] {
  if (task === null || part === 'all' || !tasks.some((one) => one.task_id === task)) return tasks;
  const below = new Map(tasks.map((one) => [one.task_id, one.downstream_task_ids]));
  const above = new Map<string, string[]>(tasks.map((one) => [one.task_id, []]));
  for (const one of tasks) for (const to of one.downstream_task_ids) above.get(to)?.push(one.task_id);
  const wanted = new Set([...(part === 'down' ? [] : reached(task, above)), ...(part === 'up' ? [] : reached(task, below))]);
  return tasks.filter((one) => wanted.has(one.task_id));
}

export interface Spot {
  id: string;
  x: number;
  y: number;
}

const mostAside = 6; // what lies further aside than this, times what it lies ahead, is in no arrow's direction
const directions: Readonly<Record<string, [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The nearest spot in a key's direction; null: there is none, or the key is no arrow. */
export function nextSpot(spots: readonly Spot[], from: Spot, key: string): Spot | null {
  const direction = directions[key];
  if (!direction) return null;
  const [dx, dy] = direction;
  let best: Spot | null = null;
  let least = Infinity;
  for (const spot of spots) {
    const [x, y] = [spot.x - from.x, spot.y - from.y];
    const ahead = x * dx + y * dy;
    const aside = Math.abs(x * dy + y * dx);
    if (spot.id === from.id || ahead <= 1 || aside > mostAside * ahead) continue;
    const cost = ahead + 2.5 * aside;
    if (cost < least) [best, least] = [spot, cost];
  }
  return best;
}

/** What a group shows: the state that needs attention most. */
export function worstState(found: readonly (string | null)[]): string | null {
  const best = worstFirst.find((state) => found.some((one) => (one ?? 'none') === state));
  return best === undefined || best === 'none' ? null : best;
}

/** "2 Failed, 3 Success": at most three states, what needs attention first. */
export function countsText(found: readonly (string | null)[]): string {
  const counts = new Map<string, number>();
  for (const one of found) counts.set(stateInfo(one).name, (counts.get(stateInfo(one).name) ?? 0) + 1);
  return states.filter((state) => counts.has(state.name)).slice(0, 3).map((state) => `${counts.get(state.name) ?? 0} ${state.label}`).join(', ');
}
