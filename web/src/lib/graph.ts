// A layered picture of a DAG: a task stands behind what it depends on, edges go around boxes and not behind them. A
// folded task group is one box; an unfolded one is a frame, and a picture of its own inside.
import { columnsOf, type Link, type Unit } from './graph_layers';
import { placeColumns, type Placed, type Point } from './graph_place';
import { unitsOf, type Edge, type Parts } from './graph_fold';
import { foldedAround, groupTree, type GroupInfo } from './task_groups';

export type { GraphInput } from './graph_fold';
export { layers } from './graph_fold';

export interface GraphNode {
  id: string;
  kind: 'task' | 'group'; // a folded one
  x: number;
  y: number;
  members: readonly string[]; // of a group: its tasks
}

export interface GraphFrame {
  id: string;
  name: string;
  x: number;
  y: number;
  width: number;
  height: number;
  members: readonly string[];
}

export interface GraphEdge {
  from: string;
  to: string;
  path: string; // SVG path data
  points: [x: number, y: number][]; // what it is drawn through
  label: { text: string; x: number; y: number } | null;
}

export interface Graph {
  nodes: GraphNode[];
  frames: GraphFrame[]; // outer ones first
  edges: GraphEdge[];
  width: number;
  height: number;
}

export interface GraphOptions {
  groups?: readonly GroupInfo[];
  open?: ReadonlySet<string>;
  down?: boolean; // from top to bottom
}

export const nodeWidth = 176;
export const nodeHeight = 36;
export const frameHead = 31;
const frameSide = 12;
const margin = 8;
const gapAlong = 52;
const letterWidth = 6.6;
export const longestLabel = 18;

export const shortLabel = (text: string): string => (text.length <= longestLabel ? text : `${text.slice(0, longestLabel - 1)}…`);

interface Inside {
  placed: Placed;
  along: number; // with the frame
  across: number;
  shift: Point; // from the frame's corner to what is in it
  unit: Parts;
}

class Layout {
  private readonly insides = new Map<string, Inside>();
  private readonly down: boolean;

  constructor(private readonly parts: ReadonlyMap<string, Parts>, down: boolean) {
    this.down = down;
  }

  /** Inner frames first: their sizes and ports decide the outer ones. */
  inside(id: string): Inside {
    const before = this.insides.get(id);
    if (before) return before;
    const unit = this.parts.get(id) as Parts;
    const units: Unit[] = unit.children.map((child) => this.sizeOf(child));
    for (const port of unit.portsIn) units.push({ id: `in\n${port}`, along: 0, across: 0, port: 'in' });
    for (const port of unit.portsOut) units.push({ id: `out\n${port}`, along: 0, across: 0, port: 'out' });
    const links = unit.links.map((edge): Link => ({
      from: edge.from,
      to: edge.to,
      fromAt: this.portAt(edge.from, edge.fromPort && `out\n${edge.fromPort}`),
      toAt: this.portAt(edge.to, edge.toPort && `in\n${edge.toPort}`),
      ...(edge.label ? { label: edge.label } : {}),
    }));
    const columns = columnsOf(units, links);
    const wide = new Map<number, number>();
    for (const way of columns.ways) {
      if (!way.link.label) continue;
      const column = way.first + way.cells.length - 2;
      const room = this.down ? 30 : shortLabel(way.link.label).length * letterWidth + 26;
      wide.set(column, Math.max(wide.get(column) ?? 0, room));
    }
    const placed = placeColumns(columns, (column) => {
      const isPort = (columns.columns[column] ?? []).every((cell) => cell.unit?.port) || (columns.columns[column + 1] ?? []).every((cell) => cell.unit?.port);
      return Math.max(isPort ? 14 : gapAlong, wide.get(column) ?? 0);
    });
    const framed = id !== '';
    const [side, head] = framed ? [frameSide, frameHead] : [margin, margin];
    const shift = this.down ? { along: head, across: side } : { along: side, across: head };
    const least = framed ? nodeWidth : 0;
    const along = placed.along + shift.along + side;
    const across = placed.across + shift.across + side;
    const inside = { placed, shift, unit, along: this.down ? along : Math.max(least, along), across: this.down ? Math.max(least, across) : across };
    this.insides.set(id, inside);
    return inside;
  }

  private sizeOf(id: string): Unit {
    const framed = this.parts.get(id)?.isOpen === true;
    if (!framed) return { id, along: this.down ? nodeHeight : nodeWidth, across: this.down ? nodeWidth : nodeHeight };
    const { along, across } = this.inside(id);
    return { id, along, across };
  }

  /** Where an edge touches a frame: its port's place, from the frame's middle. */
  private portAt(id: string, port: string | undefined): number {
    if (!port || this.parts.get(id)?.isOpen !== true) return 0;
    const { placed, shift, across } = this.inside(id);
    return (placed.at.get(port)?.across ?? 0) + shift.across - across / 2;
  }
}

const isNear = (a: number, b: number) => Math.abs(a - b) < 0.01;

// Straight where it keeps its line, a soft curve where it changes it.
function pathOf(points: readonly [number, number][], down: boolean): string {
  const number = (value: number) => String(Math.round(value * 10) / 10);
  return points
    .map(([x, y], at) => {
      const before = points[at - 1];
      if (!before) return `M${number(x)} ${number(y)}`;
      if (down ? isNear(before[0], x) : isNear(before[1], y)) return `L${number(x)} ${number(y)}`;
      const middle = down ? (before[1] + y) / 2 : (before[0] + x) / 2;
      const [c1, c2] = down ? [[before[0], middle], [x, middle]] : [[middle, before[1]], [middle, y]];
      return `C${[...(c1), ...(c2), x, y].map(number).join(' ')}`;
    })
    .join('');
}

/** Points that only go on are left out. */
function simplified(points: readonly Point[]): Point[] {
  const out: Point[] = [];
  for (const point of points) {
    const [a, b] = [out[out.length - 2], out[out.length - 1]];
    if (b && isNear(b.along, point.along) && isNear(b.across, point.across)) continue;
    if (a && b && isNear(a.across, b.across) && isNear(b.across, point.across)) out.pop();
    out.push(point);
  }
  return out;
}

// A little before the end, in the last gap where the edge changes its line or its length: there it is told from others.
function labelPoint(points: readonly Point[]): Point {
  for (let at = points.length - 1; at > 0; at -= 1) {
    const [a, b] = [points[at - 1] as Point, points[at] as Point];
    if (!isNear(a.across, b.across)) return { along: a.along + (b.along - a.along) * 0.5, across: a.across + (b.across - a.across) * 0.5 };
  }
  const [a, b] = [points[points.length - 2] ?? points[0], points[points.length - 1]];
  return { along: Math.max(((a?.along ?? 0) + (b?.along ?? 0)) / 2, (b?.along ?? 0) - 60), across: b?.across ?? 0 };
}

export function layoutGraph(tasks: Parameters<typeof unitsOf>[0], options: GraphOptions = {}): Graph {
  const down = options.down ?? false;
  if (tasks.length === 0) return { nodes: [], frames: [], edges: [], width: 0, height: 0 };
  const { parts, edges } = unitsOf(tasks, groupTree(options.groups ?? []), options.open ?? new Set());
  const layout = new Layout(parts, down);
  const graph: Graph = { nodes: [], frames: [], edges: [], width: 0, height: 0 };
  const place = (id: string, corner: Point) => {
    const { placed, shift, unit } = layout.inside(id);
    const moved = (point: Point): Point => ({ along: corner.along + shift.along + point.along, across: corner.across + shift.across + point.across });
    unit.links.forEach((edge, at) => {
      const found = placed.ways[at];
      if (found) edge.points = found.points.map(moved);
    });
    for (const child of unit.children) {
      const at = moved(placed.at.get(child) ?? { along: 0, across: 0 });
      const [x, y] = down ? [at.across, at.along] : [at.along, at.across];
      const part = parts.get(child);
      if (!part?.isOpen) {
        graph.nodes.push({ id: child, kind: part ? 'group' : 'task', x, y, members: part?.members ?? [] });
        continue;
      }
      const { along, across } = layout.inside(child);
      const [width, height] = down ? [across, along] : [along, across];
      graph.frames.push({ id: child, name: part.name, x, y, width, height, members: part.members });
      place(child, at);
    }
  };
  place('', { along: 0, across: 0 });
  const whole = layout.inside('');
  [graph.width, graph.height] = down ? [whole.across, whole.along] : [whole.along, whole.across];
  for (const edge of edges) graph.edges.push(drawn(edge, down));
  return graph;
}

function drawn(edge: Edge, down: boolean): GraphEdge {
  const points = simplified(edge.parts.flatMap((part) => part.points));
  const xy = points.map(({ along, across }): [number, number] => (down ? [across, along] : [along, across]));
  const at = labelPoint(points);
  const label = edge.label ? { text: edge.label, x: down ? at.across : at.along, y: down ? at.along : at.across } : null;
  return { from: edge.from, to: edge.to, path: pathOf(xy, down), points: xy, label };
}

/** How many boxes a picture would have. */
export function unitCount(tasks: Parameters<typeof unitsOf>[0], groups: readonly GroupInfo[], open: ReadonlySet<string>): number {
  const tree = groupTree(groups);
  return new Set(tasks.map((task) => foldedAround(tree.around(task.group ?? null), open)?.id ?? `task ${task.id}`)).size;
}
