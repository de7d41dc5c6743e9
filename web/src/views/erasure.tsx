// One order to erase a person: how far it is, what it touched, and what no erasure reaches.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeErasure } from '../api/types';
import { Fact } from '../components/fact';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { erasureReport, erasureState, isUnderWay, type ErasedTable, type ErasureReport } from '../lib/erasures';
import { number } from '../lib/format';
import { useFollowed, useTitle } from '../lib/hooks';
import { lakeLink } from '../lib/route';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

function TableName({ path }: { path: string }) {
  const [layer, domain, table] = path.split('/');
  if (layer === undefined || domain === undefined || table === undefined) return <>{path}</>;
  return <a href={lakeLink({ layer, domain, table })}>{path}</a>;
}

const columns: readonly Column<ErasedTable>[] = [
  { name: t('Table'), cell: (one) => <TableName path={one.table} /> },
  { name: t('Rows'), number: true, cell: (one) => number(one.rows) },
  { name: t('Old files'), number: true, cell: (one) => number(one.oldFiles) },
  { name: t('Columns'), cell: (one) => one.columns || '–' },
];

/** The report of one that has ended, or of a plan. */
export function ErasureReportView({ of }: { of: ErasureReport }) {
  return (
    <>
      {of.doneBefore && <p class="notice">{t('This was done before; nothing was done again.')}</p>}
      {of.applied && !of.complete && <p class="notice notice-warning">{t('Not all is done: order it again under the same operation.')}</p>}
      <dl class="facts">
        <Fact name={of.applied ? t('Rows erased') : t('Rows that would go')}>{number(of.rows)}</Fact>
        <Fact name={t('Records in raw files')}>{number(of.rawRecords)}</Fact>
        <Fact name={t('Old files')}>{number(of.oldFiles)}</Fact>
      </dl>
      <SimpleTable rows={of.tables} columns={columns} keyOf={(one) => one.table} empty={t('No table has the person.')} />
      {of.raw.length > 0 && (
        <details class="lake-left-out">
          <summary>{t('Raw files ({count})', { count: number(of.raw.length) })}</summary>
          <ul>
            {of.raw.map((one) => (
              <li key={one.file}>
                <code>{one.file}</code> {number(one.records)}
              </li>
            ))}
          </ul>
        </details>
      )}
      {of.notReached.length > 0 && (
        <details class="lake-left-out" open={of.notReached.some((one) => one.undone)}>
          <summary>{t('Not reached ({count})', { count: number(of.notReached.length) })}</summary>
          <ul>
            {of.notReached.map((one) => (
              <li key={`${one.what} ${one.why}`} class={one.undone ? 'quality-bad' : undefined}>
                {one.what}: {one.why}
              </li>
            ))}
          </ul>
        </details>
      )}
      {of.more.map((one) => (
        <p key={one} class="muted">
          {one}
        </p>
      ))}
    </>
  );
}

function Facts({ of }: { of: LakeErasure }) {
  return (
    <dl class="facts">
      <Fact name={t('State')}>{erasureState(of.state)}</Fact>
      <Fact name={t('What')}>{of.apply ? t('erased') : t('looked ahead')}</Fact>
      <Fact name={t('From')}>{of.domain ?? of.table ?? t('the whole lake')}</Fact>
      <Fact name={t('By')}>{of.by ?? '–'}</Fact>
      <Fact name={t('Asked')}>
        <Ago at={of.asked_at} />
      </Fact>
      <Fact name={t('Ended')}>
        <Ago at={of.ended_at} />
      </Fact>
      <Fact name={t('Operation')}>{of.operation}</Fact>
    </dl>
  );
}

export function ErasureView({ operation }: { operation: string }) {
  const [isStopping, setStopping] = useState(false);
  const erasure = useFollowed((signal) => api.lakeErasure(operation, signal), [operation], (data) => !isUnderWay(data.state));
  useTitle(erasure.data?.subject ?? t('Erasure'));
  const report = erasureReport(erasure.data?.report);
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/lake">{t('Lake')}</a>
        <a href="#/lake/erasures">{t('Erasures')}</a>
      </nav>
      <div class="page-head">
        <h1>{erasure.data?.subject || operation}</h1>
        {erasure.data && isUnderWay(erasure.data.state) && (
          <button type="button" class="button" onClick={() => setStopping(true)}>
            {t('Stop…')}
          </button>
        )}
      </div>
      <Loaded of={erasure}>
        {(data) => (
          <>
            <Facts of={data} />
            {data.error !== null && (
              <p class="notice notice-error" role="alert">
                {data.error}
              </p>
            )}
            <section class="lake-panel" aria-label={t('What was touched')}>
              {report ? <ErasureReportView of={report} /> : <p class="muted">{isUnderWay(data.state) ? t('It is under way.') : t('It has told nothing of what it touched.')}</p>}
            </section>
          </>
        )}
      </Loaded>
      {isStopping && (
        <ConfirmDialog
          title={t('Stop the erasure')}
          text={t('It ends at its next step. What is done stays done; ordered again under its operation it goes on.')}
          button={t('Stop it')}
          act={() => api.stopErasure(operation)}
          onClose={() => setStopping(false)}
          onDone={erasure.reload}
        />
      )}
    </>
  );
}
