// One change of many DAGs: first what it will touch, then what the server did and refused.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Dag } from '../api/types';
import { BulkDialog } from '../components/bulk_dialog';
import { useApp } from '../lib/hooks';
import { eachOf } from '../lib/each';
import { t } from '../lib/words';

export type BulkDagAct = 'pause' | 'resume' | 'trigger';
const atOnce = 4;

interface Props {
  act: BulkDagAct;
  dags: readonly Dag[]; // as they were chosen
  onClose: () => void;
  onDone: () => void;
}

function titleOf(act: BulkDagAct, count: number): string {
  const titles: Record<BulkDagAct, string> = {
    pause: t('Pause {count} DAGs?', { count }),
    resume: t('Resume {count} DAGs?', { count }),
    trigger: t('Trigger {count} DAGs?', { count }),
  };
  return titles[act];
}

const change = (act: BulkDagAct, dag: Dag): Promise<unknown> =>
  act === 'trigger' ? api.trigger(dag.dag_id, { logical_date: null, conf: {} }) : api.setPaused(dag.dag_id, act === 'pause');

export function BulkDags({ act, dags, onClose, onDone }: Props) {
  const { notify } = useApp();
  const [busy, setBusy] = useState(false);
  // What is shown is what is done: a DAG that is paused already is not paused again.
  const [meant] = useState(() => dags.filter((dag) => act === 'trigger' || dag.is_paused !== (act === 'pause')));
  const paused = act === 'trigger' ? meant.filter((dag) => dag.is_paused).length : 0;
  const go = async () => {
    setBusy(true);
    const refused = await eachOf(meant, atOnce, async (dag) => {
      await change(act, dag);
    });
    if (refused.length > 0) notify(refused.map(({ item, error }) => `${item.dag_id}: ${error.message}`).join('; '), 'error');
    if (refused.length < meant.length) notify(t('Done: {count} DAGs.', { count: meant.length - refused.length }));
    onDone();
    onClose();
  };
  return (
    <BulkDialog
      title={titleOf(act, meant.length)}
      rows={meant.map((dag) => (
        <li key={dag.dag_id}>
          <span>{dag.dag_id}</span>
        </li>
      ))}
      skipped={dags.length - meant.length}
      busy={busy}
      none={meant.length === 0}
      onGo={() => void go()}
      onClose={onClose}
    >
      {act === 'trigger' && <p>{t('Each starts once, with the defaults of its params.')}</p>}
      {paused > 0 && <p>{t('{count} of them are paused: their runs wait until they are resumed.', { count: paused })}</p>}
    </BulkDialog>
  );
}
