import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { DagRun } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import { duration, elapsed } from '../lib/format';
import { useLive, useResource, useThrottled } from '../lib/hooks';
import { applyRuns } from '../lib/live';
import { runLink } from '../lib/route';
import { stateInfo } from '../lib/states';

const pageSize = 25;
const runStates = ['queued', 'running', 'success', 'failed'];

function RunRow({ run, now }: { run: DagRun; now: number }) {
  return (
    <tr data-run={run.dag_run_id}>
      <td>
        <StateBadge state={run.state} />
      </td>
      <td class="cell-main">
        <a href={runLink(run.dag_id, run.dag_run_id)}>{run.dag_run_id}</a>
      </td>
      <td class="cell-wide">{run.run_type}</td>
      <td class="cell-wide">
        <At at={run.logical_date} />
      </td>
      <td>
        <At at={run.start_date ?? run.queued_at} />
      </td>
      <td class="number">{duration(elapsed(run.start_date, run.end_date, now))}</td>
    </tr>
  );
}

export function DagRuns({ dag, now }: { dag: string; now: number }) {
  const [offset, setOffset] = useState(0);
  const [state, setState] = useState('');
  const runs = useResource(
    (signal) =>
      api.dagRuns(dag, { limit: pageSize, offset, state: state || undefined, order_by: '-run_after' }, signal),
    [dag, offset, state],
  );
  const refresh = useThrottled(runs.reload, 1000);
  useLive((batch) => {
    const mine = batch.runs.filter((run) => run.dag_id === dag);
    if (mine.length > 0 && state === '' && offset === 0) {
      runs.change((page) => {
        const dagRuns = [...applyRuns(page.dag_runs, mine, dag, pageSize)];
        return { ...page, dag_runs: dagRuns, total_entries: Math.max(page.total_entries, dagRuns.length) };
      });
    }
    if (batch.resync || mine.length > 0) refresh();
  });
  return (
    <section aria-label="Runs">
      <div class="toolbar">
        <label>
          <span class="visually-hidden">State</span>
          <select
            value={state}
            onChange={(event) => {
              setState(event.currentTarget.value);
              setOffset(0);
            }}
          >
            <option value="">All states</option>
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
          page.dag_runs.length === 0 ? (
            <Empty>No runs yet.</Empty>
          ) : (
            <>
              <div class="table-box">
                <table class="table">
                  <thead>
                    <tr>
                      <th scope="col">State</th>
                      <th scope="col">Run</th>
                      <th scope="col" class="cell-wide">
                        Type
                      </th>
                      <th scope="col" class="cell-wide">
                        Logical date
                      </th>
                      <th scope="col">Started</th>
                      <th scope="col" class="number">
                        Duration
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
              <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="run" onMove={setOffset} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}
