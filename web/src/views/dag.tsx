// One DAG: its runs, its tasks, its source, and a way to start it.
import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import * as api from '../api/endpoints';
import { Fact } from '../components/fact';
import { Icon } from '../components/icon';
import { Later } from '../components/later';
import { Empty, ErrorBox, Loaded } from '../components/loaded';
import { Markdown } from '../components/markdown';
import { Tabs } from '../components/tabs';
import { Ago } from '../components/time';
import { withSearch, type Changes } from '../lib/address';
import { scheduleKey } from '../lib/graph_assets';
import { useApp, useLive, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { keep, readKept } from '../lib/kept';
import { scheduleText } from '../lib/schedule';
import { t } from '../lib/words';
import { DagFileNotice } from './dag_file_notice';
import { DagRuns } from './dag_runs';
import { DagSource } from './dag_source';
import { DagTasks } from './dag_tasks';
import { GridPane } from './grid';
import { GridTask } from './grid_task';
import { PauseSwitch } from './pause_switch';
import { SkippedTicks } from './skipped_ticks';

const tabs = [
  { id: 'runs', label: t('Runs') },
  { id: 'tasks', label: t('Tasks') },
  { id: 'calendar', label: t('Calendar') },
  { id: 'trends', label: t('Trends') },
  { id: 'backfills', label: t('Backfills') },
  { id: 'events', label: t('Events') },
  { id: 'source', label: t('Source') },
  { id: 'details', label: t('Details') },
];

const laterViews = () => import('./lake_views');

// What stood for what was chosen before.
const noPart: Changes = { try: null, line: null, beside: null, line2: null, state: null, order: null, page: null, map: null };
const nothing: Changes = { run: null, task: null, ...noPart };
const go = (changes: Changes) => void (location.hash = withSearch(location.hash, changes));
const gridKept = 'batuta-grid';

// Whether the grid is open is the reader's habit, not the address's.
function useGridShown(): [boolean, () => void] {
  const [shown, setShown] = useState(() => readKept(gridKept) !== 'closed');
  const turn = () => {
    keep(gridKept, shown ? 'closed' : 'open');
    setShown(!shown);
  };
  return [shown, turn];
}

export function DagView({ dag, tab }: { dag: string; tab: string }) {
  const { canOperate } = useApp();
  const details = useResource((signal) => api.dagDetails(dag, signal), [dag]);
  const [triggering, setTriggering] = useState(false);
  const refresh = useThrottled(details.reload, 1000);
  useLive((batch) => {
    if (batch.resync || batch.listChanged || batch.dags.includes(dag)) refresh();
  });
  useTitle(dag);
  const [gridShown, showGrid] = useGridShown();
  const [search] = useSearch();
  const [run, task] = [search.get('run'), search.get('task')];
  const chosen = run !== null && task !== null;
  const current = tabs.some((one) => one.id === tab) ? tab : 'runs';
  const version = details.data?.latest_dag_version?.version_number;
  if (details.error instanceof ApiError && details.error.status === 404) {
    return (
      <>
        <div class="page-head">
          <h1>{dag}</h1>
        </div>
        <ErrorBox error={details.error} onRetry={details.reload} />
        <Empty>
          {t('If a file of the dags folder should hold it, that file may be broken: see')} <a href="#/problems">{t('Problems')}</a>.
        </Empty>
      </>
    );
  }
  return (
    <Loaded of={details}>
      {(data) => (
        <>
          <nav class="crumbs" aria-label={t('Where this is')}>
            <a href="#/dags">{t('DAGs')}</a>
          </nav>
          <div class="page-head">
            <div class="head-title">
              <PauseSwitch dag={data} onChange={(next) => details.change((old) => ({ ...old, is_paused: next.is_paused }))} />
              <h1>{data.dag_display_name || data.dag_id}</h1>
            </div>
            {canOperate && (
              <button type="button" class="button button-primary" onClick={() => setTriggering(true)}>
                <Icon name="play" />
                {t('Trigger')}
              </button>
            )}
          </div>
          <DagFileNotice dag={data} />
          {data.description && <p class="lead">{data.description}</p>}
          <dl class="facts">
            <Fact name={t('Schedule')}>{scheduleText(data)}</Fact>
            {data.timezone && <Fact name={t('Time zone')}>{data.timezone}</Fact>}
            {!data.is_paused && data.next_dagrun_run_after && (
              <Fact name={t('Next run')}>
                <Ago at={data.next_dagrun_run_after} />
              </Fact>
            )}
            <Fact name={t('Catch-up')}>{data.catchup ? t('yes') : t('no')}</Fact>
            {data.max_active_runs !== null && (
              <Fact name={t('Active runs')}>{data.max_active_runs > 0 ? t('at most {count}', { count: data.max_active_runs }) : t('no limit')}</Fact>
            )}
            <SkippedTicks dag={dag} />
            {data.owners.length > 0 && <Fact name={t('Owner')}>{data.owners.join(', ')}</Fact>}
            {data.relative_fileloc && (
              <Fact name={t('File')}>
                <code>{data.relative_fileloc}</code>
              </Fact>
            )}
            {version !== undefined && <Fact name={t('Version')}>{version}</Fact>}
          </dl>
          {data.doc_md && (
            <details class="dag-doc">
              <summary>{t('Documentation')}</summary>
              <Markdown text={data.doc_md} />
            </details>
          )}
          <div class={`dag-body ${gridShown ? 'has-grid' : ''}`}>
            {gridShown && <GridPane dag={dag} run={run} task={task} onChoose={(nextRun, nextTask) => go({ run: nextRun, task: nextTask, tab: 'log', ...noPart })} />}
            <div class="dag-side">
              <div class="dag-tabs">
                <Tabs tabs={tabs} current={chosen ? '' : current} label={t('About this DAG')} onChange={(id) => go({ ...nothing, tab: id })} />
                <button type="button" class="button grid-switch" aria-pressed={gridShown} onClick={showGrid}>
                  {t('Grid')}
                </button>
              </div>
              {chosen && run !== null && task !== null ? (
                <GridTask key={`${run}\n${task}`} dag={dag} run={run} task={task} tab={tab} onTab={(id) => go({ tab: id })} onClose={() => go({ ...nothing, tab: null })} />
              ) : (
                <>
                  {current === 'runs' && <DagRuns dag={dag} />}
                  {current === 'tasks' && <DagTasks dag={dag} version={version} schedule={scheduleKey(data)} />}
                  {current === 'calendar' && <Later load={laterViews}>{({ DagCalendar }) => <DagCalendar dag={dag} />}</Later>}
                  {current === 'trends' && <Later load={laterViews}>{({ DagTrends }) => <DagTrends dag={dag} version={version} />}</Later>}
                  {current === 'backfills' && <Later load={laterViews}>{({ BackfillList }) => <BackfillList dag={dag} />}</Later>}
                  {current === 'events' && <Later load={laterViews}>{({ EventList }) => <EventList dag={dag} />}</Later>}
                  {current === 'source' && <DagSource dag={dag} version={version} />}
                  {current === 'details' && <Later load={laterViews}>{({ DagDetailsView }) => <DagDetailsView of={data} />}</Later>}
                </>
              )}
            </div>
          </div>
          {triggering && <Later load={laterViews}>{(views) => <views.TriggerDialog dag={dag} onClose={() => setTriggering(false)} />}</Later>}
        </>
      )}
    </Loaded>
  );
}
