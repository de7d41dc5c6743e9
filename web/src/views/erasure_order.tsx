// An order to erase a person: who is meant, then what would be touched, which changes nothing, and only then the erasure.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeErasure } from '../api/types';
import { Dialog } from '../components/dialog';
import { ErrorBox } from '../components/loaded';
import { erasureBody, erasureProblem, erasureReport, erasureState, isUnderWay, type PersonKey } from '../lib/erasures';
import { useFollowed } from '../lib/hooks';
import { erasureLink } from '../lib/route';
import { newUuid } from '../lib/uuid';
import { t } from '../lib/words';
import { ErasureReportView } from './erasure';

const noKey: PersonKey = { column: '', value: '' };

function Keys({ of, onChange }: { of: readonly PersonKey[]; onChange: (next: PersonKey[]) => void }) {
  const change = (at: number, next: Partial<PersonKey>) => onChange(of.map((one, index) => (index === at ? { ...one, ...next } : one)));
  return (
    <>
      {of.map((one, at) => (
        <fieldset key={at} class="order-value">
          <legend>{t('Key {number}', { number: at + 1 })}</legend>
          <label class="field">
            <span class="field-name">{t('Column')}</span>
            <input autoComplete="off" value={one.column} onInput={(event) => change(at, { column: event.currentTarget.value })} />
          </label>
          <label class="field">
            <span class="field-name">{t('The person\'s value in it')}</span>
            <input autoComplete="off" spellcheck={false} value={one.value} onInput={(event) => change(at, { value: event.currentTarget.value })} />
          </label>
        </fieldset>
      ))}
      <button type="button" class="button" disabled={of.length >= 20} onClick={() => onChange([...of, noKey])}>
        {t('Another key')}
      </button>
    </>
  );
}

// Followed to its end.
function Plan({ of, onEnded }: { of: LakeErasure; onEnded: () => void }) {
  const plan = useFollowed(
    async (signal) => {
      const found = await api.lakeErasure(of.operation, signal);
      if (found.state === 'ended') onEnded();
      return found;
    },
    [of.operation],
    (data) => !isUnderWay(data.state),
    700,
  );
  const report = erasureReport(plan.data?.report);
  return (
    <div role="status">
      <p class="muted">{t('Nothing is changed yet.')} {erasureState(plan.data?.state ?? of.state)}</p>
      {plan.data?.error && <p class="notice notice-error">{plan.data.error}</p>}
      {plan.error && <ErrorBox error={plan.error} />}
      {report && <ErasureReportView of={report} />}
    </div>
  );
}

export function ErasureDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [keys, setKeys] = useState<readonly PersonKey[]>([noKey]);
  const [facts, setFacts] = useState({ domain: '', table: '', subject: '' });
  const [plan, setPlan] = useState<LakeErasure | null>(null);
  const [isPlanned, setPlanned] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  // One id for what is done, so that a second click or a lost answer does nothing twice; what is changed is another order.
  const [operation, setOperation] = useState(() => newUuid());
  const field = (name: keyof typeof facts, title: string, hint: string) => (
    <label class="field">
      <span class="field-name">{title}</span>
      <input autoComplete="off" value={facts[name]} onInput={(event) => setFacts({ ...facts, [name]: event.currentTarget.value })} />
      <span class="field-hint">{hint}</span>
    </label>
  );
  const send = async (apply: boolean) => {
    const wrong = erasureProblem(keys, facts.domain, facts.table);
    setProblem(wrong ?? '');
    if (wrong !== undefined) return;
    setBusy(true);
    try {
      const told = await api.orderErasure(erasureBody(keys, facts, apply ? operation : newUuid(), apply));
      onDone();
      if (apply) location.hash = erasureLink(told.operation);
      else setPlan(told);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy(false);
  };
  return (
    <Dialog title={t('Erase a person')} onClose={() => !busy && onClose()}>
      <form
        class="trigger-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void send(plan !== null);
        }}
      >
        {plan === null ? (
          <>
            <p class="muted">{t('Any of these names the person. No record and no event has a value.')}</p>
            <Keys of={keys} onChange={setKeys} />
            {field('domain', t('Domain'), t('Left empty, the whole lake, unless a table is named.'))}
            {field('table', t('Table'), t('domain/table: in every layer.'))}
            {field('subject', t('What the record calls the person'), t('Such as the number of the request; else a mark made of the value.'))}
          </>
        ) : (
          <Plan key={plan.operation} of={plan} onEnded={() => setPlanned(true)} />
        )}
        {problem && (
          <p class="notice notice-error" role="alert">
            {problem}
          </p>
        )}
        <footer class="dialog-foot">
          {plan !== null && (
            <button
              type="button"
              class="button"
              disabled={busy}
              onClick={() => {
                setPlan(null);
                setPlanned(false);
                setOperation(newUuid());
              }}
            >
              {t('Change it')}
            </button>
          )}
          <button type="button" class="button" disabled={busy} onClick={onClose}>
            {t('Back')}
          </button>
          <button type="submit" class={`button ${plan === null ? 'button-primary' : 'button-danger'}`} disabled={busy || (plan !== null && !isPlanned)}>
            {plan === null ? t('Look ahead') : t('Erase for good')}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
