// How the engine would answer a statement, or how it did: its operators from the top down, with the rows that each gave.
import { useMemo } from 'preact/hooks';
import type { LakeSqlPlan } from '../api/types';
import { SimpleTable, type Column } from '../components/simple_table';
import { duration, number } from '../lib/format';
import { detailsOf, planLines, type PlanLine } from '../lib/sql_plan';
import { save } from '../lib/save';
import { t } from '../lib/words';

const count = (rows: number | null) => (rows === null ? '–' : number(rows));

function Operator({ of: { node, depth } }: { of: PlanLine }) {
  return (
    <div class="plan-operator">
      <span class="plan-depth mono" aria-hidden="true">
        {'│ '.repeat(Math.max(0, depth - 1))}
        {depth > 0 && '└ '}
      </span>
      <span>
        <strong>{node.operator}</strong>
        {detailsOf(node).map(([name, text]) => (
          <span key={name} class="plan-detail muted">
            {name}: <span class="mono">{text}</span>
          </span>
        ))}
      </span>
    </div>
  );
}

const columnsOf = (isMeasured: boolean, isHidden: boolean): Column<PlanLine>[] => [
  { name: t('Operator'), cell: (one) => <Operator of={one} /> },
  ...(isHidden ? [] : [{ name: t('Rows expected'), number: true, cell: ({ node }: PlanLine) => count(node.estimated_rows) }]),
  ...(isMeasured && !isHidden
    ? [
        { name: t('Rows'), number: true, cell: ({ node, isOff }: PlanLine) => (isOff ? <strong title={t('Ten times more or fewer than expected')}>{count(node.rows)} ≠</strong> : count(node.rows)) },
        { name: t('Time'), number: true, cell: ({ node }: PlanLine) => duration(node.seconds) },
        { name: t('Of all time'), number: true, cell: ({ share }: PlanLine) => (share === null ? '–' : `${Math.round(share * 100)} %`) },
      ]
    : []),
];

// What was asked to be measured ran, also where the engine measures none of its steps: of what reads no table.
function toldOf({ analyzed }: LakeSqlPlan, wasRun: boolean): string {
  if (analyzed) return t('The statement ran, its rows were counted and thrown away.');
  return wasRun ? t('The statement ran, and the engine measured no step of it: rows are as it expects them.') : t('The statement did not run: rows are as the engine expects them.');
}

export function SqlPlanView({ data, wasRun }: { data: LakeSqlPlan; wasRun: boolean }) {
  const lines = useMemo(() => planLines(data.plan).map((line, at) => ({ ...line, at })), [data]);
  return (
    <section aria-label={t('Plan')}>
      {data.hidden && (
        <p class="notice notice-warning" role="status">
          {t('A table of this statement is masked for you: what the plan would tell of its values is left out.')}
        </p>
      )}
      <div class="sql-told">
        <p class="muted" role="status">
          {toldOf(data, wasRun)}
          {data.tables.length > 0 && ` · ${data.tables.map((one) => `${one.table} (${t('Version {version}', { version: one.version })})`).join(', ')}`}
        </p>
        <div class="sql-saves">
          <button type="button" class="button" onClick={() => save(new Blob([data.text], { type: 'text/plain' }), 'plan.txt')}>
            {t('Save as text')}
          </button>
        </div>
      </div>
      <SimpleTable rows={lines} columns={columnsOf(data.analyzed, data.hidden)} keyOf={(one) => one.at} empty={t('The engine told no plan.')} />
    </section>
  );
}
