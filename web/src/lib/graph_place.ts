// Where the units of columns stand. Along: column after column. Across: each as near to the middle of its neighbours as
// the others of its column let it, in the order that was found. Pure.
import type { Cell, Columns, Way } from './graph_layers';

export interface Point {
  along: number;
  across: number;
}

export interface Placed {
  along: number; // size of the whole
  across: number;
  at: Map<string, Point>; // the corner of each unit
  ways: { way: Way; points: Point[] }[]; // from the edge of the first unit to that of the last
}

const gapAcross = 18;
const gapPassing = 11;
const rounds = 6;

/** Steps between those that stand side by side in a column, from middle to middle. */
function stepsOf(column: readonly Cell[]): number[] {
  return column.map((cell, at) => {
    const before = column[at - 1];
    if (!before) return 0;
    return before.across / 2 + cell.across / 2 + (before.unit && cell.unit ? gapAcross : gapPassing);
  });
}

/**
 * The places nearest to those wished for, by weight, that are at least `steps` apart: neighbours that would overlap are
 * moved as one block, to the mean of what they wish.
 */
export function nearestPlaces(wishes: readonly number[], weights: readonly number[], steps: readonly number[]): number[] {
  const shift: number[] = [];
  steps.forEach((step, at) => shift.push((shift[at - 1] ?? 0) + (at === 0 ? 0 : step)));
  const blocks: { mean: number; weight: number; count: number }[] = [];
  wishes.forEach((wish, at) => {
    let block = { mean: wish - (shift[at] ?? 0), weight: weights[at] ?? 1, count: 1 };
    for (let last = blocks[blocks.length - 1]; last && last.mean > block.mean; last = blocks[blocks.length - 1]) {
      blocks.pop();
      const weight = last.weight + block.weight;
      block = { mean: (last.mean * last.weight + block.mean * block.weight) / weight, weight, count: last.count + block.count };
    }
    blocks.push(block);
  });
  return blocks.flatMap((block) => Array.from({ length: block.count }, () => block.mean)).map((mean, at) => mean + (shift[at] ?? 0));
}

function wishOf(cell: Cell, side: 'before' | 'after' | 'both'): number | null {
  const near = side === 'both' ? [...cell.near.before, ...cell.near.after] : cell.near[side];
  if (near.length === 0) return null;
  return near.reduce((sum, one) => sum + one.cell.middle + one.other - one.own, 0) / near.length;
}

// An edge that passes is to be straight before all; a unit with many neighbours matters more than one with few.
const weightOf = (cell: Cell) => (cell.unit ? 1 : 3);

function settle(columns: readonly (readonly Cell[])[]): void {
  const steps = columns.map(stepsOf);
  columns.forEach((column, at) => {
    let middle = 0;
    column.forEach((cell, row) => (cell.middle = middle += steps[at]?.[row] ?? 0));
    column.forEach((cell) => (cell.middle -= middle / 2));
  });
  const arrange = (at: number, side: 'before' | 'after' | 'both') => {
    const column = columns[at] ?? [];
    const wishes = column.map((cell) => wishOf(cell, side) ?? cell.middle);
    nearestPlaces(wishes, column.map(weightOf), steps[at] ?? []).forEach((middle, row) => {
      const cell = column[row];
      if (cell) cell.middle = middle;
    });
  };
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 1; at < columns.length; at += 1) arrange(at, 'before');
    for (let at = columns.length - 2; at >= 0; at -= 1) arrange(at, 'after');
  }
  for (let at = 0; at < columns.length; at += 1) arrange(at, 'both');
}

/** `gapOf`: how much is left between a column and the next one. */
export function placeColumns({ columns, ways }: Columns, gapOf: (column: number) => number): Placed {
  settle(columns);
  const all = columns.flat();
  const starts: number[] = [];
  const sizes = columns.map((column) => Math.max(0, ...column.map((cell) => cell.unit?.along ?? 0)));
  let along = 0;
  columns.forEach((_, at) => {
    starts.push(along);
    along += (sizes[at] ?? 0) + (at + 1 < columns.length ? gapOf(at) : 0);
  });
  const at = new Map<string, Point>();
  const shift = all.length === 0 ? 0 : Math.min(...all.map((cell) => cell.middle - cell.across / 2));
  columns.forEach((column, number) => {
    for (const cell of column) {
      cell.middle -= shift;
      if (!cell.unit) continue;
      // In the middle of its column; a port at the side where it leads out.
      const room = (sizes[number] ?? 0) - cell.unit.along;
      at.set(cell.unit.id, { along: (starts[number] ?? 0) + room / 2, across: cell.middle - cell.across / 2 });
    }
  });
  const lines = ways.map((way) => {
    const points: Point[] = [];
    way.cells.forEach((cell, step) => {
      const column = way.first + step;
      const [start, end] = [starts[column] ?? 0, (starts[column] ?? 0) + (sizes[column] ?? 0)];
      const isFirst = step === 0;
      const isLast = step + 1 === way.cells.length;
      const own = isFirst ? (way.isTurned ? way.link.toAt : way.link.fromAt) : isLast ? (way.isTurned ? way.link.fromAt : way.link.toAt) : 0;
      const across = cell.middle + own;
      if (isFirst) {
        const unit = cell.unit && at.get(cell.unit.id);
        points.push({ along: (unit?.along ?? start) + (cell.unit?.along ?? 0), across }, { along: end, across });
      } else if (isLast) {
        const last = starts[columnOf(columns, cell)] ?? start;
        const unit = cell.unit && at.get(cell.unit.id);
        points.push({ along: last, across }, { along: unit?.along ?? last, across });
      } else {
        points.push({ along: start, across }, { along: end, across });
      }
    });
    return { way, points: way.isTurned ? points.reverse() : points };
  });
  const bottom = Math.max(0, ...all.map((cell) => cell.middle + cell.across / 2));
  return { along, across: bottom, at, ways: lines };
}

// Where long edges are not led column by column, the last one's is not told by its step.
function columnOf(columns: readonly (readonly Cell[])[], cell: Cell): number {
  return columns.findIndex((column) => column[cell.place] === cell);
}
