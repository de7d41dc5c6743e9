// What one looks at first, in one answer: what failed, runs, waits and is late; each number is a link.
import type { ComponentChildren } from 'preact';
import * as api from '../api/endpoints';
import type { Home, HomeRun, Question } from '../api/types';
import { HistoryBars } from '../components/history_bars';
import { Icon } from '../components/icon';
import { Empty, Loaded } from '../components/loaded';
import { StateBadge } from '../components/state_badge';
import { Ago } from '../components/time';
import { UseBar } from '../components/use_bar';
import { countOf, withSearch } from '../lib/address';
import { number } from '../lib/format';
import { useLive, usePolled, useSearch, useThrottled, useTitle } from '../lib/hooks';
import type { Rows } from '../lib/pages';
import { dagLink, runLink } from '../lib/route';
import type { StateName } from '../lib/states';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { NewestTables } from './home_lake';
import { OpenAlerts } from './monitor_alerts';

const spans = [6, 24, 72, 168];
const usualSpan = 24;
const rereadMs = 2000;
const pollMs = 15_000; // of what becomes late, of workers and of pools no event tells

function Tile({ name, value, href, state }: { name: string; value: number; href: string; state: StateName }) {
  return (
    <a class={`tile ${value === 0 ? 'is-zero' : ''}`} href={href}>
      <StateBadge state={state} small />
      <strong class="tile-value">{number(value)}</strong>
      <span class="muted">{name}</span>
    </a>
  );
}

function Tiles({ home }: { home: Home }) {
  const tasks = (state: string) => `#/tasks?state=${state}`;
  return (
    <section class="tiles" aria-label={t('Now')}>
      <Tile name={t('runs failed')} value={home.failed.total} state="failed" href={withSearch('#/runs', { state: 'failed', hours: home.hours })} />
      <Tile name={t('runs at work')} value={home.running.total} state="running" href="#/runs?state=running" />
      <Tile name={t('runs in the queue')} value={home.queued.total} state="queued" href="#/runs?state=queued" />
      <Tile name={t('tasks at work')} value={home.tasks.running} state="running" href={tasks('running')} />
      <Tile name={t('tasks queued')} value={home.tasks.queued + home.tasks.scheduled} state="scheduled" href="#/tasks?state=queued&state=scheduled" />
      <Tile name={t('tasks deferred')} value={home.tasks.deferred} state="deferred" href={tasks('deferred')} />
      <Tile name={t('tasks to be tried again')} value={home.tasks.up_for_retry} state="up_for_retry" href={tasks('up_for_retry')} />
    </section>
  );
}

function Card({ title, href, total, children }: { title: string; href?: string; total?: number; children: ComponentChildren }) {
  return (
    <section class="card home-card" aria-label={title}>
      <h2>
        {href === undefined ? title : <a href={href}>{title}</a>}
        {total !== undefined && <span class="muted"> {number(total)}</span>}
      </h2>
      {children}
    </section>
  );
}

function RunList({ runs, empty, at }: { runs: readonly HomeRun[]; empty: string; at: (run: HomeRun) => string | null }) {
  if (runs.length === 0) return <p class="muted">{empty}</p>;
  return (
    <ul class="home-list">
      {runs.map((run) => (
        <li key={`${run.dag_id}\n${run.dag_run_id}`}>
          <StateBadge state={run.state} small />
          <a class="home-name" href={runLink(run.dag_id, run.dag_run_id)} title={run.dag_run_id}>
            {run.dag_id}
          </a>
          <span class="muted">
            <Ago at={at(run)} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function DagList({ dags, empty }: { dags: Home['late']['dags']; empty: string }) {
  if (dags.length === 0) return <p class="muted">{empty}</p>;
  return (
    <ul class="home-list">
      {dags.map((dag) => (
        <li key={dag.dag_id}>
          <a class="home-name" href={dagLink(dag.dag_id)}>
            {dag.dag_id}
          </a>
          <span class="muted">
            <Ago at={dag.run_after} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Machinery({ home }: { home: Home }) {
  return (
    <>
      {home.pools && (
        <Card title={t('Pools')} href="#/pools" total={home.pools.length}>
          <ul class="home-list">
            {home.pools.map((pool) => (
              <li key={pool.name}>
                <span class="home-name">{pool.name}</span>
                <UseBar used={pool.occupied_slots} of={pool.slots} />
              </li>
            ))}
          </ul>
        </Card>
      )}
      {home.workers && (
        <Card title={t('Workers')} href="#/health" total={home.workers.length}>
          {home.workers.length === 0 ? (
            <p class="notice notice-warning">{t('No worker is here: only tasks that need none can run.')}</p>
          ) : (
            <ul class="home-list">
              {home.workers.map((worker) => (
                <li key={worker.agent_id}>
                  <span class="home-name">{worker.hostname}</span>
                  {worker.connected ? <UseBar used={worker.attempts} of={worker.slots} /> : <span class="health-bad">{t('away')}</span>}
                  {worker.drained && <span class="muted">{t('drained')}</span>}
                </li>
              ))}
            </ul>
          )}
        </Card>
      )}
    </>
  );
}

function Problems({ home }: { home: Home }) {
  if (home.import_errors + home.warnings === 0) return null;
  return (
    <a class={`notice problem-banner ${home.import_errors > 0 ? 'notice-error' : 'notice-warning'}`} href="#/problems">
      <Icon name="warning" />
      {t('Import errors: {errors}, warnings: {warnings}', { errors: home.import_errors, warnings: home.warnings })}
      <Icon name="right" />
    </a>
  );
}

const questionsShown = 10;

/** Nothing is shown while nothing waits. */
function Questions({ waiting }: { waiting: Rows<Question> | undefined }) {
  if (!waiting || waiting.rows.length === 0) return null;
  return (
    <Card title={t('Waiting for an answer')} total={waiting.total}>
      <ul class="home-list">
        {waiting.rows.map(({ subject, created_at, task_instance: task }) => (
          <li key={task.id}>
            <StateBadge state={task.state} small />
            <a class="home-name" href={runLink(task.dag_id, task.dag_run_id, taskKey(task))} title={`${task.dag_id}: ${taskKey(task)}`}>
              {subject}
            </a>
            <span class="muted">
              <Ago at={created_at} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function HomeView() {
  const [search, change] = useSearch();
  const asked = countOf(search, 'hours', usualSpan);
  const hours = spans.includes(asked) ? asked : usualSpan;
  const home = usePolled((signal) => api.home(hours, signal), [hours], pollMs);
  const questions = usePolled((signal) => api.questionsWaiting(questionsShown, signal), [], pollMs);
  const reload = useThrottled(() => {
    home.reload();
    questions.reload();
  }, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.listChanged || batch.runs.length > 0 || batch.dags.length > 0) reload();
  });
  useTitle(t('Home'));
  const spanName = (one: number) => (one < 72 ? t('{count} hours', { count: one }) : t('{count} days', { count: one / 24 }));
  return (
    <>
      <div class="page-head">
        <h1>{t('Home')}</h1>
        <label class="span-choice">
          <span class="muted">{t('The last')}</span>
          <select value={hours} onChange={(event) => change({ hours: event.currentTarget.value })}>
            {spans.map((one) => (
              <option key={one} value={one}>
                {spanName(one)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <OpenAlerts />
      <Loaded of={home}>
        {(data) =>
          data.dags.active + data.dags.paused === 0 && data.import_errors === 0 ? (
            <Empty>{t('No DAGs yet. Put a JSON file into the dags folder; it is live within a second.')}</Empty>
          ) : (
            <>
              <Problems home={data} />
              <Questions waiting={questions.data} />
              <Tiles home={data} />
              <Card title={t('Runs that ended')} href={withSearch('#/runs?state=success&state=failed', { hours: data.hours })}>
                <HistoryBars bars={data.history} />
              </Card>
              <div class="home-grid">
                <Card title={t('Failed')} href={withSearch('#/runs', { state: 'failed', hours: data.hours })} total={data.failed.total}>
                  <RunList runs={data.failed.runs} empty={t('Nothing failed.')} at={(run) => run.end_date} />
                </Card>
                <Card title={t('Late')} total={data.late.total}>
                  <DagList dags={data.late.dags} empty={t('Nothing is late.')} />
                </Card>
                <Card title={t('Running')} href="#/runs?state=running" total={data.running.total}>
                  <RunList runs={data.running.runs} empty={t('Nothing runs.')} at={(run) => run.start_date} />
                </Card>
                <Card title={t('Queued')} href="#/runs?state=queued" total={data.queued.total}>
                  <RunList runs={data.queued.runs} empty={t('Nothing waits.')} at={(run) => run.queued_at} />
                </Card>
                <Card title={t('Upcoming')} total={data.upcoming.total}>
                  <DagList dags={data.upcoming.dags} empty={t('No DAG has a next run: they are paused or without a schedule.')} />
                </Card>
                <Card title={t('DAGs')} href="#/dags" total={data.dags.active + data.dags.paused}>
                  <p>
                    <a href="#/dags?paused=false">{t('{count} active', { count: data.dags.active })}</a>, <a href="#/dags?paused=true">{t('{count} paused', { count: data.dags.paused })}</a>
                  </p>
                </Card>
                <NewestTables />
                <Machinery home={data} />
              </div>
            </>
          )
        }
      </Loaded>
    </>
  );
}
