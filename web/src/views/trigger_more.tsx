// What a run that is started has beside its params: its id, its date, the part it is about, a note; and the values of runs
// before it.
import * as api from '../api/endpoints';
import type { DagRun } from '../api/types';
import { useResource } from '../lib/hooks';
import type { Field } from '../lib/params';
import { t } from '../lib/words';
import { instantText, localInput } from '../lib/zone';

export interface RunFacts {
  dag_run_id: string;
  logical_date: string; // an instant; empty: now
  partition_key: string;
  note: string;
}
export const noFacts: RunFacts = { dag_run_id: '', logical_date: '', partition_key: '', note: '' };

const titles = (): Record<keyof RunFacts, string> => ({ dag_run_id: t('Run id'), logical_date: t('Logical date'), partition_key: t('Partition key'), note: t('Note') });
export const factFields = () => Object.entries(titles()).map(([name, title]) => ({ name, title }));
const hints = (): Partial<Record<keyof RunFacts, string>> => ({
  dag_run_id: t('Left empty, it is made of the date.'),
  logical_date: t('Left empty, it is now; of a run that is about a partition there is none.'),
  partition_key: t('Which part of its assets the run is about, such as 2026-03-10.'),
});

/** The date that goes with it: on a branch, and of a part of an asset, only where one is given (the server refuses one on a branch). */
export function dateOf(facts: RunFacts, branch: string): string | null {
  if (facts.logical_date !== '') return facts.logical_date;
  return branch === '' && facts.partition_key.trim() === '' ? new Date().toISOString() : null;
}

/** A DAG that cannot be activated then leaves the run begun: `problem` tells why, and nobody begins it a second time. */
export async function startRun(dag: string, body: Parameters<typeof api.trigger>[1], unpauses: boolean): Promise<{ run: DagRun; problem?: string }> {
  const run = await api.trigger(dag, body);
  if (!unpauses) return { run };
  try {
    await api.setPaused(dag, false);
    return { run };
  } catch (error) {
    return { run, problem: (error as Error).message };
  }
}

/** Without what was left empty. */
export function factsBody({ dag_run_id, partition_key, note }: RunFacts): { dag_run_id?: string; partition_key?: string; note?: string } {
  return { ...(dag_run_id.trim() && { dag_run_id: dag_run_id.trim() }), ...(partition_key.trim() && { partition_key: partition_key.trim() }), ...(note.trim() && { note }) };
}

/** An earlier run tells stars in the place of secrets, which would be sent as the values. */
export function withoutSecrets(fields: readonly Pick<Field, 'name' | 'secret'>[], conf: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(conf).filter(([name]) => !fields.some((field) => field.secret && field.name === name)));
}

interface Props {
  facts: RunFacts;
  problems: Readonly<Record<string, string>>;
  isOpen: boolean;
  onChange: (facts: RunFacts) => void;
}

export function TriggerMore({ facts, problems, isOpen, onChange }: Props) {
  const control = (name: keyof RunFacts) => {
    const common = { name, 'aria-invalid': problems[name] !== undefined };
    if (name === 'note') return <textarea {...common} rows={2} maxLength={1000} value={facts.note} onInput={(event) => onChange({ ...facts, note: event.currentTarget.value })} />;
    if (name === 'logical_date') return <input {...common} type="datetime-local" step="1" value={localInput(facts.logical_date)} onChange={(event) => onChange({ ...facts, logical_date: instantText(event.currentTarget.value) ?? '' })} />;
    return <input {...common} autoComplete="off" value={facts[name]} onInput={(event) => onChange({ ...facts, [name]: event.currentTarget.value })} />;
  };
  const names = Object.keys(noFacts) as (keyof RunFacts)[];
  return (
    <details class="window" open={isOpen || names.some((name) => problems[name] !== undefined) || undefined}>
      <summary>{t('Id, date, partition, note (optional)')}</summary>
      {names.map((name) => (
        <label key={name} class="field" data-field={name}>
          <span class="field-name">{titles()[name]}</span>
          {control(name)}
          <span class="field-problem">{problems[name]}</span>
          <span class="field-hint">{hints()[name]}</span>
        </label>
      ))}
    </details>
  );
}

const offered = 10;
const isEmpty = (run: DagRun) => run.conf === null || Object.keys(run.conf).length === 0;

/** Runs of people before this one, whose values may be taken; nothing where there are none. */
export function RecentValues({ dag, onTake }: { dag: string; onTake: (conf: Record<string, unknown>) => void }) {
  const recent = useResource((signal) => api.dagRuns(dag, { run_type: 'manual', limit: offered, order_by: '-run_after' }, signal), [dag]);
  const runs = (recent.data?.dag_runs ?? []).filter((run) => !isEmpty(run));
  if (runs.length === 0) return null;
  return (
    <label class="field">
      <span class="field-name">{t('Values of an earlier run')}</span>
      <select
        name="recent"
        value=""
        onChange={(event) => {
          const run = runs.find((one) => one.dag_run_id === event.currentTarget.value);
          if (run?.conf) onTake(run.conf);
        }}
      >
        <option value="">{t('As the DAG has them')}</option>
        {runs.map((run) => (
          <option key={run.dag_run_id} value={run.dag_run_id}>
            {run.dag_run_id}
          </option>
        ))}
      </select>
    </label>
  );
}
