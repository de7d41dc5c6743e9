// Why a table may be relied on or not, in the reader's words. The verdicts are the server's.
import type { LakeTrust } from '../api/types';
import { t } from './words';

export type TrustReason = LakeTrust['reasons'][number];

const sentences: Readonly<Record<string, string>> = {
  'fresh holds': t('It is as young as its contract asks.'),
  'fresh unknown': t('No contract says how old it may be.'),
  'fresh broken': t('Its newest version is older than its contract allows.'),
  'quality holds': t('The newest attempt kept all of its rules.'),
  'quality unknown': t('No attempt told of its quality.'),
  'quality doubtful': t('The newest attempt broke rules that only warn'),
  'quality broken': t('The newest attempt broke rules, some of which keep a version from being published'),
  'contract holds': t('It has the columns of its contract.'),
  'contract unknown': t('No task names a contract of this table.'),
  'contract doubtful': t('It lacks columns of its contract'),
  'contract broken': t('It lacks columns of its contract that must be there'),
  'log broken': t('Its log cannot be read.'),
};

const badges: Readonly<Record<string, { name: string; kind: 'good' | 'warning' | 'bad' | 'none'; mark: string }>> = {
  trusted: { name: t('trusted'), kind: 'good', mark: '✓' },
  unproven: { name: t('unproven'), kind: 'none', mark: '?' },
  doubtful: { name: t('doubtful'), kind: 'warning', mark: '!' },
  broken: { name: t('not to be trusted'), kind: 'bad', mark: '✕' },
};

/** A verdict that the page does not know yet is told as the server says it. */
export function reasonText(reason: TrustReason): string {
  const text = sentences[`${reason.subject} ${reason.verdict}`] ?? reason.message;
  return reason.names.length > 0 ? `${text}: ${reason.names.join(', ')}` : text;
}

export const badgeOf = (badge: string) => badges[badge] ?? { name: badge, kind: 'none' as const, mark: '?' };

/** What speaks against the table, or lacks; all of them where nothing does. */
export const tellingReasons = (trust: LakeTrust): TrustReason[] => {
  const telling = trust.reasons.filter((one) => one.verdict !== 'holds');
  return telling.length > 0 ? telling : trust.reasons;
};
