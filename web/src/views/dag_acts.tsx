// What is done with a DAG as a whole, beyond its runs: its file is read again, and all that it has done is deleted.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { DagDetails } from '../api/types';
import { useApp } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

export function DagActs({ of }: { of: DagDetails }) {
  const { notify } = useApp();
  const mayEdit = useMay('edit', `dag:${of.dag_id}`);
  const mayDelete = useMay('delete', `dag:${of.dag_id}`);
  const [asking, ask] = useState(false);
  const read = () =>
    api.readDagFile(of.file_token).then(
      () => notify(t('The folders of DAGs are read again.')),
      (error: unknown) => notify((error as Error).message, 'error'),
    );
  if (!mayEdit && !mayDelete) return null;
  return (
    <div class="toolbar">
      {mayEdit && !of.is_stale && (
        <button type="button" class="button" onClick={() => void read()}>
          {t('Read the file again')}
        </button>
      )}
      {mayDelete && (
        <button type="button" class="button button-danger" onClick={() => ask(true)}>
          {t('Delete the DAG…')}
        </button>
      )}
      {asking && (
        <ConfirmDialog
          title={t('Delete {dag} and all that it has done?', { dag: of.dag_id })}
          text={t('Its runs, their logs and what they handed on go with it, and nothing brings them back.')}
          button={t('Delete it')}
          danger
          act={() => api.deleteDag(of.dag_id)}
          onClose={() => ask(false)}
          onDone={() => {
            notify(t('{name} is deleted.', { name: of.dag_id }));
            location.hash = '#/dags';
          }}
        >
          {!of.is_stale && <p class="notice">{t('Its file stays. As long as it lies there the DAG comes back, without its past.')}</p>}
        </ConfirmDialog>
      )}
    </div>
  );
}
