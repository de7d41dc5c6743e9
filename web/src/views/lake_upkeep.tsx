// A table looked after: first what would be done, which changes nothing, and only then the order.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeKey, LakeMaintenance } from '../api/types';
import { Dialog } from '../components/dialog';
import { ErrorBox } from '../components/loaded';
import { erasureState, isUnderWay } from '../lib/erasures';
import { useFollowed, useResource } from '../lib/hooks';
import { useMay } from '../lib/may';
import { isNeeded, namesIn, upkeepSays, upkeepTitle, type UpkeepAction } from '../lib/upkeep';
import { newUuid } from '../lib/uuid';
import { t } from '../lib/words';

interface UpkeepAsked {
  action: UpkeepAction;
  version: number | null; // of a restore
}

// Followed to its end.
function Order({ of, onEnded }: { of: LakeMaintenance; onEnded: (order: LakeMaintenance) => void }) {
  const order = useFollowed(
    async (signal) => {
      const found = await api.lakeMaintenance(of.operation, signal);
      if (!isUnderWay(found.state)) onEnded(found);
      return found;
    },
    [of.operation],
    (data) => !isUnderWay(data.state),
    700,
  );
  const now = order.data ?? of;
  const names = now.report === null ? [] : namesIn(now.report);
  return (
    <div role="status">
      {now.report === null ? <p class="muted">{erasureState(now.state)}</p> : <p>{upkeepSays(now.action, now.dry_run, now.report)}</p>}
      {now.error !== null && <p class="notice notice-error">{now.error}</p>}
      {order.error && <ErrorBox error={order.error} />}
      {names.length > 0 && (
        <details>
          <summary>{t('Files')}</summary>
          <ul>
            {names.map((name) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function UpkeepDialog({ of, asked, onClose, onDone }: { of: LakeKey; asked: UpkeepAsked; onClose: () => void; onDone: () => void }) {
  // One id for each, so that a second click or a lost answer does nothing twice.
  const [ids] = useState(() => ({ look: newUuid(), act: newUuid() }));
  const [applied, setApplied] = useState<LakeMaintenance | null>(null);
  const [ended, setEnded] = useState<LakeMaintenance | null>(null);
  const [problem, setProblem] = useState('');
  const body = { action: asked.action, ...(asked.version === null ? {} : { version: asked.version }) };
  const look = useResource(() => api.orderMaintenance(of, { ...body, dry_run: true, operation: ids.look }), [ids.look]);
  const order = applied ?? look.data ?? null;
  const act = async (more: Record<string, unknown>) => {
    setProblem('');
    try {
      setApplied(await api.orderMaintenance(of, { ...body, ...more, operation: ids.act }));
      setEnded(null);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const isLooked = ended !== null && ended.dry_run && ended.report !== null && isNeeded(asked.action, ended.report);
  const isDone = ended !== null && !ended.dry_run;
  // A table that has moved on since the look ahead is not taken back unseen.
  const seen = asked.action === 'restore' && ended?.report ? { expected_version: ended.report['version'] } : {};
  const end = (found: LakeMaintenance) => {
    setEnded(found);
    if (!found.dry_run) onDone();
  };
  const isBusy = order !== null && ended === null;
  return (
    <Dialog title={upkeepTitle(asked.action, asked.version)} onClose={onClose}>
      {order !== null && <Order key={order.operation} of={order} onEnded={end} />}
      {look.error && <ErrorBox error={look.error} />}
      {problem && (
        <p class="notice notice-error" role="alert">
          {problem}
        </p>
      )}
      <footer class="dialog-foot">
        {isBusy && (
          <button type="button" class="button" onClick={() => void api.stopMaintenance(order.operation).catch((error: unknown) => setProblem((error as Error).message))}>
            {t('Stop it')}
          </button>
        )}
        <button type="button" class="button" onClick={onClose}>
          {isDone ? t('Close') : t('Back')}
        </button>
        {!isDone && (
          <button type="button" class={`button ${asked.action === 'vacuum' ? 'button-danger' : 'button-primary'}`} disabled={!isLooked} onClick={() => void act(seen)}>
            {t('Do it')}
          </button>
        )}
      </footer>
    </Dialog>
  );
}

/** Nothing for who may not edit the table. */
export function UpkeepButtons({ of, asked, onDone }: { of: LakeKey; asked: readonly UpkeepAsked[]; onDone: () => void }) {
  const mayEdit = useMay('edit', `lake:${of.domain}/${of.layer}`);
  const [open, setOpen] = useState<UpkeepAsked | null>(null);
  if (!mayEdit) return null;
  return (
    <>
      {asked.map((one) => (
        <button key={one.action} type="button" class="button" onClick={() => setOpen(one)}>
          {`${upkeepTitle(one.action, one.version)}…`}
        </button>
      ))}
      {open !== null && <UpkeepDialog of={of} asked={open} onClose={() => setOpen(null)} onDone={onDone} />}
    </>
  );
}
