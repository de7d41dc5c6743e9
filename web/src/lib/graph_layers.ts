// The columns of a layered picture and the order inside each. An edge over several columns has a place of its own in
// every one it crosses, so that it is drawn between what stands there and not behind it. Pure.

export interface Unit {
  id: string;
  along: number; // size in the direction of the edges
  across: number;
  port?: 'in' | 'out'; // where edges enter or leave: at the very first, at the very last
}

/** `fromAt`, `toAt`: where it touches, across, from the middle of the unit. */
export interface Link {
  from: string;
  to: string;
  fromAt: number;
  toAt: number;
  label?: string;
}

export interface Cell {
  unit: Unit | null; // null: an edge that passes
  across: number;
  near: { before: Near[]; after: Near[] };
  place: number; // in its column
  middle: number; // across
}

interface Near {
  cell: Cell;
  own: number; // where the edge touches this cell, from its middle
  other: number;
}

/** The way of a link through the columns: its first unit, what it passes, its last. */
export interface Way {
  link: Link;
  isTurned: boolean; // against the order, as in a circle of groups
  first: number; // column
  cells: Cell[];
}

export interface Columns {
  columns: Cell[][];
  ways: Way[];
}

const mostPassing = 30_000; // beyond this long edges are drawn as they fall
const sweeps = 8;

// Links that lead back, by a walk in depth: turned round, what is left has no circle.
function turnedOf(units: readonly Unit[], links: readonly Link[]): Set<Link> {
  const next = new Map<string, Link[]>(units.map((unit) => [unit.id, []]));
  for (const link of links) next.get(link.from)?.push(link);
  const state = new Map<string, 'open' | 'done'>();
  const turned = new Set<Link>();
  for (const unit of units) {
    if (state.has(unit.id)) continue;
    const stack: { id: string; at: number }[] = [{ id: unit.id, at: 0 }];
    state.set(unit.id, 'open');
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { id: string; at: number };
      const link = next.get(top.id)?.[top.at];
      top.at += 1;
      if (!link) {
        state.set(top.id, 'done');
        stack.pop();
      } else if (state.get(link.to) === 'open') {
        turned.add(link);
      } else if (!state.has(link.to)) {
        state.set(link.to, 'open');
        stack.push({ id: link.to, at: 0 });
      }
    }
  }
  return turned;
}

/** The longest way to each unit. */
function layersOf(units: readonly Unit[], edges: readonly [string, string][]): Map<string, number> {
  const next = new Map<string, string[]>(units.map((unit) => [unit.id, []]));
  const waiting = new Map(units.map((unit) => [unit.id, 0]));
  for (const [from, to] of edges) {
    next.get(from)?.push(to);
    waiting.set(to, (waiting.get(to) ?? 0) + 1);
  }
  const shift = units.some((unit) => unit.port === 'in') ? 1 : 0;
  const layer = new Map(units.map((unit) => [unit.id, unit.port === 'in' ? 0 : shift]));
  const ready = units.filter((unit) => waiting.get(unit.id) === 0).map((unit) => unit.id);
  for (let at = 0; at < ready.length; at += 1) {
    const id = ready[at] as string;
    for (const to of next.get(id) ?? []) {
      layer.set(to, Math.max(layer.get(to) ?? 0, (layer.get(id) ?? 0) + 1));
      const left = (waiting.get(to) ?? 0) - 1;
      waiting.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  const last = Math.max(...layer.values());
  for (const unit of units) if (unit.port === 'out') layer.set(unit.id, last);
  return layer;
}

const newCell = (unit: Unit | null): Cell => ({ unit, across: unit?.across ?? 0, near: { before: [], after: [] }, place: 0, middle: 0 });

function connect(a: Cell, b: Cell, aAt: number, bAt: number): void {
  if (a.near.after.some((one) => one.cell === b && one.own === aAt && one.other === bAt)) return; // shared by two ways
  a.near.after.push({ cell: b, own: aAt, other: bAt });
  b.near.before.push({ cell: a, own: bAt, other: aAt });
}

// Crossings between two columns: pairs of edges in the wrong order.
function crossings(column: readonly Cell[]): number {
  const ends: number[] = [];
  for (const cell of column) {
    const mine = cell.near.after.map((one) => one.cell.place).sort((a, b) => a - b);
    ends.push(...mine);
  }
  let count = 0;
  const tree = new Array<number>(Math.max(0, ...ends) + 2).fill(0);
  for (let i = ends.length - 1; i >= 0; i -= 1) {
    const end = ends[i] as number;
    for (let at = end; at > 0; at -= at & -at) count += tree[at] as number;
    for (let at = end + 1; at < tree.length; at += at & -at) tree[at] = (tree[at] as number) + 1;
  }
  return count;
}

const middleOf = (near: readonly Near[], otherwise: number): number =>
  near.length === 0 ? otherwise : near.reduce((sum, one) => sum + one.cell.place, 0) / near.length;

function setPlaces(column: readonly Cell[]): void {
  column.forEach((cell, at) => (cell.place = at));
}

function orderColumn(column: Cell[], side: 'before' | 'after', size: number): void {
  // Columns of different length are compared as if they stood middle to middle.
  const weight = new Map(column.map((cell) => [cell, middleOf(cell.near[side], (cell.place / Math.max(1, column.length - 1)) * (size - 1))]));
  column.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0));
  setPlaces(column);
}

function orderAll(columns: Cell[][]): void {
  const total = () => columns.reduce((sum, column) => sum + crossings(column), 0);
  let best = columns.map((column) => [...column]);
  let least = total();
  for (let sweep = 0; sweep < sweeps && least > 0; sweep += 1) {
    for (let at = 1; at < columns.length; at += 1) orderColumn(columns[at] as Cell[], 'before', columns[at - 1]?.length ?? 1);
    for (let at = columns.length - 2; at >= 0; at -= 1) orderColumn(columns[at] as Cell[], 'after', columns[at + 1]?.length ?? 1);
    const now = total();
    if (now >= least) continue;
    least = now;
    best = columns.map((column) => [...column]);
  }
  best.forEach((column, at) => {
    columns[at] = column;
    setPlaces(column);
  });
}

export function columnsOf(units: readonly Unit[], links: readonly Link[]): Columns {
  if (units.length === 0) return { columns: [], ways: [] };
  const turned = turnedOf(units, links);
  const layer = layersOf(units, links.map((link) => (turned.has(link) ? [link.to, link.from] : [link.from, link.to])));
  const columns: Cell[][] = Array.from({ length: Math.max(...layer.values()) + 1 }, () => []);
  const cells = new Map<string, Cell>();
  for (const unit of units) {
    const cell = newCell(unit);
    cells.set(unit.id, cell);
    columns[layer.get(unit.id) ?? 0]?.push(cell);
  }
  const at = (id: string) => layer.get(id) ?? 0;
  const passing = links.reduce((sum, link) => sum + Math.abs(at(link.to) - at(link.from)) - 1, 0);
  // Those that leave one place side by side share the way for as long as they go on.
  const shared = new Map<string, Cell>();
  const ways = links.map((link): Way => {
    const isTurned = turned.has(link);
    const [from, to, fromAt, toAt] = isTurned ? [link.to, link.from, link.toAt, link.fromAt] : [link.from, link.to, link.fromAt, link.toAt];
    const way: Cell[] = [cells.get(from) as Cell];
    for (let column = at(from) + 1; column < at(to) && passing <= mostPassing; column += 1) {
      const key = `${from}\n${fromAt}\n${column}`;
      let cell = shared.get(key);
      if (!cell) {
        shared.set(key, (cell = newCell(null)));
        columns[column]?.push(cell);
      }
      way.push(cell);
    }
    way.push(cells.get(to) as Cell);
    for (let i = 0; i + 1 < way.length; i += 1) {
      connect(way[i] as Cell, way[i + 1] as Cell, i === 0 ? fromAt : 0, i + 2 === way.length ? toAt : 0);
    }
    return { link, isTurned, first: at(from), cells: way };
  });
  for (const column of columns) setPlaces(column);
  orderAll(columns);
  return { columns, ways };
}
