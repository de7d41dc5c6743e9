// Branches of the lake: where runs write beside it, until what they made is taken over or dropped.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeBranch } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import type { EditField } from '../lib/edit_form';
import { useApp, useLive, useResource, useThrottled, useTitle } from '../lib/hooks';
import { branchLink } from '../lib/route';
import { t } from '../lib/words';

const columns: readonly Column<LakeBranch>[] = [
  {
    name: t('Branch'),
    cell: (one) => (
      <div>
        {one.is_dropping ? one.name : <a href={branchLink(one.name)}>{one.name}</a>}
        {one.note !== null && <p class="lake-about">{one.note}</p>}
      </div>
    ),
  },
  { name: t('By'), cell: (one) => one.created_by || '–' },
  { name: t('Begun'), cell: (one) => <Ago at={one.created_at} /> },
  { name: t('State'), cell: (one) => (one.is_dropping ? t('is being dropped') : t('open')) },
];

const fields: readonly EditField[] = [
  { name: 'name', title: t('Name'), kind: 'text', required: true, isKey: true, hint: t('1 to 64 of a-z 0-9 - _, a letter or digit first.') },
  { name: 'note', title: t('Note'), kind: 'area', hint: t('What is tried on it.') },
];

export function BranchesView() {
  const { canOperate } = useApp();
  const branches = useResource((signal) => api.lakeBranches(signal), []);
  const [isNew, setNew] = useState(false);
  const reload = useThrottled(branches.reload, 2000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(t('Branches of the lake'));
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/lake">{t('Lake')}</a>
      </nav>
      <div class="page-head">
        <h1>{t('Branches')}</h1>
        {canOperate && (
          <button type="button" class="button button-primary" onClick={() => setNew(true)}>
            {t('New branch…')}
          </button>
        )}
      </div>
      <p class="lead">{t('Runs on a branch read the lake as it is and write beside it; nobody else sees what they make until it is promoted.')}</p>
      <Loaded of={branches}>{(page) => <SimpleTable rows={page.branches} columns={columns} keyOf={(one) => one.name} empty={t('There is no branch. A new one costs nothing: a table is on it once a run writes one there.')} />}</Loaded>
      {isNew && (
        <EditDialog
          title={t('New branch')}
          fields={() => fields}
          before={null}
          save={async (body) => {
            const made = await api.createBranch(body);
            location.hash = branchLink(made.name);
          }}
          keep={t('Begin')}
          onClose={() => setNew(false)}
          onDone={branches.reload}
        />
      )}
    </>
  );
}
