// What the event log tells of a deadline that a run has missed. Pure.
import { t } from './words';

const names: Readonly<Record<string, string>> = {
  logical_date: t('the logical date'),
  queued_at: t('when it was queued'),
  start_date: t('when it started'),
  fixed_datetime: t('a fixed date'),
  average_runtime: t('what its runs take on average'),
};

export const referenceName = (reference: string): string => names[reference] ?? (reference || '–');

/** An event of another version may hold something else: then there is no instant. */
export function deadlineOf(extra: string | null): { at: string | null; reference: string } {
  const none = { at: null, reference: '' };
  try {
    const value = JSON.parse(extra ?? '') as { deadline?: unknown; reference?: unknown } | null;
    if (typeof value?.deadline !== 'string') return none;
    return { at: value.deadline, reference: typeof value.reference === 'string' ? value.reference : '' };
  } catch {
    return none;
  }
}
