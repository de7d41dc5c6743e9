import { describe, expect, test } from 'vitest';
import { layers, layoutGraph, nodeHeight, nodeWidth } from '../src/lib/graph';

const diamond = [
  { id: 'a', downstream: ['b', 'c', 'd'] },
  { id: 'b', downstream: ['d'] },
  { id: 'c', downstream: ['d'] },
  { id: 'd', downstream: [] },
];

describe('layers', () => {
  test('a task stands after the longest way to it', () => {
    expect(Object.fromEntries(layers(diamond))).toEqual({ a: 0, b: 1, c: 1, d: 2 });
  });
  test('tasks that are not there are passed over', () => {
    expect(layers([{ id: 'a', downstream: ['gone'] }]).get('a')).toBe(0);
  });
  test('a cycle ends', () => {
    const cycle = [
      { id: 'a', downstream: ['b'] },
      { id: 'b', downstream: ['a'] },
    ];
    expect(layers(cycle).size).toBe(2);
  });
});

// Seeded, so that a failure can be had again.
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

function randomDag(seed: number, size: number) {
  const next = random(seed);
  return Array.from({ length: size }, (_, from) => ({
    id: `t${from}`,
    downstream: Array.from({ length: size }, (__, to) => to)
      .filter((to) => to > from && next() < 0.15)
      .map((to) => `t${to}`),
  }));
}

describe('layoutGraph', () => {
  test('nothing gives nothing', () => {
    expect(layoutGraph([])).toEqual({ nodes: [], edges: [], width: 0, height: 0 });
  });

  test('every edge of any DAG runs to the right, and no two tasks overlap', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const tasks = randomDag(seed, 20);
      const graph = layoutGraph(tasks);
      const at = new Map(graph.nodes.map((node) => [node.id, node]));
      expect(graph.nodes.length, `seed ${seed}`).toBe(20);
      for (const edge of graph.edges) {
        expect(at.get(edge.to)!.x, `seed ${seed}`).toBeGreaterThan(at.get(edge.from)!.x + nodeWidth);
      }
      for (const one of graph.nodes) {
        expect(one.x >= 0 && one.y >= 0 && one.x + nodeWidth <= graph.width).toBe(true);
        expect(one.y + nodeHeight).toBeLessThanOrEqual(graph.height);
        for (const other of graph.nodes) {
          if (one === other || one.x !== other.x) continue;
          expect(Math.abs(one.y - other.y), `seed ${seed}`).toBeGreaterThan(nodeHeight);
        }
      }
    }
  });

  test('two chains do not cross', () => {
    const graph = layoutGraph([
      { id: 'a1', downstream: ['b1'] },
      { id: 'a2', downstream: ['b2'] },
      { id: 'b2', downstream: [] },
      { id: 'b1', downstream: [] },
    ]);
    const y = Object.fromEntries(graph.nodes.map((node) => [node.id, node.y]));
    expect(Math.sign(y['a1']! - y['a2']!)).toBe(Math.sign(y['b1']! - y['b2']!));
  });
});
