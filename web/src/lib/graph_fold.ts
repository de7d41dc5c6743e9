// What a picture of a DAG is made of when some of its task groups are folded: in each frame its units and the pieces of
// edges between them. An edge into an unfolded group ends at a port of its frame and goes on inside. Pure.
import type { Point } from './graph_place';
import { foldedAround, type GroupTree } from './task_groups';

export interface GraphInput {
  id: string;
  downstream: readonly string[];
  group?: string | null;
  labels?: Readonly<Record<string, unknown>>; // by the task below
}

/** A piece of an edge, inside one frame. */
export interface Piece {
  from: string;
  to: string;
  fromPort: string; // where `from` is a frame: which of its ports; else ''
  toPort: string;
  label: string;
  points: Point[]; // once it is drawn
}

/** A group: a frame with what is in it, or folded. '' is the whole picture. */
export interface Parts {
  name: string;
  isOpen: boolean;
  members: string[]; // its tasks, of inner groups too
  children: string[];
  portsIn: Set<string>;
  portsOut: Set<string>;
  links: Piece[];
}

export interface Edge {
  from: string;
  to: string;
  label: string;
  parts: Piece[];
}

const newParts = (name: string, isOpen: boolean): Parts => ({ name, isOpen, members: [], children: [], portsIn: new Set(), portsOut: new Set(), links: [] });

export function unitsOf(tasks: readonly GraphInput[], tree: GroupTree, open: ReadonlySet<string>): { parts: Map<string, Parts>; edges: Edge[] } {
  const parts = new Map<string, Parts>([['', newParts('', true)]]);
  const shown = new Map<string, { id: string; frames: string[] }>(); // what stands for each task, and the frames around it
  for (const task of tasks) {
    const way = tree.around(task.group ?? null);
    const folded = foldedAround(way, open);
    const frames = [''];
    for (const group of way) {
      let part = parts.get(group.id);
      if (!part) {
        parts.set(group.id, (part = newParts(group.name, open.has(group.id))));
        parts.get(frames[frames.length - 1] ?? '')?.children.push(group.id);
      }
      part.members.push(task.id);
      if (group === folded) break;
      frames.push(group.id);
    }
    if (folded) for (const group of way.slice(way.indexOf(folded) + 1)) parts.get(group.id)?.members.push(task.id);
    shown.set(task.id, { id: folded?.id ?? task.id, frames });
    if (!folded) parts.get(frames[frames.length - 1] ?? '')?.children.push(task.id);
  }
  return { parts, edges: edgesOf(tasks, shown, parts) };
}

type Shown = ReadonlyMap<string, { id: string; frames: string[] }>;

function edgesOf(tasks: readonly GraphInput[], shown: Shown, parts: ReadonlyMap<string, Parts>): Edge[] {
  const edges = new Map<string, Edge>();
  const pieces = new Map<string, Piece>();
  const piece = (frame: string, from: string, to: string, fromPort: string, toPort: string, label: string): Piece => {
    const key = [frame, from, to, fromPort, toPort].join('\n');
    let one = pieces.get(key);
    if (!one) {
      pieces.set(key, (one = { from, to, fromPort, toPort, label: '', points: [] }));
      parts.get(frame)?.links.push(one);
    }
    if (label) one.label = label;
    return one;
  };
  for (const task of tasks) {
    const a = shown.get(task.id);
    for (const below of task.downstream) {
      const b = shown.get(below);
      if (!a || !b || a.id === b.id) continue;
      const key = `${a.id}\n${b.id}`;
      const given = task.labels?.[below];
      const label = typeof given === 'string' ? given : '';
      const before = edges.get(key);
      if (before) {
        if (before.label !== label) before.label = ''; // of several edges that are one now, none speaks for all
        continue;
      }
      edges.set(key, { from: a.id, to: b.id, label, parts: piecesOf(a, b, label, parts, piece) });
    }
  }
  return [...edges.values()];
}

function piecesOf(
  a: { id: string; frames: string[] },
  b: { id: string; frames: string[] },
  label: string,
  parts: ReadonlyMap<string, Parts>,
  piece: (frame: string, from: string, to: string, fromPort: string, toPort: string, label: string) => Piece,
): Piece[] {
  let common = 0;
  while (common + 1 < a.frames.length && a.frames[common + 1] === b.frames[common + 1]) common += 1;
  const frame = a.frames[common] ?? '';
  // Outward from `a`, across, inward to `b`; each frame on the way is left or entered by the port of what is inside.
  const leaving = a.frames.slice(common + 1);
  const entering = b.frames.slice(common + 1);
  const out: Piece[] = [];
  for (let at = leaving.length - 1; at >= 0; at -= 1) {
    const inner = leaving[at + 1] ?? a.id;
    const here = leaving[at] ?? '';
    const below = leaving[at + 2] ?? (at + 1 < leaving.length ? a.id : '');
    parts.get(here)?.portsOut.add(inner);
    out.push(piece(here, inner, `out\n${inner}`, at + 1 < leaving.length ? below : '', '', ''));
  }
  const left = leaving[0] ?? a.id;
  const entered = entering[0] ?? b.id;
  const portOut = leaving.length > 0 ? (leaving[1] ?? a.id) : '';
  const portIn = entering.length > 0 ? (entering[1] ?? b.id) : '';
  out.push(piece(frame, left, entered, portOut, portIn, label));
  entering.forEach((here, at) => {
    const inner = entering[at + 1] ?? b.id;
    const below = at + 1 < entering.length ? (entering[at + 2] ?? b.id) : '';
    parts.get(here)?.portsIn.add(inner);
    out.push(piece(here, `in\n${inner}`, inner, '', below, ''));
  });
  return out;
}

/** Longest-path layer of every task. A task on a cycle (never valid input) stays in layer 0. */
export function layers(tasks: readonly GraphInput[]): Map<string, number> {
  const known = new Map(tasks.map((task) => [task.id, task]));
  const waiting = new Map(tasks.map((task) => [task.id, 0]));
  for (const task of tasks) {
    for (const to of task.downstream) {
      if (known.has(to)) waiting.set(to, (waiting.get(to) ?? 0) + 1);
    }
  }
  const layer = new Map(tasks.map((task) => [task.id, 0]));
  const ready = tasks.filter((task) => waiting.get(task.id) === 0).map((task) => task.id);
  for (let at = 0; at < ready.length; at += 1) {
    const id = ready[at] as string;
    for (const to of known.get(id)?.downstream ?? []) {
      if (!known.has(to)) continue;
      layer.set(to, Math.max(layer.get(to) ?? 0, (layer.get(id) ?? 0) + 1));
      const left = (waiting.get(to) ?? 0) - 1;
      waiting.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return layer;
}
