// The grid itself: lines of tasks and groups by runs, walked by mouse and keys.
import { useMemo, useState } from 'preact/hooks';
import type { Grid } from '../api/types';
import { GridHead } from '../components/grid_head';
import { cellSize, GridRow, rowHeight } from '../components/grid_row';
import { countsOf, stateOf, step, type Place } from '../lib/grid';
import { gridLines, lettersOfLine, lineOfTask, type GridLine } from '../lib/grid_lines';
import { placeText } from '../lib/grid_text';
import { useNow } from '../lib/hooks';
import { runLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { useScroll } from '../lib/use_scroll';
import { visibleWindow } from '../lib/window';
import { t } from '../lib/words';

const headRow = -1; // the runs, above the first task
const nameWidth = 168; // as in css/grid.css

interface Props {
  dag: string;
  grid: Grid;
  run: string | null; // what is chosen
  task: string | null;
  text: string; // what is searched for
  open: ReadonlySet<string>; // groups
  onChoose: (run: string, task: string) => void;
  onTurn: (group: string) => void;
}

const toNewest = (box: HTMLDivElement) => {
  box.scrollLeft = box.scrollWidth;
};

function Line({ grid, line, at }: { grid: Grid; line: GridLine; at: number | null }) {
  const info = grid.tasks[line.at];
  const newest = info?.is_mapped ? grid.runs.find((one) => one.mapped[String(line.at)]) : undefined;
  const isTask = line.kind === 'task';
  return (
    <GridRow
      line={line.key}
      task={isTask ? line.id : null}
      group={isTask ? null : line.id}
      name={line.name}
      depth={line.depth}
      fold={isTask ? null : line.isOpen ? 'open' : 'folded'}
      letters={lettersOfLine(grid, line)}
      isMapped={info?.is_mapped ?? false}
      isGone={info?.is_gone ?? false}
      instances={newest ? countsOf(newest, line.at).reduce((sum, [, count]) => sum + count, 0) : 0}
      at={at}
    />
  );
}

export function GridBox({ dag, grid, run, task, text, open, onChoose, onTurn }: Props) {
  const { box, scroll } = useScroll(toNewest);
  const [place, setPlace] = useState<Place | null>(null);
  const [byKeys, setByKeys] = useState(false);
  const columns = grid.runs.length;
  const now = useNow(grid.runs.some((one) => !isEnded(one.state)));
  const { tasks, groups } = grid;
  const lines = useMemo(() => gridLines({ tasks, groups }, open, text), [tasks, groups, open, text]);
  const runAt = (column: number) => grid.runs[columns - 1 - column];
  const chosenColumn = columns - 1 - grid.runs.findIndex((one) => one.dag_run_id === run);
  const chosenLine = useMemo(() => lineOfTask(lines, { tasks }, task), [lines, tasks, task]);
  const choose = (at: Place) => {
    const [one, line] = [runAt(at.column), lines[at.row]];
    if (!one) return;
    if (at.row === headRow) location.hash = runLink(dag, one.dag_run_id);
    else if (line?.kind === 'group') onTurn(line.id);
    else if (line && stateOf(one.cells[line.at]) !== null) onChoose(one.dag_run_id, line.id);
  };
  const placeOf = (event: MouseEvent): Place | null => {
    const element = (event.target as Element).closest<HTMLElement>('.grid-row');
    const cells = element?.querySelector('.grid-cells')?.getBoundingClientRect();
    if (!element || !cells) return null;
    const column = Math.floor((event.clientX - cells.left) / cellSize);
    const row = lines.findIndex((one) => one.key === element.dataset['line']);
    // A click on the name is on the newest run.
    return { row, column: column < 0 || column >= columns ? columns - 1 : column };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const from = place ?? { row: Math.max(0, chosenLine), column: run === null ? columns - 1 : chosenColumn };
    const isOpener = event.key === ' ' && lines[from.row]?.kind === 'group';
    if (event.key === 'Enter' || isOpener) {
      event.preventDefault();
      setPlace(from);
      return choose(from);
    }
    const to = step(from, event.key, lines.length, columns, 10, headRow);
    if (!to) return undefined;
    event.preventDefault();
    setByKeys(true);
    setPlace(to);
    const element = box.current;
    if (!element) return undefined;
    const [y, x] = [to.row * rowHeight, to.column * cellSize];
    const seen = element.clientHeight - 2 * rowHeight - 57; // without the head
    element.scrollTop = Math.max(y - seen, Math.min(element.scrollTop, Math.max(0, y)));
    element.scrollLeft = Math.max(x - (element.clientWidth - nameWidth - 2 * cellSize), Math.min(element.scrollLeft, x));
    return undefined;
  };
  const seen = visibleWindow(lines.length, rowHeight, scroll.top, scroll.height);
  const hint = groups.length > 0 ? t('Arrow keys move, Enter opens, and folds a group.') : t('Arrow keys move, Enter opens.');
  return (
    <>
      <p class="grid-status muted" id="grid-status" role={byKeys ? 'status' : undefined}>
        {place ? placeText(grid, place.row === headRow ? null : (lines[place.row] ?? null), runAt(place.column), now) : hint}
      </p>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- one stop for ten thousand cells: it has keys for each of them */}
      <div
        class="grid-box"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label={t('Grid of tasks and runs')}
        aria-describedby="grid-status"
        onKeyDown={onKeyDown}
        onClick={(event) => {
          const at = placeOf(event);
          if (at) choose(at);
        }}
        onMouseMove={(event) => {
          setByKeys(false);
          const at = placeOf(event);
          if (at?.row !== place?.row || at?.column !== place?.column) setPlace(at);
        }}
        onMouseLeave={() => setPlace(null)}
      >
        <div class="grid-top">
          <span class="grid-name" />
          <GridHead dag={dag} runs={grid.runs} now={now} chosen={place?.row === headRow && byKeys ? (runAt(place.column)?.dag_run_id ?? null) : run} />
        </div>
        <svg class="spacer" width="1" height={seen.before} aria-hidden="true" />
        {lines.slice(seen.first, seen.last).map((line, at) => {
          const isPlace = byKeys && place?.row === seen.first + at;
          const isChosen = seen.first + at === chosenLine && run !== null;
          return <Line key={line.key} grid={grid} line={line} at={isPlace ? (place?.column ?? null) : isChosen ? chosenColumn : null} />;
        })}
        <svg class="spacer" width="1" height={seen.after} aria-hidden="true" />
      </div>
    </>
  );
}
