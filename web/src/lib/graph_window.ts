// Which part of a graph is drawn: what is in sight and some around it, in steps, so that a small move draws nothing anew. Pure.
import { nodeHeight, nodeWidth, type Graph, type GraphEdge } from './graph';

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

type Drawn = Pick<Graph, 'nodes' | 'edges'>;

/** A graph of so many boxes is drawn whole. */
export const drawnWhole = 300;
const step = 400; // px of the graph

/** `seen` with a step around it, its corners at multiples of a step. */
export function areaAround(seen: Area): Area {
  const [left, top] = [seen.x, seen.y].map((at) => (Math.floor(at / step) - 1) * step) as [number, number];
  const [right, bottom] = [seen.x + seen.width, seen.y + seen.height].map((at) => (Math.ceil(at / step) + 1) * step) as [number, number];
  return { x: left, y: top, width: right - left, height: bottom - top };
}

const isBeside = (of: Area, left: number, top: number, right: number, bottom: number) => right < of.x || left > of.x + of.width || bottom < of.y || top > of.y + of.height;

function crosses(edge: GraphEdge, area: Area): boolean {
  return edge.points.some(([x, y], at) => {
    const [fromX, fromY] = edge.points[at - 1] ?? [x, y];
    return !isBeside(area, Math.min(x, fromX), Math.min(y, fromY), Math.max(x, fromX), Math.max(y, fromY));
  });
}

/** The boxes and edges in it, and the boxes of `kept` wherever they are. Frames are few: all stay. */
export function within(graph: Graph, area: Area, kept: readonly (string | null)[]): Drawn {
  return {
    nodes: graph.nodes.filter((node) => kept.includes(node.id) || !isBeside(area, node.x, node.y, node.x + nodeWidth, node.y + nodeHeight)),
    edges: graph.edges.filter((edge) => crosses(edge, area)),
  };
}

/** What is drawn of a graph: all of it, or of a large one that `scrolls` what is around `seen`; until that is known, some boxes. */
export function drawnOf(graph: Graph, scrolls: boolean, seen: Area | null, kept: readonly (string | null)[]): Drawn {
  if (!scrolls || graph.nodes.length <= drawnWhole) return graph;
  return seen ? within(graph, seen, kept) : { nodes: graph.nodes.slice(0, drawnWhole), edges: [] };
}

/** Boxes as one line of a picture, to be filled. */
export const outlines = (boxes: readonly { x: number; y: number }[]): string => boxes.map(({ x, y }) => `M${Math.round(x)} ${Math.round(y)}h${nodeWidth}v${nodeHeight}h-${nodeWidth}z`).join('');
