// The form that makes a data domain of a contract: its plan is shown as one types, and asked about before it is carried out.
import { useId, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { DomainPlan, DomainStep } from '../api/types';
import { ErrorBox } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { actionNames, changesOf, kindNames, lineRange, notReady, type DomainDraft } from '../lib/domains';
import { number } from '../lib/format';
import { useApp, useDebounced, useResource } from '../lib/hooks';
import { t } from '../lib/words';
import { DomainConfirm } from './domain_confirm';

const planAfterMs = 400;
const stepColumns: readonly Column<DomainStep>[] = [
  { name: t('What'), cell: (step) => actionNames[step.action] ?? step.action },
  { name: t('Kind'), cell: (step) => kindNames[step.kind] ?? step.kind },
  {
    name: t('Name'),
    cell: (step) => (
      <div>
        <span class="mono">{step.name}</span>
        {step.conflict !== '' && <span class="lake-problem alert-note">{step.conflict}</span>}
      </div>
    ),
  },
];

function Notes({ title, of, kind }: { title: string; of: readonly string[]; kind: 'error' | 'warning' }) {
  if (of.length === 0) return null;
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <ul class={`edit-problems edit-${kind}`}>
        {of.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
    </section>
  );
}

function Errors({ plan, onGo }: { plan: DomainPlan; onGo: (line: number) => void }) {
  return (
    <ul class="edit-problems edit-error" aria-label={t('Errors')}>
      {plan.errors.map((one, at) => (
        <li key={at}>
          {one.line > 0 && (
            <button type="button" class="link-button" onClick={() => onGo(one.line)}>
              {t('Line {line}', { line: one.line })}
            </button>
          )}{' '}
          {one.pointer !== '' && <span class="mono">{one.pointer} </span>}
          {one.message}
        </li>
      ))}
    </ul>
  );
}

function Plan({ plan, onGo }: { plan: DomainPlan; onGo: (line: number) => void }) {
  if (plan.errors.length > 0) return <Errors plan={plan} onGo={onGo} />;
  return (
    <>
      <SimpleTable rows={plan.steps} columns={stepColumns} keyOf={(step) => `${step.kind} ${step.name}`} empty="" />
      <Notes title={t('Made or changed by others')} of={plan.conflicts} kind="error" />
      <Notes title={t('Not carried out')} of={plan.not_carried_out} kind="warning" />
    </>
  );
}

// The newest plan of what rests; one that is being typed is not asked about.
function usePlan(draft: DomainDraft) {
  const resting = useDebounced(JSON.stringify(draft), planAfterMs);
  const asked = useResource<{ of: string; plan: DomainPlan | null }>(
    async (signal) => {
      const of = JSON.parse(resting) as DomainDraft;
      return { of: resting, plan: notReady(of) === null ? await api.planDomain(of.name, of.contract, of.schedule, signal) : null };
    },
    [resting],
  );
  const isNew = asked.data?.of === JSON.stringify(draft);
  return { plan: isNew ? (asked.data?.plan ?? null) : null, isNew, error: asked.error, reload: asked.reload };
}

/** Makes a domain, or changes one that has a name already. */
export function DomainForm({ start, onDone, onClose }: { start: DomainDraft; onDone: () => void; onClose: () => void }) {
  const { notify } = useApp();
  const id = useId();
  const [draft, setDraft] = useState(start);
  const [force, setForce] = useState(false);
  const [asking, setAsking] = useState<DomainPlan | null>(null);
  const [fileProblem, setFileProblem] = useState('');
  const area = useRef<HTMLTextAreaElement>(null);
  const { plan, isNew, error, reload } = usePlan(draft);
  const change = (next: Partial<DomainDraft>) => setDraft((old) => ({ ...old, ...next }));
  const wait = notReady(draft);
  const read = async (input: HTMLInputElement) => {
    const file = input.files?.[0];
    input.value = '';
    if (!file) return;
    setFileProblem('');
    try {
      change({ contract: await file.text() });
    } catch (cause) {
      setFileProblem((cause as Error).message);
    }
  };
  const go = (line: number) => {
    area.current?.focus();
    area.current?.setSelectionRange(...(lineRange(draft.contract, line) as [number, number]));
  };
  const changes = plan ? changesOf(plan).length : 0;
  const isBlocked = plan !== null && plan.conflicts.length > 0 && !force;
  const state = wait ?? (error ? '' : !isNew || !plan ? t('Planning…') : plan.errors.length > 0 ? t('Errors: {count}', { count: number(plan.errors.length) }) : changes === 0 ? t('It is as the contract says: nothing would change.') : t('{count} of {all} would change', { count: number(changes), all: number(plan.steps.length) }));
  return (
    <section class="lake-panel domain-form" aria-label={t('A domain and its contract')}>
      <h2>{start.name === '' ? t('New domain') : start.name}</h2>
      <div class="field">
        <label class="field-name" for={`${id}-name`}>
          {t('Name')}
        </label>
        <input id={`${id}-name`} autoComplete="off" value={draft.name} readOnly={start.name !== ''} aria-describedby={`${id}-name-hint`} onInput={(event) => change({ name: event.currentTarget.value.trim() })} />
        <p class="field-hint" id={`${id}-name-hint`}>
          {t('Its tables are <layer>/<name>/<table>.')}
        </p>
      </div>
      <div class="field">
        <label class="field-name" for={`${id}-schedule`}>
          {t('Schedule of the ingestion')}
        </label>
        <input id={`${id}-schedule`} autoComplete="off" value={draft.schedule} aria-describedby={`${id}-schedule-hint`} onInput={(event) => change({ schedule: event.currentTarget.value })} />
        <p class="field-hint" id={`${id}-schedule-hint`}>
          {t('A cron expression or a preset; empty: only when it is triggered.')}
        </p>
      </div>
      <div class="field">
        <label class="field-name" for={`${id}-contract`}>
          {t('Contract')}
        </label>
        <textarea ref={area} id={`${id}-contract`} class="mono" rows={14} spellcheck={false} value={draft.contract} aria-describedby={`${id}-contract-hint ${id}-plan`} aria-invalid={(plan?.errors.length ?? 0) > 0} onInput={(event) => change({ contract: event.currentTarget.value })} />
        <p class="field-hint" id={`${id}-contract-hint`}>
          {t('YAML of the Open Data Contract Standard, or of the Data Contract Specification, which is converted.')}
        </p>
        <label class="field-name" for={`${id}-file`}>
          {t('Or choose its file')}
        </label>
        <input id={`${id}-file`} type="file" accept=".yaml,.yml,text/yaml" onChange={(event) => void read(event.currentTarget)} />
        <p class="field-problem" role="alert">
          {fileProblem}
        </p>
      </div>
      <h3>{t('Plan')}</h3>
      <p class="muted" role="status" id={`${id}-plan`}>
        {state}
      </p>
      {error && wait === null && <ErrorBox error={error} onRetry={reload} />}
      {plan && <Plan plan={plan} onGo={go} />}
      {plan && plan.conflicts.length > 0 && (
        <label class="check">
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> {t('Also what others made or changed')}
        </label>
      )}
      <div class="toolbar">
        <button type="button" class="button button-primary" disabled={!plan || plan.errors.length > 0 || changes === 0 || isBlocked} onClick={() => setAsking(plan)}>
          {t('Apply…')}
        </button>
        <button type="button" class="button" onClick={onClose}>
          {t('Close')}
        </button>
      </div>
      {asking && (
        <DomainConfirm
          title={t('Apply the domain {name}', { name: draft.name })}
          lead={t('This is what will be made or changed:')}
          plan={asking}
          button={t('Apply')}
          act={() => api.applyDomain(draft.name, { contract: draft.contract, schedule: draft.schedule, digest: asking.digest, force })}
          onClose={() => setAsking(null)}
          onDone={() => {
            notify(t('The domain {name} is there: its DAGs are read within a second.', { name: draft.name }));
            onDone();
          }}
        />
      )}
    </section>
  );
}
