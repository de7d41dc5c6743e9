// The quality of a table over time: each rule's outcomes, run by run.
import * as api from '../api/endpoints';
import type { LakeKey, LakeQualityReport, QualityResult } from '../api/types';
import { Empty, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { number } from '../lib/format';
import { usePage, useResource } from '../lib/hooks';
import { rulesOf, type RuleCourse } from '../lib/quality';
import { runLink } from '../lib/route';
import { t } from '../lib/words';
import { Maker } from './lake_versions';

const size = 50;
const mark = 14;

const count = (amount: number | undefined) => (amount === undefined ? '–' : number(amount));

function Outcome({ result }: { result: QualityResult }) {
  if (result.passed !== false) return <span class="quality-good">{t('holds')}</span>;
  const blocking = result.severity === 'blocking';
  return <span class={blocking ? 'quality-bad' : 'quality-warning'}>{blocking ? t('broken') : t('warning')}</span>;
}

// A mark for each report, the oldest to the left; what is broken is a cross and not only another colour.
function Course({ of }: { of: RuleCourse }) {
  const said = t('{failed} of {count} times broken', { failed: number(of.broken), count: number(of.results.length) });
  return (
    <span class="rule-course">
      <svg width={of.results.length * mark} height={mark} role="img" aria-label={said}>
        {of.results.map(({ result, report }, at) => {
          const isBroken = result.passed === false;
          const words = `${isBroken ? t('broken') : t('holds')}: ${t('{part} of {all}', { part: count(result.failed), all: count(result.checked) })}${report.dag_run_id === null ? '' : `, ${report.dag_run_id}`}`;
          const link = report.dag_id !== null && report.dag_run_id !== null ? runLink(report.dag_id, report.dag_run_id, report.task_id) : null;
          return (
            <g key={at} class={isBroken ? 'rule-broken' : 'rule-held'} transform={`translate(${at * mark} 0)`} onClick={link === null ? undefined : () => void (location.hash = link)}>
              <title>{words}</title>
              <rect class="run-bar-hit" width={mark} height={mark} />
              {isBroken ? <path d="M3 3l8 8M11 3l-8 8" /> : <circle cx={mark / 2} cy={mark / 2} r={3.5} />}
            </g>
          );
        })}
      </svg>
    </span>
  );
}

const ruleColumns: readonly Column<RuleCourse>[] = [
  { name: t('Rule'), cell: (one) => <strong>{one.rule}</strong> },
  { name: t('Newest'), cell: (one) => <Outcome result={one.newest} /> },
  { name: t('Rows failed'), number: true, cell: (one) => t('{part} of {all}', { part: count(one.newest.failed), all: count(one.newest.checked) }) },
  { name: t('Over time'), cell: (one) => <Course of={one} /> },
];

const reportColumns: readonly Column<LakeQualityReport>[] = [
  { name: t('Due'), cell: (one) => <At at={one.run_after} /> },
  { name: t('Made by'), cell: (one) => <Maker of={one} /> },
  { name: t('Try'), number: true, cell: (one) => one.try_number },
  { name: t('Rules broken'), number: true, cell: (one) => t('{part} of {all}', { part: number(one.results.filter((result) => result.passed === false).length), all: number(one.results.length) }) },
];

export function LakeQualityView({ of, version }: { of: LakeKey; version: number | null }) {
  const [offset, move] = usePage(size);
  const quality = useResource((signal) => api.lakeQuality(of, { limit: size, offset }, signal), [of.layer, of.domain, of.table, offset, version]);
  return (
    <Loaded of={quality}>
      {({ reports, more }) =>
        reports.length === 0 ? (
          <Empty>{offset > 0 ? t('Nothing is on this page.') : t('No run has told of its quality: rules stand in a contract, or in the task that makes the table.')}</Empty>
        ) : (
          <>
            <SimpleTable rows={rulesOf(reports)} columns={ruleColumns} keyOf={(one) => one.rule} empty="" />
            <details class="lake-note">
              <summary>{t('As a table, by run')}</summary>
              <SimpleTable rows={reports.map((one, at) => ({ ...one, at }))} columns={reportColumns} keyOf={(one) => (one as LakeQualityReport & { at: number }).at} empty="" />
            </details>
            {(offset > 0 || more) && (
              <nav class="pager" aria-label={t('Pages')}>
                <button type="button" class="button" disabled={offset === 0} onClick={() => move(Math.max(0, offset - size))}>
                  {t('Newer')}
                </button>
                <button type="button" class="button" disabled={!more} onClick={() => move(offset + size)}>
                  {t('Older')}
                </button>
              </nav>
            )}
          </>
        )
      }
    </Loaded>
  );
}
