// What people do with an asset: tell that it has changed, have it made by the DAG whose outlet it is, forget what is queued of it.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Asset, AssetQueued } from '../api/types';
import { Dialog } from '../components/dialog';
import { EditDialog } from '../components/edit_dialog';
import { dagsOf } from '../lib/assets';
import type { EditField } from '../lib/edit_form';
import { parseJson } from '../lib/exact_json';
import { count } from '../lib/format';
import { useApp } from '../lib/hooks';
import { useMay } from '../lib/may';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';
import { TriggerDialog } from './trigger_dialog';

interface Props {
  asset: Asset;
  onChanged: () => void;
}

const toldFields = (): readonly EditField[] => [
  { name: 'partition_key', title: t('Partition, its whole key'), kind: 'text', hint: t('Where what has changed is one of its partitions.') },
  { name: 'extra', title: t('Said with it, as a JSON object'), kind: 'json', hint: t('The runs that take the event can read it.') },
];

// As the API takes it: what is said is JSON, not its text.
const eventOf = (id: number, body: Record<string, unknown>) => ({ ...body, asset_id: id, ...(typeof body['extra'] === 'string' ? { extra: parseJson(body['extra']) } : {}) });

function TellDialog({ asset, onChanged, onClose }: Props & { onClose: () => void }) {
  const { notify } = useApp();
  const waiting = dagsOf(asset.scheduled_dags);
  return (
    <EditDialog
      title={t('Tell that {name} has changed', { name: asset.name })}
      fields={toldFields}
      before={null}
      save={(body) => api.tellAsset(eventOf(asset.id, body))}
      keep={t('Tell it')}
      onClose={onClose}
      onDone={() => {
        notify(t('It is told.'));
        onChanged();
      }}
    >
      <p>{waiting.length === 0 ? t('No DAG waits for it.') : t('For {dags} waiting for it this is as if a task had made it anew.', { dags: count(waiting.length, 'DAG') })}</p>
    </EditDialog>
  );
}

/** By its one maker at once; of several whoever asks chooses. */
function MakeDialog({ asset, onClose }: { asset: Asset; onClose: () => void }) {
  const makers = dagsOf(asset.producing_tasks);
  const [chosen, choose] = useState(makers.length === 1 ? makers[0] : undefined);
  if (chosen !== undefined) return <TriggerDialog dag={chosen} onClose={onClose} />;
  return (
    <Dialog title={t('Materialise {name}', { name: asset.name })} onClose={onClose}>
      <p>{t('Several DAGs make it. Which is to run?')}</p>
      <div class="row-acts">
        {makers.map((dag) => (
          <button key={dag} type="button" class="button" onClick={() => choose(dag)}>
            {dag}
          </button>
        ))}
      </div>
    </Dialog>
  );
}

/** At the head of an asset, for who may start runs. */
export function AssetActs({ asset, onChanged }: Props) {
  const { canOperate } = useApp();
  const [open, setOpen] = useState<'tell' | 'make' | null>(null);
  const close = () => setOpen(null);
  if (!canOperate) return null;
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen('tell')}>
        {t('Tell a change…')}
      </button>
      {asset.producing_tasks.length > 0 && (
        <button type="button" class="button button-primary" onClick={() => setOpen('make')}>
          {t('Materialise…')}
        </button>
      )}
      {open === 'tell' && <TellDialog asset={asset} onChanged={onChanged} onClose={close} />}
      {open === 'make' && <MakeDialog asset={asset} onClose={close} />}
    </>
  );
}

/** Beside what is queued for one DAG. */
export function QueuedActs({ of, onChanged }: { of: AssetQueued; onChanged: () => void }) {
  const mayDelete = useMay('delete', `dag:${of.dag_id}`);
  const [open, setOpen] = useState(false);
  if (!mayDelete) return null;
  return (
    <>
      <button type="button" class="link-button" aria-label={t('Forget what is queued for {dag}', { dag: of.dag_id })} onClick={() => setOpen(true)}>
        {t('Forget…')}
      </button>
      {open && (
        <ConfirmDialog
          title={t('Forget what is queued for {dag}?', { dag: of.dag_id })}
          text={t('Its next run no longer counts {events} of this asset, and waits for a new one.', { events: count(of.batuta.events, 'event') })}
          button={t('Forget it')}
          danger
          act={() => api.forgetQueued(of.dag_id, of.asset_id)}
          onClose={() => setOpen(false)}
          onDone={onChanged}
        />
      )}
    </>
  );
}
