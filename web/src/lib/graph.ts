// A layered picture of a DAG. A task stands in the column of its longest path from a root; inside a
// column, tasks are ordered by the middle of their neighbours, which removes most crossings.

export interface GraphNode {
  id: string;
  x: number;
  y: number;
}

export interface GraphEdge {
  from: string;
  to: string;
  path: string; // SVG path data
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  width: number;
  height: number;
}

export interface GraphInput {
  id: string;
  downstream: readonly string[];
}

export const nodeWidth = 176;
export const nodeHeight = 36;
const gapX = 56;
const gapY = 18;
const margin = 8;
const sweeps = 4;

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

function neighbours(tasks: readonly GraphInput[]): [Map<string, string[]>, Map<string, string[]>] {
  const up = new Map<string, string[]>(tasks.map((task) => [task.id, []]));
  const down = new Map<string, string[]>(tasks.map((task) => [task.id, []]));
  for (const task of tasks) {
    for (const to of task.downstream) {
      if (!up.has(to)) continue;
      up.get(to)?.push(task.id);
      down.get(task.id)?.push(to);
    }
  }
  return [up, down];
}

// Orders one column by the mean position of each task's neighbours; ties keep their order.
function orderColumn(column: string[], near: Map<string, string[]>, place: Map<string, number>): void {
  const weight = new Map(
    column.map((id) => {
      const others = near.get(id) ?? [];
      const sum = others.reduce((total, other) => total + (place.get(other) ?? 0), 0);
      return [id, others.length > 0 ? sum / others.length : (place.get(id) ?? 0)];
    }),
  );
  column.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0));
  setPlaces(column, place);
}

// Positions are centred, so that a single task stands in the middle of a wide neighbour column.
function setPlaces(column: readonly string[], place: Map<string, number>): void {
  column.forEach((id, at) => place.set(id, at - (column.length - 1) / 2));
}

function columnsOf(tasks: readonly GraphInput[]): string[][] {
  const layer = layers(tasks);
  const columns: string[][] = [];
  for (const task of tasks) (columns[layer.get(task.id) ?? 0] ??= []).push(task.id);
  const [up, down] = neighbours(tasks);
  const place = new Map<string, number>();
  for (const column of columns) setPlaces(column, place);
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    for (const column of columns.slice(1)) orderColumn(column, up, place);
    for (const column of columns.slice(0, -1).reverse()) orderColumn(column, down, place);
  }
  return columns;
}

function curve(a: GraphNode, b: GraphNode): string {
  const [x1, y1] = [a.x + nodeWidth, a.y + nodeHeight / 2];
  const [x2, y2] = [b.x, b.y + nodeHeight / 2];
  const bend = Math.max(gapX / 2, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

export function layoutGraph(tasks: readonly GraphInput[]): Graph {
  if (tasks.length === 0) return { nodes: [], edges: [], width: 0, height: 0 };
  const columns = columnsOf(tasks);
  const tallest = Math.max(...columns.map((column) => column.length));
  const height = tallest * (nodeHeight + gapY) - gapY + 2 * margin;
  const at = new Map<string, GraphNode>();
  columns.forEach((column, layer) => {
    const top = (height - (column.length * (nodeHeight + gapY) - gapY)) / 2;
    column.forEach((id, row) => {
      at.set(id, {
        id,
        x: margin + layer * (nodeWidth + gapX),
        y: top + row * (nodeHeight + gapY),
      });
    });
  });
  const edges: GraphEdge[] = [];
  for (const task of tasks) {
    const from = at.get(task.id);
    for (const id of task.downstream) {
      const to = at.get(id);
      if (from && to) edges.push({ from: task.id, to: id, path: curve(from, to) });
    }
  }
  const width = columns.length * (nodeWidth + gapX) - gapX + 2 * margin;
  return { nodes: [...at.values()], edges, width, height };
}
