// The task groups of a DAG: what stands in what, and which of them a reader has unfolded. Grid and graph share both.
import { keep, readKept as readText } from './kept';

export interface GroupInfo {
  id: string;
  parent: string | null;
  name: string; // for people
}

export interface GroupTree {
  groups: ReadonlyMap<string, GroupInfo>;
  /** The groups around a task or group, the outermost first. */
  around: (group: string | null) => readonly GroupInfo[];
}

/** A parent that is not there, or one that would make a circle, ends the way up. */
export function groupTree(list: readonly GroupInfo[]): GroupTree {
  const groups = new Map(list.map((one) => [one.id, one]));
  const known = new Map<string, readonly GroupInfo[]>();
  const around = (id: string | null): readonly GroupInfo[] => {
    if (id === null) return [];
    const before = known.get(id);
    if (before) return before;
    const group = groups.get(id);
    if (!group) return [];
    known.set(id, [group]); // a circle ends here
    const way = [...around(group.parent), group];
    known.set(id, way);
    return way;
  };
  return { groups, around };
}

/** Folded, a group hides what is in it: the outermost folded one stands for the task. */
export const foldedAround = (way: readonly GroupInfo[], open: ReadonlySet<string>): GroupInfo | undefined =>
  way.find((group) => !open.has(group.id));

const kept = 'batuta-open-groups';
const mostDags = 50;

type Kept = [dag: string, open: string[]][];

export function readKept(text: string | null): Kept {
  try {
    const rows: unknown = JSON.parse(text ?? '[]');
    if (!Array.isArray(rows)) return [];
    return rows.filter((row): row is [string, string[]] => Array.isArray(row) && typeof row[0] === 'string' && Array.isArray(row[1]));
  } catch {
    return []; // somebody else's text
  }
}

/** The DAG's entry renewed, as the newest; the oldest ones are forgotten. */
export function renewKept(rows: Kept, dag: string, open: ReadonlySet<string>): Kept {
  const others = rows.filter(([id]) => id !== dag);
  return (open.size === 0 ? others : [...others, [dag, [...open]] as Kept[number]]).slice(-mostDags);
}

const listeners = new Set<() => void>();

/** Groups are folded until somebody unfolds them; what was unfolded is kept in the browser, for each DAG. */
export const openGroups = {
  of: (dag: string): ReadonlySet<string> =>
    new Set(readKept(readText(kept)).find(([id]) => id === dag)?.[1] ?? []),
  set(dag: string, open: ReadonlySet<string>): void {
    keep(kept, JSON.stringify(renewKept(readKept(readText(kept)), dag, open)));
    for (const listener of listeners) listener();
  },
  listen(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
