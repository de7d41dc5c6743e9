// What a task has handed on: each value unfolded as far as one likes, changed by those who may.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance, XCom } from '../api/types';
import { JsonTree } from '../components/json_tree';
import { Empty, Loaded } from '../components/loaded';
import { At } from '../components/time';
import { useApp, useResource } from '../lib/hooks';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';
import { XComDialog } from './xcom_dialog';

// XComs are at most 64 KiB each and few, so that their values are read with the list.
async function readAll(task: TaskInstance, signal: AbortSignal): Promise<XCom[]> {
  const ids = [task.dag_id, task.dag_run_id, task.task_id] as const;
  const heads = (await api.xcomEntries(...ids, signal, task.map_index)).rows;
  return Promise.all(heads.map((head) => api.xcomEntry(...ids, head.key, signal, task.map_index)));
}

type Pending = { act: 'new' } | { act: 'change' | 'delete'; entry: XCom } | null;

function Entry({ entry, onAct }: { entry: XCom; onAct: ((act: 'change' | 'delete') => void) | null }) {
  return (
    <div class="xcom" data-key={entry.key}>
      <dt>
        {entry.key}{' '}
        <span class="muted">
          <At at={entry.timestamp || null} />
        </span>
        {onAct && (
          <span class="xcom-acts">
            <button type="button" class="link-button" aria-label={t('Change XCom {key}', { key: entry.key })} onClick={() => onAct('change')}>
              {t('Change…')}
            </button>
            <button type="button" class="link-button" aria-label={t('Delete XCom {key}', { key: entry.key })} onClick={() => onAct('delete')}>
              {t('Delete…')}
            </button>
          </span>
        )}
      </dt>
      <dd class="json">
        <JsonTree name={null} value={entry.value} />
      </dd>
    </div>
  );
}

export function XComView({ task }: { task: TaskInstance }) {
  const { canOperate } = useApp();
  const [pending, setPending] = useState<Pending>(null);
  const entries = useResource(
    (signal) => readAll(task, signal),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, task.try_number, task.state],
  );
  const close = () => setPending(null);
  return (
    <>
      <Loaded of={entries}>
        {(list) =>
          list.length === 0 ? (
            <Empty>{t('This task has passed nothing on.')}</Empty>
          ) : (
            <dl class="xcoms">
              {list.map((entry) => (
                <Entry key={entry.key} entry={entry} onAct={canOperate ? (act) => setPending({ act, entry }) : null} />
              ))}
            </dl>
          )
        }
      </Loaded>
      {canOperate && (
        <p class="xcom-new">
          <button type="button" class="button" onClick={() => setPending({ act: 'new' })}>
            {t('New XCom…')}
          </button>
        </p>
      )}
      {(pending?.act === 'new' || pending?.act === 'change') && (
        <XComDialog task={task} entry={pending.act === 'change' ? { key: pending.entry.key, value: pending.entry.value } : null} onClose={close} onDone={entries.reload} />
      )}
      {pending?.act === 'delete' && (
        <ConfirmDialog
          title={t('Delete XCom {key}?', { key: pending.entry.key })}
          text={t('A task that reads it then finds none.')}
          button={t('Delete')}
          danger
          act={() => api.deleteXcom(task, pending.entry.key)}
          onClose={close}
          onDone={entries.reload}
        />
      )}
    </>
  );
}
