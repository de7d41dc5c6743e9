import { expect, test } from 'vitest';
import { layoutGraph, nodeHeight, nodeWidth } from '../src/lib/graph';
import { areaAround, drawnOf, drawnWhole, outlines, within } from '../src/lib/graph_window';

const chain = Array.from({ length: 40 }, (_, at) => ({ id: `t${at}`, downstream: at < 39 ? [`t${at + 1}`] : [] }));

test('of a large graph what is in sight is drawn, with what was kept and the edges that pass', () => {
  const graph = layoutGraph(chain);
  const area = areaAround({ x: 0, y: 0, width: 500, height: 300 });
  const { nodes, edges } = within(graph, area, ['t39', null]);
  expect(nodes.map((node) => node.id)).toContain('t0');
  expect(nodes.map((node) => node.id)).toContain('t39');
  expect(nodes.length).toBeLessThan(8);
  expect(edges.length).toBeLessThan(7);
  const middle = within(graph, { x: graph.width / 2, y: 0, width: 1, height: 100 }, []);
  expect(middle.edges.length).toBeGreaterThan(0); // one that begins and ends elsewhere
});

test('a graph that is small, or has no box that scrolls, is drawn whole', () => {
  const far = { x: 1e6, y: 1e6, width: 1, height: 1 };
  const small = layoutGraph(chain);
  expect(drawnOf(small, true, far, []).nodes.length).toBe(40); // what was in sight of a larger one, before it was folded
  const large = layoutGraph(Array.from({ length: drawnWhole + 1 }, (_, at) => ({ id: `t${at}`, downstream: at > 0 ? ['t0'] : [] })));
  expect(drawnOf(large, false, null, [])).toBe(large);
  expect(drawnOf(large, true, far, []).nodes.length).toBe(0);
  expect(drawnOf(large, true, null, []).nodes.length).toBe(drawnWhole);
});

test('a small move of what is in sight asks for no other part', () => {
  const at = (x: number) => areaAround({ x, y: 10, width: 500, height: 300 });
  expect(at(10)).toEqual(at(60));
  expect(at(10)).not.toEqual(at(500));
  expect(at(10)).toEqual({ x: -400, y: -400, width: 1600, height: 1200 });
});

test('boxes are one line of the picture in the corner', () => {
  expect(outlines([{ x: 1.4, y: 2 }])).toBe(`M1 2h${nodeWidth}v${nodeHeight}h-${nodeWidth}z`);
});
