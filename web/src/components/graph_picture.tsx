import { useMemo } from 'preact/hooks';
import type { Task, TaskInstance } from '../api/types';
import { layoutGraph, nodeHeight, nodeWidth } from '../lib/graph';
import { stateInfo } from '../lib/states';

/** More tasks than this make a picture nobody can read; the list is shown alone. */
export const graphLimit = 200;
const longestName = 20;

interface Props {
  tasks: readonly Task[];
  states?: ReadonlyMap<string, TaskInstance>;
  selected?: string | null;
  onSelect?: (task: string) => void;
}

function shortName(name: string): string {
  return name.length <= longestName ? name : `${name.slice(0, longestName - 1)}…`;
}

/** The tasks in layers from left to right, coloured by state when there is a run. */
export function GraphPicture({ tasks, states, selected, onSelect }: Props) {
  const graph = useMemo(
    () => layoutGraph(tasks.map((task) => ({ id: task.task_id, downstream: task.downstream_task_ids ?? [] }))),
    [tasks],
  );
  const stateOf = (id: string) => (states ? stateInfo(states.get(id)?.state ?? null) : null);
  return (
    <div class="graph-box" tabIndex={0} role="group" aria-label="Dependencies">
      <svg class="graph" width={graph.width} height={graph.height} viewBox={`0 0 ${graph.width} ${graph.height}`}>
        {graph.edges.map((edge) => (
          <path key={`${edge.from}\n${edge.to}`} class="graph-edge" d={edge.path} />
        ))}
        {graph.nodes.map((node) => {
          const state = stateOf(node.id);
          const open = onSelect ? () => onSelect(node.id) : undefined;
          return (
            <g
              key={node.id}
              class={`graph-node ${state ? `state-${state.name}` : ''} ${selected === node.id ? 'is-selected' : ''}`}
              data-task={node.id}
              data-state={state?.name}
              transform={`translate(${node.x} ${node.y})`}
              {...(open
                ? {
                    role: 'button',
                    tabIndex: 0,
                    'aria-label': `${node.id}${state ? `, ${state.label}` : ''}`,
                    onClick: open,
                    onKeyDown: (event: KeyboardEvent) => {
                      if (event.key !== 'Enter' && event.key !== ' ') return;
                      event.preventDefault();
                      open();
                    },
                  }
                : {})}
            >
              <title>{node.id}</title>
              <rect class="graph-node-box" width={nodeWidth} height={nodeHeight} rx={8} />
              <rect class="graph-node-mark" x={0} y={8} width={4} height={nodeHeight - 16} rx={2} />
              <text x={14} y={nodeHeight / 2} dominant-baseline="central">
                {shortName(node.id)}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
