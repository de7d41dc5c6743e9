// The plan of a statement as lines of a table: each operator behind the one that it works for. Pure.
import type { LakePlanNode } from '../api/types';

export interface PlanLine {
  depth: number;
  node: LakePlanNode;
  share: number | null; // of the time of all operators, 0 to 1; null where none was measured
  isOff: boolean; // ten times more or fewer rows came than were expected
}

const far = 10;
const deepest = 200; // deeper ones are drawn as deep

const isFarOff = ({ rows, estimated_rows: expected }: LakePlanNode): boolean => {
  if (rows === null || expected === null) return false;
  // Of tables without a condition between them more are expected than 2^53: such a number is a bigint.
  const both = [Number(rows), Number(expected)];
  const [least, most] = [Math.min(...both), Math.max(...both)];
  return most >= 1000 && most > far * Math.max(1, least);
};

/** From the top down, as the plan is read. */
export function planLines(roots: readonly LakePlanNode[]): PlanLine[] {
  const lines: PlanLine[] = [];
  const open = [...roots].reverse().map((node) => ({ node, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    lines.push({ depth: Math.min(depth, deepest), node, share: null, isOff: isFarOff(node) });
    for (const child of [...node.children].reverse()) open.push({ node: child, depth: depth + 1 });
  }
  const whole = lines.reduce((sum, { node }) => sum + (node.seconds ?? 0), 0);
  return whole > 0 ? lines.map((line) => ({ ...line, share: line.node.seconds === null ? null : line.node.seconds / whole })) : lines;
}

/** What the engine says of an operator, each value as one text. */
export const detailsOf = (node: LakePlanNode): [name: string, text: string][] => Object.entries(node.details).map(([name, value]) => [name, [value].flat().map(String).join(', ')]);
