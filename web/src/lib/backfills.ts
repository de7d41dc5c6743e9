// What a backfill is at and what became of its dates, in words. Pure.
import type { Backfill, BackfillPlan } from '../api/types';
import { t } from './words';

export type BackfillState = 'running' | 'paused' | 'cancelled' | 'completed';

export const backfillStates: Readonly<Record<BackfillState, { name: string; as: string }>> = {
  // `as`: the state of a run that is drawn alike.
  running: { name: t('Running'), as: 'running' },
  paused: { name: t('Paused'), as: 'deferred' },
  cancelled: { name: t('Cancelled'), as: 'skipped' },
  completed: { name: t('Completed'), as: 'success' },
};

/** What was cancelled stays so, though runs of it may still go on. */
export function backfillState({ is_paused, completed_at, batuta }: Pick<Backfill, 'is_paused' | 'completed_at' | 'batuta'>): BackfillState {
  if (batuta.cancelled) return 'cancelled';
  if (batuta.ended || completed_at !== null) return 'completed';
  return is_paused ? 'paused' : 'running';
}

/** Whether it may still be paused and cancelled. */
export const isUnderWay = (one: Backfill): boolean => ['running', 'paused'].includes(backfillState(one));

const outcomes: Readonly<Record<string, string>> = {
  created: t('a new run'),
  reprocessed: t('run again'),
  'already exists': t('has a run: left as it is'),
  'in flight': t('has a run that has not ended: left as it is'),
};

/** What became of a date; what a newer server says stands as it is. */
export const outcomeName = (outcome: string): string => outcomes[outcome] ?? outcome;

export const reprocessNames = (): Readonly<Record<string, string>> => ({
  none: t('dates that have no run'),
  failed: t('also dates whose run failed'),
  completed: t('all dates, whatever their run came to'),
});

/** "12 dates: 8 get a new run, 3 run again, 1 stay as they are." */
export function planText(plan: BackfillPlan): string {
  const news = plan.backfills.filter((one) => one.batuta.action === 'create').length;
  return t('{ticks} dates: {created} get a new run, {again} run again, {left} stay as they are.', {
    ticks: plan.batuta.ticks,
    created: news,
    again: plan.backfills.length - news,
    left: plan.batuta.left_alone.length,
  });
}
