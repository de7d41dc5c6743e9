// The whole of a graph in a corner, with what is in sight: a press or a pull there goes elsewhere. For the mouse; keys walk from box to box.
import type { RefObject } from 'preact';
import { useMemo } from 'preact/hooks';
import { nodeHeight, nodeWidth, type Graph } from '../lib/graph';
import { outlines } from '../lib/graph_window';
import { stateInfo } from '../lib/states';
import { useSeen } from '../lib/use_seen';

const most = { width: 190, height: 120 }; // px
const lowest = 200; // px: in a picture that is lower it would lie over boxes

interface Props {
  graph: Graph;
  zoom: number;
  box: RefObject<HTMLElement>;
  stateOf: (id: string, members: readonly string[]) => string | null | undefined;
}

export function GraphMap({ graph, zoom, box, stateOf }: Props) {
  const seen = useSeen(box, zoom);
  const byState = useMemo(() => {
    const found = new Map<string, { x: number; y: number }[]>();
    for (const node of graph.nodes) {
      const state = stateOf(node.id, node.members);
      const name = state === undefined ? '' : stateInfo(state).name;
      const alike = found.get(name);
      if (alike) alike.push(node);
      else found.set(name, [node]);
    }
    return [...found].map(([name, boxes]) => [name, outlines(boxes)] as const);
  }, [graph, stateOf]);
  if (!seen || seen.height * zoom < lowest || (seen.width >= graph.width && seen.height >= graph.height)) return null;
  const scale = Math.min(most.width / graph.width, most.height / graph.height);
  const go = (event: PointerEvent & { currentTarget: Element }) => {
    if (event.buttons !== 1) return;
    const { left, top } = event.currentTarget.getBoundingClientRect();
    const [x, y] = [(event.clientX - left) / scale, (event.clientY - top) / scale];
    box.current?.scrollTo({ left: (x - seen.width / 2) * zoom, top: (y - seen.height / 2) * zoom });
  };
  return (
    <svg class="graph-map" width={graph.width * scale} height={graph.height * scale} viewBox={`0 0 ${graph.width} ${graph.height}`} preserveAspectRatio="none" aria-hidden="true" onPointerDown={go} onPointerMove={go}>
      {byState.map(([name, path]) => (
        <path key={name} class={`graph-map-boxes ${name === '' ? '' : `state-${name}`}`} d={path} stroke-width={Math.max(nodeWidth, nodeHeight) * 0.05} />
      ))}
      <rect class="graph-map-seen" x={seen.x} y={seen.y} width={seen.width} height={seen.height} />
    </svg>
  );
}
