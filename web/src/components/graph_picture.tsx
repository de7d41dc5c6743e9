// A graph as it was laid out: boxes, frames of unfolded groups, edges. One stop for the tab key; arrows walk from there.
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { frameHead, nodeHeight, nodeWidth, shortLabel, type Graph, type GraphFrame, type GraphNode } from '../lib/graph';
import { nextSpot, type Spot } from '../lib/graph_view';
import { areaAround, drawnOf, drawnWhole } from '../lib/graph_window';
import { stateInfo } from '../lib/states';
import { useSeen } from '../lib/use_seen';
import { t } from '../lib/words';

const longestName = 21;
const longestNote = 27;

/** What is written into a box. */
export interface BoxWords {
  name: string;
  note: string; // the second line: its type and what is special about it
  title: string;
  kind?: 'asset' | 'gate'; // no task: what stands around them; nothing comes of a press on a gate
}

interface Props {
  graph: Graph;
  zoom: number;
  wordsOf: (id: string, members: readonly string[]) => BoxWords;
  stateOf: (id: string, members: readonly string[]) => string | null | undefined; // undefined: there is no run
  found: ReadonlySet<string> | null; // of a search; null: nothing is searched for
  selected: string | null;
  onSelect?: ((task: string) => void) | undefined;
  onTurn: (group: string) => void;
  box?: RefObject<HTMLElement>; // that it scrolls in: of a large graph only what is in sight is drawn
}

const short = (text: string, longest: number) => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);

function spotsOf(graph: Graph): Spot[] {
  return [
    ...graph.nodes.map((node) => ({ id: node.id, x: node.x + nodeWidth / 2, y: node.y + nodeHeight / 2 })),
    ...graph.frames.map((frame) => ({ id: frame.id, x: frame.x + nodeWidth / 2, y: frame.y + frameHead / 2 })),
  ];
}

interface BoxProps extends Props {
  isStop: boolean;
}

function Frame({ frame, props }: { frame: GraphFrame; props: BoxProps }) {
  const state = props.stateOf(frame.id, frame.members);
  const info = state === undefined ? null : stateInfo(state);
  const name = short(frame.name, Math.max(8, Math.floor((frame.width - 34) / 7)));
  return (
    <g class={`graph-frame ${info ? `state-${info.name}` : ''}`} data-group={frame.id} data-fold="open" data-state={info?.name} transform={`translate(${frame.x} ${frame.y})`}>
      <rect class="graph-frame-box" width={frame.width} height={frame.height} rx={10} />
      <g
        class="graph-frame-head"
        data-unit={frame.id}
        role="button"
        tabindex={props.isStop ? 0 : -1}
        aria-expanded={true}
        aria-label={[name, name === frame.name ? '' : frame.name, info?.label].filter((one) => one).join(', ')}
        onClick={() => props.onTurn(frame.id)}
      >
        <title>{frame.name === frame.id ? frame.id : `${frame.name} (${frame.id})`}</title>
        <rect class="graph-frame-hit" x={3} y={3} width={frame.width - 6} height={frameHead - 6} rx={6} />
        <path class="graph-fold" d="M9 11l4 4.5 4-4.5" />
        <text x={24} y={frameHead / 2 + 0.5} dominant-baseline="central">
          {name}
        </text>
      </g>
    </g>
  );
}

function Box({ node, props }: { node: GraphNode; props: BoxProps }) {
  const { name, note, title, kind } = props.wordsOf(node.id, node.members);
  const state = props.stateOf(node.id, node.members);
  const info = state === undefined ? null : stateInfo(state);
  const isGroup = node.kind === 'group';
  const { onSelect } = props;
  const act = isGroup ? () => props.onTurn(node.id) : kind === 'gate' ? undefined : onSelect && (() => onSelect(node.id));
  const isMiss = props.found !== null && !props.found.has(node.id);
  const shown = short(name, longestName - (kind ? 4 : isGroup ? 2 : 0));
  const shownNote = short(note, longestNote - (kind ? 4 : 0));
  // What is read begins with what is seen.
  const said = [`${shown} ${shownNote}`, shown === name ? '' : name, shownNote === note ? '' : note, info?.label].filter((one) => one).join(', ');
  return (
    <g
      class={`graph-node ${isGroup ? 'graph-group' : ''} ${kind ? `graph-${kind}` : ''} ${info ? `state-${info.name}` : ''} ${props.selected === node.id ? 'is-selected' : ''} ${isMiss ? 'is-miss' : ''}`}
      data-task={isGroup || kind ? undefined : node.id}
      data-asset={kind ? node.id : undefined}
      data-group={isGroup ? node.id : undefined}
      data-fold={isGroup ? 'folded' : undefined}
      data-state={info?.name}
      data-unit={node.id}
      transform={`translate(${node.x} ${node.y})`}
      role={act ? 'button' : 'img'}
      tabindex={props.isStop ? 0 : -1}
      aria-label={said}
      aria-expanded={isGroup ? false : undefined}
      onClick={act}
    >
      <title>{title}</title>
      {isGroup && <rect class="graph-node-box graph-behind" x={4} y={4} width={nodeWidth} height={nodeHeight} rx={8} />}
      <rect class="graph-node-box" width={nodeWidth} height={nodeHeight} rx={kind ? nodeHeight / 2 : 8} />
      {!kind && <rect class="graph-node-mark" x={0} y={8} width={4} height={nodeHeight - 16} rx={2} />}
      {isGroup && <path class="graph-fold" d="M12 9l4.5 4-4.5 4" />}
      <text x={isGroup || kind ? 24 : 14} y={13.5} dominant-baseline="central">
        {shown}
      </text>{' '}
      <text class="graph-note" x={isGroup || kind ? 24 : 14} y={26.5} dominant-baseline="central">
        {shownNote}
      </text>
    </g>
  );
}

export function GraphPicture(props: Props) {
  const { graph, zoom, box } = props;
  const svg = useRef<SVGSVGElement>(null);
  const [stop, setStop] = useState<string | null>(null);
  const hadFocus = useRef(false);
  const spots = spotsOf(graph);
  const current = [stop, props.selected].find((id) => spots.some((spot) => spot.id === id)) ?? spots[0]?.id ?? null;
  const seen = useSeen(graph.nodes.length > drawnWhole ? box : undefined, zoom, areaAround);
  const { nodes, edges } = drawnOf(graph, box !== undefined, seen, [current, props.selected]);
  const focus = (id: string) => {
    for (const one of svg.current?.querySelectorAll<SVGElement>('[data-unit]') ?? []) if (one.dataset['unit'] === id) one.focus();
  };
  // A group that was turned is another element now: who stood on it stays on it.
  useLayoutEffect(() => {
    if (hadFocus.current && current !== null && !svg.current?.contains(document.activeElement)) focus(current);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only another layout replaces what has the focus
  }, [graph]);
  const onKeyDown = (event: KeyboardEvent) => {
    const unit = (event.target as Element).closest<SVGElement>('[data-unit]');
    const id = unit?.dataset['unit'];
    const from = spots.find((spot) => spot.id === id);
    if (!unit || !from) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      unit.dispatchEvent(new MouseEvent('click', { bubbles: true }));
      return;
    }
    const to = nextSpot(spots, from, event.key);
    if (!to) return;
    event.preventDefault();
    setStop(to.id);
    // One that is not drawn yet is so once it is the stop.
    if (svg.current?.querySelector(`[data-unit="${CSS.escape(to.id)}"]`)) focus(to.id);
    else setTimeout(() => focus(to.id));
  };
  return (
    <svg
      ref={svg}
      class="graph"
      width={graph.width * zoom}
      height={graph.height * zoom}
      viewBox={`0 0 ${graph.width} ${graph.height}`}
      role="group"
      aria-label={t('Dependencies')}
      onKeyDown={onKeyDown}
      onFocusIn={(event) => {
        hadFocus.current = true;
        const id = (event.target as SVGElement).dataset['unit'];
        if (id !== undefined) setStop(id);
      }}
      onFocusOut={(event) => {
        if (event.relatedTarget !== null) hadFocus.current = false;
      }}
    >
      <defs>
        <marker id="graph-end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
          <path class="graph-arrow" d="M1 1l6 3-6 3z" />
        </marker>
      </defs>
      {graph.frames.map((frame) => (
        <Frame key={`frame ${frame.id}`} frame={frame} props={{ ...props, isStop: frame.id === current }} />
      ))}
      {edges.map((edge) => (
        <path
          key={`${edge.from}\n${edge.to}`}
          class={`graph-edge ${props.selected === edge.from || props.selected === edge.to ? 'is-near' : ''}`}
          d={edge.path}
          data-from={edge.from}
          data-to={edge.to}
          marker-end="url(#graph-end)"
        />
      ))}
      {edges.map(
        (edge) =>
          edge.label && (
            <text key={`label ${edge.from}\n${edge.to}`} class="graph-label" x={edge.label.x} y={edge.label.y} text-anchor="middle" dominant-baseline="central">
              <title>{edge.label.text}</title>
              {shortLabel(edge.label.text)}
            </text>
          ),
      )}
      {nodes.map((node) => (
        <Box key={`node ${node.id}`} node={node} props={{ ...props, isStop: node.id === current }} />
      ))}
    </svg>
  );
}
