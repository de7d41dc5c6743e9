// The grid of a DAG, beside its tabs: every task by the newest runs, kept current by the live stream.
import { useMemo, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Grid } from '../api/types';
import { GridHead } from '../components/grid_head';
import { GridLegend } from '../components/grid_legend';
import { cellSize, GridRow, rowHeight } from '../components/grid_row';
import { Icon } from '../components/icon';
import { Empty, Loaded } from '../components/loaded';
import { countOf } from '../lib/address';
import { countsOf, lettersOf, stateOf, step, type Place } from '../lib/grid';
import { GridFeed } from '../lib/grid_feed';
import { placeText } from '../lib/grid_text';
import { useLive, useNow, useResource, useSearch, useSearchText, useThrottled } from '../lib/hooks';
import { runLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { useScroll } from '../lib/use_scroll';
import { visibleWindow } from '../lib/window';
import { t } from '../lib/words';

const runChoices = [10, 25, 50, 100, 200];
const usualRuns = 50;
const headRow = -1; // the runs, above the first task
const nameWidth = 168; // as in css/grid.css
const rereadMs = 2000;

function useGrid(dag: string, runs: number) {
  const feed = useMemo(
    () => new GridFeed(dag, (some, signal) => api.grid(dag, some ? { runs: some.length, dag_run_id: [...some] } : { runs }, signal)),
    [dag, runs],
  );
  const latest = useRef(feed);
  latest.current = feed;
  const grid = useResource(
    async (signal) => {
      const whole = await feed.readAll(signal);
      follow();
      return whole;
    },
    [dag, runs],
  );
  const show = () => {
    if (latest.current !== feed) return; // another number of runs was chosen meanwhile
    grid.change((old) => feed.grid ?? old);
    follow();
  };
  const read = useThrottled(() => {
    if (feed.need === 'all') grid.reload();
    if (feed.need === 'some') void feed.readSome().then(show);
  }, rereadMs);
  const follow = () => {
    if (feed.need !== 'nothing') read();
  };
  useLive((batch) => {
    const isLost = batch.resync || batch.dags.includes(dag);
    if (isLost) feed.lose();
    if (feed.take(batch) || isLost) show();
  });
  return grid;
}

interface Props {
  dag: string;
  run: string | null; // what is chosen
  task: string | null;
  onChoose: (run: string, task: string) => void;
}

const toNewest = (box: HTMLDivElement) => {
  box.scrollLeft = box.scrollWidth;
};

function GridBox({ grid, dag, run, task, onChoose, text }: Props & { grid: Grid; text: string }) {
  const { box, scroll } = useScroll(toNewest);
  const [place, setPlace] = useState<Place | null>(null);
  const [byKeys, setByKeys] = useState(false);
  const columns = grid.runs.length;
  const now = useNow(grid.runs.some((one) => !isEnded(one.state)));
  const rows = useMemo(
    () =>
      grid.tasks
        .map((one, at) => ({ id: one.task_id, at }))
        .filter((one) => one.id.toLowerCase().includes(text.toLowerCase())),
    [grid.tasks, text],
  );
  const runAt = (column: number) => grid.runs[columns - 1 - column];
  const chosenColumn = columns - 1 - grid.runs.findIndex((one) => one.dag_run_id === run);
  const choose = (at: Place) => {
    const [one, row] = [runAt(at.column), rows[at.row]];
    if (!one) return;
    if (at.row === headRow) location.hash = runLink(dag, one.dag_run_id);
    else if (row && stateOf(one.cells[row.at]) !== null) onChoose(one.dag_run_id, row.id);
  };
  const placeOf = (event: MouseEvent): Place | null => {
    const element = (event.target as Element).closest<HTMLElement>('.grid-row');
    const cells = element?.querySelector('.grid-cells')?.getBoundingClientRect();
    if (!element || !cells) return null;
    const column = Math.floor((event.clientX - cells.left) / cellSize);
    const row = rows.findIndex((one) => one.id === element.dataset['task']);
    // A click on the name is on the newest run.
    return { row, column: column < 0 || column >= columns ? columns - 1 : column };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const from = place ?? { row: Math.max(0, rows.findIndex((one) => one.id === task)), column: run === null ? columns - 1 : chosenColumn };
    if (event.key === 'Enter') return choose(from);
    const to = step(from, event.key, rows.length, columns, 10, headRow);
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
  const seen = visibleWindow(rows.length, rowHeight, scroll.top, scroll.height);
  const hint = t('Arrow keys move, Enter opens.');
  return (
    <>
      <p class="grid-status muted" id="grid-status" role={byKeys ? 'status' : undefined}>
        {place ? placeText(grid, place.row === headRow ? null : (rows[place.row]?.at ?? null), runAt(place.column), now) : hint}
      </p>
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
        {rows.slice(seen.first, seen.last).map((row, at) => {
          const info = grid.tasks[row.at];
          const newest = info?.is_mapped ? grid.runs.find((one) => one.mapped[String(row.at)]) : undefined;
          const isPlace = byKeys && place?.row === seen.first + at;
          return (
            <GridRow
              key={row.id}
              task={row.id}
              letters={lettersOf(grid, row.at)}
              isMapped={info?.is_mapped ?? false}
              isGone={info?.is_gone ?? false}
              instances={newest ? countsOf(newest, row.at).reduce((sum, [, count]) => sum + count, 0) : 0}
              at={isPlace ? (place?.column ?? null) : row.id === task && run !== null ? chosenColumn : null}
            />
          );
        })}
        <svg class="spacer" width="1" height={seen.after} aria-hidden="true" />
      </div>
    </>
  );
}

export function GridPane(props: Props) {
  const [search, change] = useSearch();
  const [text, setText] = useSearchText('grid');
  const count = countOf(search, 'runs', usualRuns);
  const runs = runChoices.includes(count) ? count : usualRuns;
  const grid = useGrid(props.dag, runs);
  return (
    <section class="grid-pane card" aria-label={t('Grid')}>
      <div class="grid-bar">
        <label class="search">
          <Icon name="search" />
          <span class="visually-hidden">{t('Search tasks')}</span>
          <input type="search" placeholder={t('Search tasks')} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <label>
          <span class="visually-hidden">{t('How many runs')}</span>
          <select value={runs} onChange={(event) => change({ runs: event.currentTarget.value === String(usualRuns) ? null : event.currentTarget.value })}>
            {runChoices.map((one) => (
              <option key={one} value={one}>
                {t('{count} runs', { count: one })}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Loaded of={grid}>
        {(data) => (data.runs.length === 0 ? <Empty>{t('No runs yet. Trigger one, and its tasks stand here.')}</Empty> : <GridBox {...props} grid={data} text={text} />)}
      </Loaded>
      <GridLegend />
    </section>
  );
}
