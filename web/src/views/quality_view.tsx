import * as api from '../api/endpoints';
import type { QualityResult, TaskInstance } from '../api/types';
import { SimpleTable, type Column } from '../components/simple_table';
import { number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { lakeLink } from '../lib/route';
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

interface Step {
  from: string;
  from_version?: number;
  to: string;
}

/** A plugin decides what it tells: only what has both ends is a step. */
const isStep = (told: unknown): told is Step => typeof told === 'object' && told !== null && 'from' in told && typeof told.from === 'string' && 'to' in told && typeof told.to === 'string';

/** "silver/shop/orders" leads to the table, at a version to its rows then; what is no table of the lake is text. */
function TableName({ name, version }: { name: string; version?: number | undefined }) {
  const [layer, domain, table, ...more] = name.split('/');
  if (!layer || !domain || !table || more.length > 0) return <>{name}</>;
  return <a href={lakeLink({ layer, domain, table }, version === undefined ? {} : { tab: 'rows', version: String(version) })}>{name}</a>;
}

const steps: readonly Column<Step>[] = [
  { name: t('Table read'), cell: (step) => <TableName name={step.from} version={step.from_version} /> },
  { name: t('Version read'), number: true, cell: (step) => step.from_version ?? '–' },
  { name: t('Table made'), cell: (step) => <TableName name={step.to} /> },
];

/** What one try read, at which version, and what it made of it; absent where it told nothing. */
function Tables({ told }: { told: readonly unknown[] }) {
  const rows = told.filter(isStep).map((step, at) => ({ ...step, at }));
  if (rows.length === 0) return null;
  return (
    <details class="quality">
      <summary>{t('Tables read and made')}</summary>
      <SimpleTable rows={rows} columns={steps} keyOf={(row) => row.at} empty="" />
    </details>
  );
}

// A try tells its results with its end.
const underWay = (task: TaskInstance, attempt: number) =>
  attempt === task.try_number && (task.state === 'queued' || task.state === 'running');

function rulesText(failed: number, all: number): string {
  if (all === 1) return failed === 1 ? t('1 rule broken') : t('1 rule holds');
  return failed > 0 ? t('{failed} of {count} rules broken', { failed, count: all }) : t('{count} rules hold', { count: all });
}

function Rules({ results }: { results: readonly QualityResult[] }) {
  if (results.length === 0) return null;
  const failed = results.filter(broken).length;
  const rows = results.map((result, at) => ({ ...result, at }));
  return (
    <details class="quality" open={failed > 0}>
      <summary>
        {t('Quality')}{' '}
        <span class="muted">
          {rulesText(failed, results.length)}
        </span>
      </summary>
      <SimpleTable rows={rows} columns={columns} keyOf={(row) => row.at} empty="" />
    </details>
  );
}

/** The quality rules of one try: open when one is broken, absent when none was looked at; and the tables that it read and made. */
export function QualityView({ task, attempt }: { task: TaskInstance; attempt: number }) {
  const report = useResource(
    (signal) =>
      attempt === 0 || underWay(task, attempt)
        ? Promise.resolve(null)
        : api.attemptReport(task.dag_id, task.dag_run_id, task.task_id, attempt, signal, task.map_index),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, attempt, task.state],
  );
  return (
    <>
      <Rules results={report.data?.quality ?? []} />
      <Tables told={report.data?.lineage ?? []} />
    </>
  );
}
