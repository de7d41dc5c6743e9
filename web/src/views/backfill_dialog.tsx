// A new backfill: its range and what it does with dates that have a run. "Try it first" asks the server, which changes nothing.
import * as api from '../api/endpoints';
import type { BackfillPlan } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { At } from '../components/time';
import { outcomeName, planText, reprocessNames } from '../lib/backfills';
import type { EditField } from '../lib/edit_form';
import { parseJson } from '../lib/exact_json';
import { number } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { backfillLink } from '../lib/route';
import { t } from '../lib/words';

const mostShown = 100;
const mostOffered = 200;

function fieldsOf(dags: readonly string[]): EditField[] {
  return [
    { name: 'dag_id', title: t('DAG'), kind: 'text', required: true, choices: dags },
    { name: 'from_date', title: t('From (logical date)'), kind: 'time', required: true },
    { name: 'to_date', title: t('Until (logical date), itself within'), kind: 'time', required: true },
    { name: 'reprocess_behavior', title: t('What it runs'), kind: 'choice', choices: Object.keys(reprocessNames()), names: reprocessNames() },
    { name: 'max_active_runs', title: t('Runs at once'), kind: 'integer', hint: t('1 to 1,000, apart from the limit of the DAG itself.') },
    { name: 'run_backwards', title: t('The newest date first'), kind: 'flag' },
    { name: 'run_on_latest_version', title: t('Runs that run again take the newest version of the DAG'), kind: 'flag' },
    { name: 'dag_run_conf', title: t('Configuration of its runs, as JSON'), kind: 'json' },
  ];
}

// As the API takes it: what is not ticked is said too, and the configuration is JSON, not its text.
function requestOf(body: Record<string, unknown>): Record<string, unknown> {
  const { dag_run_conf: conf, ...rest } = body;
  return { ...rest, run_backwards: body['run_backwards'] === true, run_on_latest_version: body['run_on_latest_version'] === true, ...(typeof conf === 'string' ? { dag_run_conf: parseJson(conf) } : {}) };
}

function Plan({ of }: { of: BackfillPlan }) {
  const left = of.batuta.left_alone;
  const more = of.backfills.length + left.length - mostShown;
  return (
    <>
      <p>{planText(of)}</p>
      {of.batuta.ticks > 0 && (
        <ul class="preview" tabIndex={0} aria-label={t('What would be done')}>
          {of.backfills.slice(0, mostShown).map((one) => (
            <li key={one.logical_date}>
              <At at={one.logical_date} /> <span class="muted">{one.batuta.action === 'create' ? t('a new run') : t('run again')}</span>
            </li>
          ))}
          {left.slice(0, Math.max(0, mostShown - of.backfills.length)).map((one) => (
            <li key={one.logical_date}>
              <At at={one.logical_date} /> <span class="muted">{outcomeName(one.reason)}</span>
            </li>
          ))}
          {more > 0 && <li class="muted">{t('and {count} more', { count: number(more) })}</li>}
        </ul>
      )}
    </>
  );
}

export function BackfillDialog({ dag, onClose }: { dag: string; onClose: () => void }) {
  const { notify } = useApp();
  const dags = useResource((signal) => api.dags({ limit: mostOffered, order_by: 'dag_id' }, signal), []);
  const fields = fieldsOf(dags.data?.dags.filter((one) => one.is_backfillable).map((one) => one.dag_id) ?? []);
  const begin = async (body: Record<string, unknown>) => {
    const made = await api.createBackfill(requestOf(body));
    notify(t('Backfill {id} has begun.', { id: made.id }));
    location.hash = backfillLink(made.id);
  };
  return (
    <EditDialog
      title={t('New backfill')}
      fields={() => fields}
      before={null}
      start={{ dag_id: dag, reprocess_behavior: 'none', max_active_runs: '10', run_on_latest_version: 'yes' }}
      save={begin}
      keep={t('Begin')}
      trial={{ name: t('Try it first'), run: async (body) => <Plan of={await api.planBackfill(requestOf(body))} /> }}
      onClose={onClose}
      onDone={() => undefined}
    />
  );
}
