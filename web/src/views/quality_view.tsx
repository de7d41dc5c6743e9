import * as api from '../api/endpoints';
import type { QualityResult, TaskInstance } from '../api/types';
import { SimpleTable, type Column } from '../components/simple_table';
import { useResource } from '../lib/hooks';

const broken = (result: QualityResult) => result.passed === false;

const count = (rows: number | undefined) => rows?.toLocaleString('en') ?? '–';

function Outcome({ result }: { result: QualityResult }) {
  if (!broken(result)) return <span class="quality-good">holds</span>;
  const blocking = result.severity === 'blocking';
  return <span class={blocking ? 'quality-bad' : 'quality-warning'}>{blocking ? 'broken' : 'warning'}</span>;
}

const columns: readonly Column<QualityResult>[] = [
  { name: 'Rule', cell: (result) => result.rule ?? '–' },
  { name: 'Table', cell: (result) => result.table ?? '–' },
  { name: 'Outcome', cell: (result) => <Outcome result={result} /> },
  { name: 'Rows failed', number: true, cell: (result) => `${count(result.failed)} of ${count(result.checked)}` },
];

// A try tells its results with its end.
const underWay = (task: TaskInstance, attempt: number) =>
  attempt === task.try_number && (task.state === 'queued' || task.state === 'running');

/** The quality rules of one try: open when one is broken, absent when none was looked at. */
export function QualityView({ task, attempt }: { task: TaskInstance; attempt: number }) {
  const report = useResource(
    (signal) =>
      attempt === 0 || underWay(task, attempt)
        ? Promise.resolve(null)
        : api.attemptReport(task.dag_id, task.dag_run_id, task.task_id, attempt, signal, task.map_index),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, attempt, task.state],
  );
  const results = report.data?.quality ?? [];
  if (results.length === 0) return null;
  const failed = results.filter(broken).length;
  const rows = results.map((result, at) => ({ ...result, at }));
  return (
    <details class="quality" open={failed > 0}>
      <summary>
        Quality{' '}
        <span class="muted">
          {failed > 0 ? `${failed} of ${results.length} rules broken` : `${results.length} rules hold`}
        </span>
      </summary>
      <SimpleTable rows={rows} columns={columns} keyOf={(row) => row.at} empty="" />
    </details>
  );
}
