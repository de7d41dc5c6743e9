import * as api from '../api/endpoints';
import type { QualityResult, TaskInstance } from '../api/types';
import { SimpleTable, type Column } from '../components/simple_table';
import { number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { t } from '../lib/words';

const broken = (result: QualityResult) => result.passed === false;

const count = (rows: number | undefined) => (rows === undefined ? '–' : number(rows));

function Outcome({ result }: { result: QualityResult }) {
  if (!broken(result)) return <span class="quality-good">{t('holds')}</span>;
  const blocking = result.severity === 'blocking';
  return <span class={blocking ? 'quality-bad' : 'quality-warning'}>{blocking ? t('broken') : t('warning')}</span>;
}

const columns: readonly Column<QualityResult>[] = [
  { name: t('Rule'), cell: (result) => result.rule ?? '–' },
  { name: t('Table'), cell: (result) => result.table ?? '–' },
  { name: t('Outcome'), cell: (result) => <Outcome result={result} /> },
  { name: t('Rows failed'), number: true, cell: (result) => t('{part} of {all}', { part: count(result.failed), all: count(result.checked) }) },
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
        {t('Quality')}{' '}
        <span class="muted">
          {failed > 0 ? t('{failed} of {count} rules broken', { failed, count: results.length }) : t('{count} rules hold', { count: results.length })}
        </span>
      </summary>
      <SimpleTable rows={rows} columns={columns} keyOf={(row) => row.at} empty="" />
    </details>
  );
}
