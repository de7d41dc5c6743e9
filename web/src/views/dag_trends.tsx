// How the last runs of a DAG went, or one task of them: durations, landing times, failures. What is shown stands in the address.
import { useMemo } from 'preact/hooks';
import * as api from '../api/endpoints';
import { Choice } from '../components/choice';
import { DayCounts } from '../components/day_counts';
import { Fact } from '../components/fact';
import { Empty, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { TrendChart } from '../components/trend_chart';
import { countOf } from '../lib/address';
import { duration, number } from '../lib/format';
import { useLive, useNow, useResource, useSearch, useThrottled } from '../lib/hooks';
import { runLink } from '../lib/route';
import { isEnded } from '../lib/states';
import { byDay, runPoints, summaryOf, taskPoints, type Point } from '../lib/trends';
import { t } from '../lib/words';

const runChoices = [25, 50, 100, 250, 500];
const usualRuns = 50;
const rereadMs = 2000;
const mostInstances = 1000; // one answer of the server

interface Read {
  points: (now: number) => Point[];
  isLive: boolean;
}

async function read(dag: string, task: string, count: number, signal: AbortSignal): Promise<Read> {
  if (task === '') {
    const { dag_runs: runs } = await api.dagRuns(dag, { limit: count, order_by: '-run_after' }, signal);
    return { points: (now) => runPoints(runs, now), isLive: runs.some((run) => !isEnded(run.state)) };
  }
  const { task_instances: tasks } = await api.taskInstances(dag, '~', { task_id: task, limit: mostInstances, order_by: '-run_after' }, signal);
  return { points: (now) => taskPoints(tasks, now).slice(-count), isLive: tasks.some((one) => one.state === 'running') };
}

const columnsOf = (dag: string, task: string): Column<Point>[] => [
  { name: t('State'), cell: (point) => <StateBadge state={point.state} /> },
  { name: t('Run'), cell: (point) => <a href={runLink(dag, point.run, task || null)}>{point.run}</a> },
  { name: t('Due'), cell: (point) => <At at={point.at} /> },
  { name: t('Waited'), number: true, cell: (point) => duration(point.waited) },
  { name: t('Duration'), number: true, cell: (point) => duration(point.took) },
  { name: t('Landed after'), number: true, cell: (point) => duration(point.landed) },
];

function Facts({ points }: { points: readonly Point[] }) {
  const { ended, failed, median, slow, landing } = summaryOf(points);
  return (
    <dl class="facts">
      <Fact name={t('Failed')}>{t('{part} of {all}', { part: number(failed), all: number(ended) })}</Fact>
      <Fact name={t('Median duration')}>{duration(median)}</Fact>
      <Fact name={t('19 of 20 took at most')}>{duration(slow)}</Fact>
      <Fact name={t('Median landing')}>{duration(landing)}</Fact>
    </dl>
  );
}

export function DagTrends({ dag, version }: { dag: string; version: number | undefined }) {
  const [search, change] = useSearch();
  const asked = countOf(search, 'last', usualRuns);
  const count = runChoices.includes(asked) ? asked : usualRuns;
  const task = search.get('of') ?? '';
  const trends = useResource((signal) => read(dag, task, count, signal), [dag, task, count]);
  const tasks = useResource((signal) => api.dagTasks(dag, undefined, signal), [dag, version]);
  const reload = useThrottled(trends.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.dags.includes(dag) || batch.runs.some((run) => run.dag_id === dag)) reload();
  });
  const now = useNow(trends.data?.isLive ?? false, 5000);
  const points = useMemo(() => trends.data?.points(now) ?? [], [trends.data, now]);
  const open = (run: string) => void (location.hash = runLink(dag, run, task || null));
  return (
    <section aria-label={t('Trends')} class="trends">
      <div class="toolbar">
        <Choice label={t('Of what')} value={task} all={t('The runs')} choices={(tasks.data?.tasks ?? []).map((one) => ({ id: one.task_id, name: one.task_id }))} onChange={(of) => change({ of })} />
        <Choice
          label={t('How many runs')}
          value={count === usualRuns ? '' : String(count)}
          all={t('{count} runs', { count: usualRuns })}
          choices={runChoices.filter((one) => one !== usualRuns).map((one) => ({ id: String(one), name: t('{count} runs', { count: one }) }))}
          onChange={(last) => change({ last })}
        />
      </div>
      <Loaded of={trends}>
        {() =>
          points.length === 0 ? (
            <Empty>{t('No runs yet.')}</Empty>
          ) : (
            <>
              <Facts points={points} />
              <TrendChart points={points} title={t('Duration')} of={(point) => point.took} above={(point) => point.waited} aboveWords={t('waited')} onOpen={open} />
              <TrendChart points={points} title={t('Landing: from when it was due to its end')} of={(point) => point.landed} onOpen={open} />
              <DayCounts days={byDay(points)} />
              <details>
                <summary>{t('As a table')}</summary>
                <SimpleTable rows={[...points].reverse()} columns={columnsOf(dag, task)} keyOf={(point) => point.run} empty="" />
              </details>
            </>
          )
        }
      </Loaded>
    </section>
  );
}
