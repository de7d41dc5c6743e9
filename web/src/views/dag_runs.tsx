import * as api from '../api/endpoints';
import type { DagRun } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { duration, elapsed } from '../lib/format';
import { useLive, useNow, usePage, useResource, useSearch, useThrottled } from '../lib/hooks';
import { applyRuns } from '../lib/live';
import { runLink } from '../lib/route';
import { isEnded, runTypeName, stateInfo } from '../lib/states';
import { t } from '../lib/words';

const pageSize = 25;
const runStates = ['queued', 'running', 'success', 'failed'];

function RunRow({ run, now }: { run: DagRun; now: number }) {
  return (
    <tr data-run={run.dag_run_id}>
      <td data-label={t('State')}>
        <StateBadge state={run.state} />
      </td>
      <td class="cell-main" data-label={t('Run')}>
        <a href={runLink(run.dag_id, run.dag_run_id)}>{run.dag_run_id}</a>
      </td>
      <td data-label={t('Type')}>{runTypeName(run.run_type)}</td>
      <td data-label={t('Logical date')}>
        <At at={run.logical_date} />
      </td>
      <td data-label={t('Started')}>
        <At at={run.start_date ?? run.queued_at} />
      </td>
      <td class="number" data-label={t('Duration')}>{duration(elapsed(run.start_date, run.end_date, now))}</td>
    </tr>
  );
}

export function DagRuns({ dag }: { dag: string }) {
  const [search, change] = useSearch();
  const [offset, move] = usePage(pageSize);
  const asked = search.get('state') ?? '';
  const state = runStates.includes(asked) ? asked : '';
  const runs = useResource(
    (signal) =>
      api.dagRuns(dag, { limit: pageSize, offset, state: state || undefined, order_by: '-run_after' }, signal),
    [dag, offset, state],
  );
  const now = useNow(runs.data?.dag_runs.some((run) => !isEnded(run.state)) ?? false);
  const refresh = useThrottled(runs.reload, 1000);
  useLive((batch) => {
    const mine = batch.runs.filter((run) => run.dag_id === dag);
    if (mine.length > 0 && state === '' && offset === 0) {
      runs.change((page) => {
        const next = applyRuns(page.dag_runs, mine, dag);
        return next === page.dag_runs ? page : { ...page, dag_runs: [...next] };
      });
    }
    if (batch.resync || mine.length > 0 || batch.dags.includes(dag)) refresh();
  });
  return (
    <section aria-label={t('Runs')}>
      <div class="toolbar">
        <label>
          <span class="visually-hidden">{t('State')}</span>
          <select value={state} onChange={(event) => change({ state: event.currentTarget.value })}>
            <option value="">{t('All states')}</option>
            {runStates.map((one) => (
              <option key={one} value={one}>
                {stateInfo(one).label}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Loaded of={runs}>
        {(page) =>
          page.total_entries === 0 ? (
            <Empty>{state === '' ? t('No runs yet.') : t('No run matches.')}</Empty>
          ) : (
            <>
              <div class="table-box">
                <table class="table table-stack">
                  <thead>
                    <tr>
                      <th scope="col">{t('State')}</th>
                      <th scope="col">{t('Run')}</th>
                      <th scope="col">{t('Type')}</th>
                      <th scope="col">{t('Logical date')}</th>
                      <th scope="col">{t('Started')}</th>
                      <th scope="col" class="number">
                        {t('Duration')}
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {page.dag_runs.map((run) => (
                      <RunRow key={run.dag_run_id} run={run} now={now} />
                    ))}
                  </tbody>
                </table>
              </div>
              <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="run" onMove={move} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}
