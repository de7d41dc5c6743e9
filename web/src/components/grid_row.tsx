// One task's cells. All cells of a state are one path, and rows with the same states share theirs: so
// that ten thousand rows scroll as easily as ten.
import { Component } from 'preact';
import { stateOf } from '../lib/grid';
import { stateInfo, type Shape } from '../lib/states';

export const cellSize = 18;
export const rowHeight = 22; // as in css/grid.css
const box = 14;
const inset = (cellSize - box) / 2;
const top = (rowHeight - box) / 2;

// Around the middle of a cell.
const marks: Record<Shape, string> = {
  check: 'm-3 0l2 2.4 4-4.6',
  cross: 'm-2.6 -2.6l5.2 5.2m0 -5.2l-5.2 5.2',
  play: 'm-2 -3v6l4.6 -3z',
  clock: 'm0 -3v3.2l2.4 1.4',
  retry: 'm3 0a3 3 0 1 1 -1 -2.2m0.6 -1.4v1.8h-1.8',
  skip: 'm-2.6 -2.8l3.4 2.8l-3.4 2.8zm5.2 0v5.6',
  up: 'm0 3.2v-6.4m-2.6 2.6l2.6 -2.6l2.6 2.6',
  dot: 'm-0.4 0h0.8',
  minus: 'm-2.8 0h5.6',
};

interface Drawn {
  state: string;
  boxes: string;
  marks: string;
}

const drawn = new Map<string, readonly Drawn[]>();
const mostDrawn = 5000;
const deepest = 6; // groups further in are drawn no further to the right

/** The paths of a row's letters, one of each state. */
export function pathsOf(letters: string): readonly Drawn[] {
  const before = drawn.get(letters);
  if (before) return before;
  const byState = new Map<string, Drawn>();
  for (let at = 0; at < letters.length; at += 1) {
    const state = stateOf(letters[at]);
    if (state === null) continue;
    let one = byState.get(state);
    if (!one) byState.set(state, (one = { state, boxes: '', marks: '' }));
    const x = at * cellSize + inset;
    one.boxes += `M${x + 3} ${top}h${box - 6}q3 0 3 3v${box - 6}q0 3 -3 3h-${box - 6}q-3 0 -3 -3v-${box - 6}q0 -3 3 -3z`;
    one.marks += `M${x + box / 2} ${rowHeight / 2}${marks[stateInfo(state).shape]}`;
  }
  const paths = [...byState.values()];
  if (drawn.size >= mostDrawn) drawn.clear();
  drawn.set(letters, paths);
  return paths;
}

interface Props {
  line: string; // which of the grid's lines it is
  task: string | null; // its id; null: a group
  group: string | null;
  name: string;
  depth: number;
  fold: 'open' | 'folded' | null; // of a group
  letters: string;
  instances: number; // of a mapped task in the newest run that has them; 0: not mapped, or none yet
  isMapped: boolean;
  isGone: boolean;
  at: number | null; // the column that is chosen
}

export class GridRow extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some((name) => next[name] !== this.props[name]);
  }

  override render() {
    const { line, task, group, name, depth, fold, letters, instances, isMapped, isGone, at } = this.props;
    const width = letters.length * cellSize;
    const id = task ?? group ?? '';
    return (
      <div class={`grid-row ${at === null ? '' : 'is-chosen'} ${fold === null ? '' : 'is-group'}`} data-line={line} data-task={task ?? undefined} data-group={group ?? undefined} data-fold={fold ?? undefined} data-cells={letters}>
        <span class={`grid-name grid-depth-${Math.min(depth, deepest)} ${isGone ? 'muted' : ''}`} title={name === id ? id : `${name} (${id})`}>
          {fold !== null && (
            <svg class="grid-fold" width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
              <path d={fold === 'open' ? 'M1.5 3l3.5 4 3.5-4' : 'M3 1.5l4 3.5-4 3.5'} />
            </svg>
          )}
          <span class="grid-task">{name}</span>
          {isMapped && <span class="grid-mapped">[{instances > 0 ? instances : ''}]</span>}
        </span>
        <svg class="grid-cells" width={width} height={rowHeight} aria-hidden="true">
          {pathsOf(letters).map((one) => (
            <g key={one.state} class={`state-${stateInfo(one.state).name}`}>
              <path class="grid-fill" d={one.boxes} />
              <path class="grid-mark" d={one.marks} />
            </g>
          ))}
          {at !== null && <rect class="grid-chosen" x={at * cellSize + 1} y={1} width={cellSize - 2} height={rowHeight - 2} rx={4} />}
        </svg>
      </div>
    );
  }
}
