// Asked before a domain is made or taken away: all that it changes, one by one.
import { useState } from 'preact/hooks';
import type { DomainPlan } from '../api/types';
import { Dialog } from '../components/dialog';
import { actionNames, changesOf, kindNames } from '../lib/domains';
import { t } from '../lib/words';

interface Props {
  title: string;
  lead: string;
  plan: DomainPlan;
  button: string;
  danger?: boolean;
  act: () => Promise<unknown>;
  onClose: () => void;
  onDone: () => void;
}

export function DomainConfirm({ title, lead, plan, button, danger = false, act, onClose, onDone }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const changes = changesOf(plan);
  const confirm = async () => {
    setBusy(true);
    setProblem('');
    try {
      await act();
      onDone();
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{lead}</p>
      <ul class="domain-changes" aria-label={t('Changes')}>
        {changes.map((step) => (
          <li key={`${step.kind} ${step.name}`}>
            <strong>{actionNames[step.action] ?? step.action}</strong> {kindNames[step.kind] ?? step.kind} <span class="mono">{step.name}</span>
          </li>
        ))}
      </ul>
      {plan.conflicts.length > 0 && (
        <ul class="edit-problems edit-error" aria-label={t('Made or changed by others')}>
          {plan.conflicts.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      )}
      {problem && (
        <p class="notice notice-error domain-problem" role="alert">
          {problem}
        </p>
      )}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={onClose}>
          {t('Back')}
        </button>
        <button type="button" class={`button ${danger ? 'button-danger' : 'button-primary'}`} disabled={busy} onClick={confirm}>
          {button}
        </button>
      </footer>
    </Dialog>
  );
}
