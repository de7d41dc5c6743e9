// The grid of a DAG, beside its tabs: every task by the newest runs, kept current by the live stream.
import { useMemo, useRef } from 'preact/hooks';
import * as api from '../api/endpoints';
import { SearchBox } from '../components/choice';
import { GridLegend } from '../components/grid_legend';
import { Empty, Loaded } from '../components/loaded';
import { FoldButtons } from '../components/fold_buttons';
import { countOf } from '../lib/address';
import { GridFeed } from '../lib/grid_feed';
import { useLive, useResource, useSearch, useSearchText, useThrottled } from '../lib/hooks';
import { useOpenGroups } from '../lib/use_open_groups';
import { t } from '../lib/words';
import { GridBox } from './grid_box';

const runChoices = [10, 25, 50, 100, 200];
const usualRuns = 50;
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

export function GridPane(props: Props) {
  const [search, change] = useSearch();
  const [text, setText] = useSearchText('grid');
  const count = countOf(search, 'runs', usualRuns);
  const runs = runChoices.includes(count) ? count : usualRuns;
  const grid = useGrid(props.dag, runs);
  const { open, turn, setAll } = useOpenGroups(props.dag);
  const groups = grid.data?.groups ?? [];
  return (
    <section class="grid-pane card" aria-label={t('Grid')}>
      <div class="grid-bar">
        <SearchBox label={t('Search tasks')} text={text} onText={setText} />
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
        {groups.length > 0 && <FoldButtons count={groups.length} open={groups.filter((one) => open.has(one.group_id)).length} onAll={(all) => setAll(all ? groups.map((one) => one.group_id) : [])} />}
      </div>
      <Loaded of={grid}>
        {(data) => (data.runs.length === 0 ? <Empty>{t('No runs yet. Trigger one, and its tasks stand here.')}</Empty> : <GridBox {...props} grid={data} text={text} open={open} onTurn={turn} />)}
      </Loaded>
      <GridLegend />
    </section>
  );
}
