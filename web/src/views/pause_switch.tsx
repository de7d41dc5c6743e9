import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Dag } from '../api/types';
import { Switch } from '../components/switch';
import { useApp } from '../lib/hooks';
import { t } from '../lib/words';

interface Props {
  dag: Dag;
  onChange: (dag: Dag) => void;
}

/** On: the DAG's schedule runs. The switch moves when the server has agreed. */
export function PauseSwitch({ dag, onChange }: Props) {
  const { canOperate, notify } = useApp();
  const [busy, setBusy] = useState(false);
  const toggle = async (active: boolean) => {
    setBusy(true);
    try {
      const answer = await api.setPaused(dag.dag_id, !active);
      onChange({ ...dag, is_paused: answer.is_paused });
    } catch (error) {
      notify((error as Error).message, 'error');
    } finally {
      setBusy(false);
    }
  };
  const label = dag.is_paused ? t('{dag} is paused; activate', { dag: dag.dag_id }) : t('{dag} is active; pause', { dag: dag.dag_id });
  return (
    <Switch checked={!dag.is_paused} disabled={busy || !canOperate} label={label} onChange={toggle} />
  );
}
