import * as api from '../api/endpoints';
import type { Dag } from '../api/types';
import { useLive, useResource, useThrottled } from '../lib/hooks';
import { everyPage } from '../lib/pages';
import { t } from '../lib/words';

// Why the DAG's own file cannot be read.
async function readError(file: string, signal: AbortSignal): Promise<string | null> {
  const errors = await everyPage((page) => api.importErrors(page, signal));
  return errors.rows.find((one) => one.filename === file)?.stack_trace ?? null;
}

function Broken({ dag }: { dag: Dag }) {
  const file = dag.relative_fileloc ?? '';
  const error = useResource((signal) => readError(file, signal), [file]);
  const refresh = useThrottled(error.reload, 1000);
  useLive((batch) => {
    if (batch.listChanged || batch.resync) refresh();
  });
  return (
    <div class="notice notice-error file-notice" role="status">
      <p>
        <strong>{t('The file of this DAG is broken.')}</strong> {t('What is shown and run is its last version that could be read.')}
      </p>
      {error.data && <pre class="code">{error.data}</pre>}
    </div>
  );
}

/** Says that what one sees is not what stands in the DAG's file. */
export function DagFileNotice({ dag }: { dag: Dag }) {
  if (dag.has_import_errors) return <Broken dag={dag} />;
  if (!dag.is_stale) return null;
  return (
    <div class="notice notice-warning file-notice" role="status">
      <p>
        <strong>{t('No file holds this DAG any more.')}</strong> {t('It was deleted, renamed, or cannot be read:')}{' '}
        <a href="#/problems">{t('Problems')}</a>. {t('Its runs are kept, and nothing starts new ones until a file brings it back.')}
      </p>
    </div>
  );
}
