import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { DagRun, TaskInstance } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { Fact } from '../components/fact';
import { Later } from '../components/later';
import { StateBadge } from '../components/state_badge';
import { At } from '../components/time';
import type { EditField } from '../lib/edit_form';
import { duration, elapsed, number, prettyJson } from '../lib/format';
import { useApp } from '../lib/hooks';
import { countStates } from '../lib/live';
import { sourceLink } from '../lib/route';
import { isEnded, runTypeName, states } from '../lib/states';
import { t } from '../lib/words';
import { ClearDialog } from './clear_dialog';
import { ConfirmDialog } from './confirm_dialog';

interface Props {
  run: DagRun;
  tasks: readonly TaskInstance[];
  now: number;
  state: string; // the state the list is narrowed to, '' for all
  onState: (state: string) => void;
  onChanged: () => void;
}

const laterViews = () => import('./lake_views');

type Pending = 'clear' | 'cancel' | 'success' | 'failed' | 'hold' | 'release' | 'note' | null;

function StateSummary({ tasks, state, onState }: Pick<Props, 'tasks' | 'state' | 'onState'>) {
  const counts = countStates(tasks);
  return (
    <div class="state-summary" role="group" aria-label={t('Tasks by state')}>
      {states
        .filter((one) => counts.has(one.name))
        .map((one) => (
          <button
            key={one.name}
            type="button"
            class="state-count"
            aria-pressed={state === one.name}
            onClick={() => onState(state === one.name ? '' : one.name)}
          >
            <StateBadge state={one.name} />
            <strong>{number(counts.get(one.name) ?? 0)}</strong>
          </button>
        ))}
    </div>
  );
}

function RunFacts({ run, now }: { run: DagRun; now: number }) {
  const [assetsShown, setAssetsShown] = useState(false);
  const hasConf = run.conf !== null && Object.keys(run.conf).length > 0;
  return (
    <>
      <dl class="facts">
        <Fact name={t('Type')}>{runTypeName(run.run_type)}</Fact>
        <Fact name={t('Started')}>
          <At at={run.start_date} />
        </Fact>
        <Fact name={t('Duration')}>{duration(elapsed(run.start_date, run.end_date, now))}</Fact>
        {run.data_interval_start && (
          <Fact name={t('Data interval')}>
            <At at={run.data_interval_start} /> – <At at={run.data_interval_end} />
          </Fact>
        )}
        {run.triggering_user_name && <Fact name={t('By')}>{run.triggering_user_name}</Fact>}
        {typeof run.batuta.branch === 'string' && <Fact name={t('Branch of the lake')}>{run.batuta.branch}</Fact>}
        {run.partition_key !== null && <Fact name={t('Partition')}>{run.partition_key}</Fact>}
        {run.dag_versions[0] && (
          <Fact name={t('DAG version')}>
            <a href={sourceLink(run.dag_id, run.dag_versions[0].version_number)}>{run.dag_versions[0].version_number}</a>
          </Fact>
        )}
        {run.note && <Fact name={t('Note')}>{run.note}</Fact>}
      </dl>
      {run.batuta.is_paused === true && <p class="notice notice-warning">{t('This run is held: it starts no task until it is released.')}</p>}
      {hasConf && (
        <details class="conf">
          <summary>{t('Configuration')}</summary>
          <pre class="code">{prettyJson(run.conf)}</pre>
        </details>
      )}
      <details class="conf" onToggle={(event) => setAssetsShown(event.currentTarget.open)}>
        <summary>{t('Asset events')}</summary>
        {assetsShown && <Later load={laterViews}>{({ RunAssets }) => <RunAssets dag={run.dag_id} run={run.dag_run_id} />}</Later>}
      </details>
    </>
  );
}

const questions = {
  cancel: { title: t('Cancel this run?'), text: t('Running tasks are stopped and marked failed; those not started are skipped.'), button: t('Cancel the run') },
  failed: { title: t('Mark this run failed?'), text: t('The run is recorded as failed.'), button: t('Mark failed') },
  hold: { title: t('Hold this run?'), text: t('It starts no further task until it is released; tasks that run go on.'), button: t('Hold the run') },
  release: { title: t('Release this run?'), text: t('It starts its tasks again.'), button: t('Release the run') },
  success: { title: t('Mark this run successful?'), text: t('The run and its unfinished tasks are recorded as successful.'), button: t('Mark success') },
};

const noteFields: readonly EditField[] = [{ name: 'note', title: t('Note'), kind: 'area' }];

export function RunHead({ run, tasks, now, state, onState, onChanged }: Props) {
  const { canOperate } = useApp();
  const [pending, setPending] = useState<Pending>(null);
  const close = () => setPending(null);
  const ended = isEnded(run.state);
  const held = run.batuta.is_paused === true;
  const carryOut = (what: keyof typeof questions) =>
    what === 'hold' || what === 'release' ? api.holdRun(run.dag_id, run.dag_run_id, what === 'hold') : api.setRunState(run.dag_id, run.dag_run_id, what === 'success' ? 'success' : 'failed');
  return (
    <>
      <div class="page-head">
        <div class="head-title">
          <StateBadge state={run.state} />
          <h1 class="run-title">{run.dag_run_id}</h1>
        </div>
        {canOperate && (
          <div class="actions">
            {!ended && (
              <button type="button" class="button button-danger" onClick={() => setPending('cancel')}>
                {t('Cancel run')}
              </button>
            )}
            {!ended && (
              <button type="button" class="button" onClick={() => setPending(held ? 'release' : 'hold')}>
                {held ? t('Release…') : t('Hold…')}
              </button>
            )}
            <button type="button" class="button" onClick={() => setPending('clear')}>
              {t('Clear…')}
            </button>
            <button type="button" class="button" onClick={() => setPending('note')}>
              {t('Note…')}
            </button>
            {run.state !== 'success' && (
              <button type="button" class="button" onClick={() => setPending('success')}>
                {t('Mark success')}
              </button>
            )}
            {run.state === 'success' && (
              <button type="button" class="button" onClick={() => setPending('failed')}>
                {t('Mark failed')}
              </button>
            )}
          </div>
        )}
      </div>
      <RunFacts run={run} now={now} />
      <StateSummary tasks={tasks} state={state} onState={onState} />
      {pending === 'clear' && (
        <ClearDialog dag={run.dag_id} run={run.dag_run_id} task={null} onClose={close} onDone={onChanged} />
      )}
      {pending === 'note' && (
        <EditDialog
          title={t('Note of this run')}
          fields={() => noteFields}
          before={{ note: run.note ?? '' }}
          save={(body) => api.setRunNote(run.dag_id, run.dag_run_id, typeof body['note'] === 'string' ? body['note'] : (run.note ?? ''))}
          onClose={close}
          onDone={onChanged}
        />
      )}
      {pending !== null && pending !== 'clear' && pending !== 'note' && (
        <ConfirmDialog
          {...questions[pending]}
          danger={pending === 'cancel' || pending === 'failed'}
          act={() => carryOut(pending)}
          onClose={close}
          onDone={onChanged}
        />
      )}
    </>
  );
}
