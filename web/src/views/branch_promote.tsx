// A branch becomes the lake's: first what would go and what is in the way, then a run that publishes all of it.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakePromotedTable, LakePromotion } from '../api/types';
import { Dialog } from '../components/dialog';
import { Loaded } from '../components/loaded';
import { StateBadge } from '../components/state_badge';
import { number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { runLink } from '../lib/route';
import { t } from '../lib/words';

function whatOf(table: LakePromotedTable): string {
  if (table.is_done) return t('is the lake\'s already');
  if (table.moved) return t('refused: {reason}', { reason: table.moved.reason });
  const how = table.base_version === null ? t('a new table') : t('version {version}', { version: number(table.expected_version ?? 0) });
  const files = t('{added} files come, {removed} go', { added: number(table.added_files), removed: number(table.removed_files) });
  return [how, files, ...(table.changes_schema ? [t('columns change')] : [])].join(', ');
}

function Tables({ of }: { of: LakePromotion }) {
  return (
    <ul class="preview" tabIndex={0} aria-label={t('What is touched')}>
      {of.tables.map((one) => (
        <li key={one.table} class={one.moved ? 'quality-bad' : undefined}>
          <span>
            <strong>{one.table}</strong> {whatOf(one)}
          </span>
          {one.moved?.dag_id && one.moved.dag_run_id && <a href={runLink(one.moved.dag_id, one.moved.dag_run_id)}>{one.moved.dag_run_id}</a>}
        </li>
      ))}
      {of.hidden > 0 && <li class="muted">{t('Tables that you may not read: {count}', { count: number(of.hidden) })}</li>}
    </ul>
  );
}

export function PromoteDialog({ branch, onClose, onDone }: { branch: string; onClose: () => void; onDone: () => void }) {
  const plan = useResource((signal) => api.promoteBranch(branch, { dry_run: true }, signal), [branch]);
  const [note, setNote] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const [ordered, setOrdered] = useState<LakePromotion | null>(null);
  const promote = async () => {
    setBusy(true);
    setProblem('');
    try {
      setOrdered(await api.promoteBranch(branch, { dry_run: false, ...(note.trim() && { note }) }));
      onDone();
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy(false);
  };
  return (
    <Dialog title={t('Promote the branch {name}', { name: branch })} onClose={() => !busy && onClose()}>
      <p>{t('All of its tables become the lake\'s, or none. The branch stays until it is dropped.')}</p>
      <Loaded of={plan}>
        {(data) => (
          <>
            <Tables of={data} />
            {data.last_run && !ordered && (
              <p>
                {t('The last promotion of it:')} <a href={runLink('lake_promotion', data.last_run.dag_run_id)}>{data.last_run.dag_run_id}</a> <StateBadge state={data.last_run.state} small />
                {data.last_run.reason && <span class="muted"> {data.last_run.reason}</span>}
              </p>
            )}
            {!data.may_promote && !ordered && <p class="notice notice-warning">{data.tables.some((one) => one.moved) ? t('The lake has moved since: make the branch anew and run there again.') : t('It has nothing that the lake has not.')}</p>}
          </>
        )}
      </Loaded>
      {ordered?.dag_id && ordered.dag_run_id && (
        <p class="notice" role="status">
          {t('Ordered; this run publishes them:')} <a href={runLink(ordered.dag_id, ordered.dag_run_id)}>{ordered.dag_run_id}</a>
        </p>
      )}
      {!ordered && (
        <label class="field">
          <span class="field-name">{t('Note')}</span>
          <textarea rows={2} maxLength={1000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
      )}
      {problem && (
        <p class="notice notice-error" role="alert">
          {problem}
        </p>
      )}
      <footer class="dialog-foot">
        <button type="button" class="button" disabled={busy} onClick={onClose}>
          {ordered ? t('Close') : t('Back')}
        </button>
        {!ordered && (
          <button type="button" class="button button-primary" disabled={busy || plan.data?.may_promote !== true} onClick={() => void promote()}>
            {t('Promote')}
          </button>
        )}
      </footer>
    </Dialog>
  );
}
