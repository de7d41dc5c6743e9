// A data domain's form: what is asked of the server, and what its plan says.
import type { DomainPlan, DomainStep } from '../api/types';
import { t } from './words';

export interface DomainDraft {
  name: string;
  schedule: string;
  contract: string;
}

/** The most that the server takes. */
export const maxContract = 256 * 1024;

/** Why nothing is asked yet; null: ask. */
export function notReady(draft: DomainDraft): string | null {
  if (draft.name === '' && draft.contract.trim() === '') return t('Give the domain a name and its contract: the plan appears here as you type.');
  if (draft.name === '') return t('Give the domain a name.');
  if (!/^[a-z][a-z0-9_-]{0,63}$/.test(draft.name)) return t('A name is 1 to 64 of a-z, 0-9, _ and -, a letter first.');
  if (draft.contract.trim() === '') return t('Paste the contract, or choose its file.');
  if (new TextEncoder().encode(draft.contract).length > maxContract) return t('The contract is larger than 256 KiB, the most that is taken here.');
  return null;
}

/** The steps that change something. */
export const changesOf = (plan: DomainPlan): readonly DomainStep[] => plan.steps.filter((step) => step.action !== 'none');

export const actionNames: Readonly<Record<string, string>> = {
  create: t('create'),
  update: t('renew'),
  remove: t('remove'),
  none: t('stays'),
};

export const kindNames: Readonly<Record<string, string>> = {
  file: t('file'),
  role: t('role'),
  group: t('group'),
};

/** Where a line of a text begins and ends, for the one that is to be looked at. */
export function lineRange(text: string, line: number): readonly [number, number] {
  let from = 0;
  for (let at = 1; at < line; at++) {
    const next = text.indexOf('\n', from);
    if (next < 0) break;
    from = next + 1;
  }
  const end = text.indexOf('\n', from);
  return [from, end < 0 ? text.length : end];
}
