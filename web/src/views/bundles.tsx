// Bundles of DAGs: what is live of each, and, of a repository or a store, switching to another revision after a look ahead.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Bundle, BundleDiff } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { bundleKind, dagChanges, earlierRevisions, hasRevisions, liveSubject, shortRevision } from '../lib/bundles';
import type { EditField } from '../lib/edit_form';
import { number } from '../lib/format';
import { useApp, useLive, useResource } from '../lib/hooks';
import { useMay } from '../lib/may';
import { everyPage } from '../lib/pages';
import { t } from '../lib/words';

const mostShown = 200;

const columns: readonly Column<Bundle>[] = [
  {
    name: t('Bundle'),
    cell: (one) => (
      <div>
        <strong>{one.name}</strong> <span class="muted">{bundleKind(one.kind)}</span>
        <p class="lake-about mono">{one.place}</p>
        {one.problem !== null && <p class="lake-problem">{one.problem}</p>}
      </div>
    ),
  },
  {
    name: t('Live revision'),
    cell: (one) =>
      one.revision === null ? (
        '–'
      ) : (
        <div>
          <span class="mono">{shortRevision(one.revision)}</span> {liveSubject(one)}
          {one.tip !== null && one.tip !== one.revision && <p class="lake-about">{t('{ref} is at {revision}', { ref: one.ref ?? '', revision: shortRevision(one.tip) })}</p>}
        </div>
      ),
  },
  { name: t('DAGs'), number: true, cell: (one) => number(one.dags) },
  { name: t('Import errors'), number: true, cell: (one) => (one.import_errors > 0 ? <a href="#/problems">{number(one.import_errors)}</a> : 0) },
];

function Diff({ of }: { of: BundleDiff }) {
  const dags = dagChanges(of);
  const rows = [...dags.map((one) => `${one.mark} ${one.name}`), ...of.files.map((one) => `${one.change} ${one.path}`)];
  return (
    <>
      <p>
        {t('From {from} to {to}', { from: shortRevision(of.from), to: shortRevision(of.to) })} <span class="muted">{of.subject}</span>
      </p>
      {rows.length === 0 ? (
        <p class="muted">{t('It is the same.')}</p>
      ) : (
        <ul class="preview mono" tabIndex={0} aria-label={t('What would change')}>
          {rows.slice(0, mostShown).map((row) => (
            <li key={row}>{row}</li>
          ))}
          {rows.length > mostShown && <li class="muted">{t('and {count} more', { count: number(rows.length - mostShown) })}</li>}
        </ul>
      )}
      {of.errors.length > 0 && (
        <ul class="edit-problems edit-error" aria-label={t('Import errors')}>
          {of.errors.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      )}
    </>
  );
}

interface SwitchProps {
  of: Bundle;
  isBack: boolean;
  onClose: () => void;
  onDone: () => void;
}

function fieldsOf(of: Bundle, isBack: boolean): readonly EditField[] {
  const earlier = earlierRevisions(of);
  if (isBack) return [{ name: 'revision', title: t('Revision'), kind: 'choice', required: true, choices: Object.keys(earlier), names: earlier }];
  return [
    { name: 'revision', title: t('Revision'), kind: 'text', hint: of.kind === 'git' ? t('A commit, a branch or a tag; empty: where {ref} is now.', { ref: of.ref ?? '' }) : t('One that is here, by 7 digits or more; empty: what lies there now.') },
    { name: 'allow_errors', title: t('Also one with import errors'), kind: 'flag' },
  ];
}

function SwitchDialog({ of, isBack, onClose, onDone }: SwitchProps) {
  const { notify } = useApp();
  const textOf = (body: Record<string, unknown>) => (typeof body['revision'] === 'string' ? body['revision'] : '');
  const go = async (body: Record<string, unknown>) => {
    const done = await (isBack ? api.rollBackBundle(of.name, textOf(body)) : api.deployBundle(of.name, body));
    notify(done.switched ? t('{name} is at {revision}.', { name: of.name, revision: shortRevision(done.to) }) : t('{name} was there already.', { name: of.name }));
  };
  return (
    <EditDialog
      title={isBack ? t('Roll back {name}', { name: of.name }) : t('Deploy {name}', { name: of.name })}
      fields={() => fieldsOf(of, isBack)}
      before={null}
      start={isBack ? { revision: Object.keys(earlierRevisions(of))[0] ?? '' } : {}}
      save={go}
      keep={isBack ? t('Roll back') : t('Deploy')}
      trial={{ name: t('Look ahead'), run: async (body) => <Diff of={await api.bundleDiff(of.name, textOf(body))} /> }}
      onClose={onClose}
      onDone={onDone}
    >
      <p>{t('Runs that go on keep the version that they began with.')}</p>
    </EditDialog>
  );
}

type Pending = { of: Bundle; isBack: boolean } | null;

export function Bundles() {
  const mayEdit = useMay('edit', 'admin:bundles');
  const [pending, setPending] = useState<Pending>(null);
  const bundles = useResource((signal) => everyPage((page) => api.bundles(page, signal)), []);
  useLive((batch) => {
    if (batch.resync || batch.listChanged) bundles.reload();
  });
  const acts: Column<Bundle> = {
    name: t('Actions'),
    cell: (one) =>
      hasRevisions(one) && (
        <span class="row-acts">
          <button type="button" class="link-button" aria-label={t('Deploy {name}', { name: one.name })} onClick={() => setPending({ of: one, isBack: false })}>
            {t('Deploy…')}
          </button>
          {Object.keys(earlierRevisions(one)).length > 0 && (
            <button type="button" class="link-button" aria-label={t('Roll back {name}', { name: one.name })} onClick={() => setPending({ of: one, isBack: true })}>
              {t('Roll back…')}
            </button>
          )}
        </span>
      ),
  };
  return (
    <Loaded of={bundles}>
      {({ rows }) => (
        <>
          <p class="muted">{t('Folders of DAGs. One of a Git repository or an object store has revisions, of which one is live; a folder is as it lies there.')}</p>
          <SimpleTable rows={rows} columns={mayEdit && rows.some(hasRevisions) ? [...columns, acts] : columns} keyOf={(one) => one.name} empty="" />
          {pending && <SwitchDialog {...pending} onClose={() => setPending(null)} onDone={bundles.reload} />}
        </>
      )}
    </Loaded>
  );
}
