// One change of many runs: first what it will touch, then what the server did and refused.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { BulkAnswer, DagRun } from '../api/types';
import { BulkDialog } from '../components/bulk_dialog';
import { ErrorBox } from '../components/loaded';
import { StateBadge } from '../components/state_badge';
import { number } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { refusalsOf } from '../lib/bulk_tasks';
import { isEnded } from '../lib/states';
import { t } from '../lib/words';

export type BulkAct = 'clear' | 'success' | 'failed' | 'cancel' | 'delete';
const mostShown = 100;

interface Props {
  act: BulkAct;
  runs: readonly DagRun[]; // as they were chosen
  onClose: () => void;
  onDone: () => void;
}

function titleOf(act: BulkAct, count: number): string {
  const titles: Record<BulkAct, string> = {
    clear: t('Clear {count} runs?', { count }),
    success: t('Mark {count} runs as success?', { count }),
    failed: t('Mark {count} runs as failed?', { count }),
    cancel: t('Cancel {count} runs?', { count }),
    delete: t('Delete {count} runs?', { count }),
  };
  return titles[act];
}

// What the act would change: an ended run keeps its state where it has it already.
function touched(act: BulkAct, runs: readonly DagRun[]): readonly DagRun[] {
  if (act === 'success' || act === 'failed') return runs.filter((run) => run.state !== act);
  if (act === 'cancel') return runs.filter((run) => !isEnded(run.state));
  if (act === 'delete') return runs.filter((run) => isEnded(run.state));
  return runs;
}

async function change(act: BulkAct, runs: readonly DagRun[], onlyFailed: boolean): Promise<string[]> {
  const keys = runs.map(({ dag_id, dag_run_id }) => ({ dag_id, dag_run_id }));
  if (act === 'clear') {
    await api.clearRuns(keys, false, onlyFailed);
    return [];
  }
  const answer: BulkAnswer = await api.changeRuns(
    act === 'delete' ? { action: 'delete', entities: keys } : { action: 'update', entities: keys.map((key) => ({ ...key, state: act === 'cancel' ? 'failed' : act })) },
  );
  return refusalsOf(answer, t('refused'));
}

export function BulkRuns({ act, runs, onClose, onDone }: Props) {
  const { notify } = useApp();
  const [onlyFailed, setOnlyFailed] = useState(act === 'clear');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Error>();
  // What is shown is what is done: runs that change under the open dialog are for the server to refuse.
  const [meant] = useState(() => touched(act, runs));
  const dry = useResource(
    () => (act === 'clear' && meant.length > 0 ? api.clearRuns(meant, true, onlyFailed) : Promise.resolve({ total_entries: meant.length })),
    [act, onlyFailed],
  );
  const count = dry.data?.total_entries ?? 0;
  const go = async () => {
    setBusy(true);
    try {
      const refused = await change(act, meant, onlyFailed);
      if (refused.length > 0) notify(refused.join('; '), 'error');
      else notify(t('Done: {count} runs.', { count: meant.length }));
      onDone();
      onClose();
    } catch (error) {
      setProblem(error as Error);
      setBusy(false);
    }
  };
  const none = meant.length === 0 || (act === 'clear' && count === 0);
  return (
    <BulkDialog
      title={titleOf(act, meant.length)}
      before={
        act === 'clear' && (
          <label class="check">
            <input type="checkbox" checked={onlyFailed} onChange={(event) => setOnlyFailed(event.currentTarget.checked)} />
            <span>{t('Only failed tasks')}</span>
          </label>
        )
      }
      rows={[
        ...meant.slice(0, mostShown).map((run) => (
          <li key={`${run.dag_id}\n${run.dag_run_id}`}>
            <StateBadge state={run.state} small />
            <span>
              {run.dag_id} <span class="muted">{run.dag_run_id}</span>
            </span>
          </li>
        )),
        ...(meant.length > mostShown ? [<li key="more" class="muted">{t('and {count} more', { count: number(meant.length - mostShown) })}</li>] : []),
      ]}
      skipped={runs.length - meant.length}
      busy={busy}
      none={none}
      danger={act === 'delete' || act === 'failed' || act === 'cancel'}
      onGo={() => void go()}
      onClose={onClose}
    >
      {act === 'clear' && <p>{t('{count} task instances will run again.', { count })}</p>}
      {act === 'cancel' && <p>{t('Running tasks are stopped and marked failed; those not started are skipped.')}</p>}
      {act === 'delete' && <p>{t('Their tasks, results and logs go with them.')}</p>}
      {(problem ?? dry.error) && <ErrorBox error={(problem ?? dry.error) as Error} />}
    </BulkDialog>
  );
}
