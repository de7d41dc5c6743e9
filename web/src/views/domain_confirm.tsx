// Asked before a domain is made or taken away: all that it changes, one by one.
import type { DomainPlan } from '../api/types';
import { actionNames, changesOf, kindNames } from '../lib/domains';
import { t } from '../lib/words';
import { ConfirmDialog } from './confirm_dialog';

interface Props {
  title: string;
  lead: string;
  plan: DomainPlan;
  button: string;
  danger?: boolean;
  force?: boolean; // what others made or changed, too: chosen here, where it was not before
  onForce?: (force: boolean) => void;
  act: () => Promise<unknown>;
  onClose: () => void;
  onDone: () => void;
}

export function DomainConfirm({ lead, plan, force, onForce, ...asked }: Props) {
  return (
    <ConfirmDialog text={lead} {...asked}>
      <ul class="domain-changes" aria-label={t('Changes')}>
        {changesOf(plan).map((step) => (
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
      {plan.conflicts.length > 0 && onForce && (
        <label class="check">
          <input type="checkbox" checked={force} onChange={(event) => onForce(event.currentTarget.checked)} /> {t('Also what others made or changed')}
        </label>
      )}
    </ConfirmDialog>
  );
}
