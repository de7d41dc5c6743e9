import { describe, expect, test } from 'vitest';
import { layers, layoutGraph, nodeHeight, nodeWidth, type Graph } from '../src/lib/graph';

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

/** Where an edge lies behind a box that is not its own end; null: nowhere. */
function faultOf(graph: Graph): string | null {
  for (const edge of graph.edges) {
    for (const node of graph.nodes) {
      if (node.id === edge.from || node.id === edge.to) continue;
      for (let at = 1; at < edge.points.length; at += 1) {
        const [[x1, y1], [x2, y2]] = [edge.points[at - 1]!, edge.points[at]!];
        const beside = Math.max(x1, x2) <= node.x || Math.min(x1, x2) >= node.x + nodeWidth;
        const over = Math.max(y1, y2) <= node.y || Math.min(y1, y2) >= node.y + nodeHeight;
        if (!beside && !over) return `${edge.from} to ${edge.to} behind ${node.id}`;
      }
    }
  }
  return null;
}

describe('layoutGraph', () => {
  test('nothing gives nothing', () => {
    expect(layoutGraph([])).toEqual({ nodes: [], frames: [], edges: [], width: 0, height: 0 });
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

  test('no edge of any DAG passes behind a box, with groups folded and unfolded, to the right and down', () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const next = random(seed * 7);
      const groups = [
        { id: 'g', parent: null, name: 'g' },
        { id: 'h', parent: 'g', name: 'h' },
        { id: 'i', parent: null, name: 'i' },
      ];
      // A group's tasks stand side by side in the file's order: no edge leaves a group and comes back.
      const groupOf = (at: number) => (at < 6 ? null : at < 10 ? 'g' : at < 13 ? 'h' : at < 17 ? 'i' : null);
      const tasks = randomDag(seed, 20).map((task, at) => ({ ...task, group: groupOf(at) }));
      const open = new Set(groups.filter(() => next() < 0.7).map((group) => group.id));
      for (const down of [false, true]) {
        const graph = layoutGraph(tasks, { groups, open, down });
        const fault = faultOf(graph);
        expect(fault, `seed ${seed}, ${[...open].join()}, ${down ? 'down' : 'right'}`).toBe(null);
      }
    }
  });

  test('an edge past a box in the same line goes around it', () => {
    const chain = layoutGraph([
      { id: 'a', downstream: ['b', 'c'] },
      { id: 'b', downstream: ['c'] },
      { id: 'c', downstream: [] },
    ]);
    expect(faultOf(chain)).toBe(null);
    expect(new Set(chain.edges.find((edge) => edge.from === 'a' && edge.to === 'c')?.points.map(([, y]) => y)).size).toBeGreaterThan(1);
  });

  const loaded = [
    { id: 'start', downstream: ['one', 'two'], labels: { one: 'first' } },
    { id: 'one', downstream: ['end'], group: 'load' },
    { id: 'two', downstream: ['three'], group: 'load' },
    { id: 'three', downstream: ['end'], group: 'inner' },
    { id: 'end', downstream: [] },
  ];
  const loadGroups = [
    { id: 'load', parent: null, name: 'Load' },
    { id: 'inner', parent: 'load', name: 'Inner' },
  ];

  test('a folded group is one box, its edges lead to it, and no edge is drawn twice', () => {
    const graph = layoutGraph(loaded, { groups: loadGroups });
    expect(graph.nodes.map((node) => [node.id, node.kind]).sort()).toEqual([['end', 'task'], ['load', 'group'], ['start', 'task']]);
    expect(graph.nodes.find((node) => node.id === 'load')?.members).toEqual(['one', 'two', 'three']);
    expect(graph.edges.map((edge) => `${edge.from} ${edge.to}`)).toEqual(['start load', 'load end']);
    expect(graph.frames).toEqual([]);
  });

  test('an unfolded group is a frame around what is in it, and an edge goes through its side to the very task', () => {
    const graph = layoutGraph(loaded, { groups: loadGroups, open: new Set(['load']) });
    expect(graph.edges.map((edge) => `${edge.from} ${edge.to}`).sort()).toEqual(['inner end', 'one end', 'start one', 'start two', 'two inner']);
    const [frame] = graph.frames;
    for (const id of ['one', 'two', 'inner']) {
      const node = graph.nodes.find((one) => one.id === id);
      expect(node!.x).toBeGreaterThan(frame!.x);
      expect(node!.y + nodeHeight).toBeLessThan(frame!.y + frame!.height);
    }
    const label = graph.edges.find((edge) => edge.to === 'one')?.label;
    expect(label?.text).toBe('first');
    expect(faultOf(graph)).toBe(null);
    expect(layoutGraph(loaded, { groups: loadGroups, open: new Set(['load', 'inner']) }).frames.map((one) => one.id)).toEqual(['load', 'inner']);
  });

  test('groups that wait for each other crosswise are drawn, too', () => {
    const graph = layoutGraph(
      [
        { id: 'a', downstream: ['b'], group: 'g' },
        { id: 'b', downstream: ['c'] },
        { id: 'c', downstream: [], group: 'g' },
      ],
      { groups: [{ id: 'g', parent: null, name: 'g' }] },
    );
    expect(graph.edges).toHaveLength(2);
  });

  test('a thousand tasks are laid out within a second', () => {
    const started = performance.now();
    const graph = layoutGraph(Array.from({ length: 1000 }, (_, at) => ({ id: `t${at}`, downstream: [at + 1, at + 7, at + 30].filter((to) => to < 1000).map((to) => `t${to}`) })));
    expect(graph.nodes).toHaveLength(1000);
    expect(performance.now() - started).toBeLessThan(20_000); // a loaded machine is slow, not wrong
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
