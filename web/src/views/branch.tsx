// One branch of the lake: its tables beside the lake's, what differs in each, and its end: promoted, or dropped.
import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import * as api from '../api/endpoints';
import type { LakeBranchDetails, LakeBranchTable } from '../api/types';
import { Fact } from '../components/fact';
import { Empty, ErrorBox, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { withSearch } from '../lib/address';
import { number } from '../lib/format';
import { useApp, useLive, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { lakeLink } from '../lib/route';
import { t } from '../lib/words';
import { BranchDiff } from './branch_diff';
import { PromoteDialog } from './branch_promote';
import { ConfirmDialog } from './confirm_dialog';

const version = (value: number | null) => (value === null ? '–' : number(value));

function tableLink(path: string): string {
  const [layer = '', domain = '', table = ''] = path.split('/');
  return lakeLink({ layer, domain, table });
}

const columns: readonly Column<LakeBranchTable>[] = [
  { name: t('Table'), cell: (one) => <a href={withSearch(location.hash, { table: one.table })}>{one.table}</a> },
  { name: t('Left the lake at'), number: true, cell: (one) => (one.base_version === null ? t('new here') : version(one.base_version)) },
  { name: t('Here'), number: true, cell: (one) => version(one.version) },
  { name: t('In the lake'), number: true, cell: (one) => (one.lake_version === null ? '–' : <a href={tableLink(one.table)}>{number(one.lake_version)}</a>) },
  { name: t('Since then the lake'), cell: (one) => (one.has_moved ? <span class="quality-bad">{t('has moved')}</span> : t('stands')) },
];

function Facts({ of }: { of: LakeBranchDetails }) {
  return (
    <dl class="facts">
      <Fact name={t('By')}>{of.created_by || '–'}</Fact>
      <Fact name={t('Begun')}>
        <Ago at={of.created_at} />
      </Fact>
      {of.note !== null && <Fact name={t('Note')}>{of.note}</Fact>}
      {of.hidden > 0 && <Fact name={t('Tables that you may not read')}>{number(of.hidden)}</Fact>}
    </dl>
  );
}

export function BranchView({ name }: { name: string }) {
  const { canOperate, notify } = useApp();
  const [search] = useSearch();
  const branch = useResource((signal) => api.lakeBranch(name, signal), [name]);
  const [doing, act] = useState<'promote' | 'drop' | null>(null);
  const reload = useThrottled(branch.reload, 2000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(`${t('Branch')} ${name}`);
  const isGone = branch.error instanceof ApiError && branch.error.status === 404;
  const close = () => act(null);
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/lake">{t('Lake')}</a>
        <a href="#/lake/branches">{t('Branches')}</a>
      </nav>
      <div class="page-head">
        <h1>{name}</h1>
        {canOperate && branch.data && (
          <>
            <button type="button" class="button button-primary" onClick={() => act('promote')}>
              {t('Promote…')}
            </button>
            <button type="button" class="button" onClick={() => act('drop')}>
              {t('Drop…')}
            </button>
          </>
        )}
      </div>
      {isGone && branch.error ? (
        <>
          <ErrorBox error={branch.error} />
          <Empty>{t('It was dropped, or never begun.')}</Empty>
        </>
      ) : (
        <Loaded of={branch}>
          {(data) => {
            const table = data.tables.find((one) => one.table === search.get('table'));
            return (
              <>
                <Facts of={data} />
                <section class="lake-panel" aria-label={t('Tables')}>
                  <h2>{t('Tables that were written here')}</h2>
                  <SimpleTable rows={data.tables} columns={columns} keyOf={(one) => one.table} empty={t('Nothing was written on it yet: start a run of a DAG, and choose this branch in its form.')} />
                </section>
                {table && <BranchDiff key={table.table} branch={name} of={table} />}
              </>
            );
          }}
        </Loaded>
      )}
      {doing === 'promote' && <PromoteDialog branch={name} onClose={close} onDone={branch.reload} />}
      {doing === 'drop' && (
        <ConfirmDialog
          title={t('Drop the branch {name}', { name })}
          text={t('All that was written on it goes for good: tables ({count}). The lake stays as it is.', { count: number((branch.data?.tables.length ?? 0) + (branch.data?.hidden ?? 0)) })}
          button={t('Drop it')}
          danger
          act={() => api.dropBranch(name)}
          onClose={close}
          onDone={() => {
            notify(t('The branch {name} was dropped.', { name }));
            location.hash = '#/lake/branches';
          }}
        />
      )}
    </>
  );
}
