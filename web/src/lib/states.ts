// What each state is called and how it is drawn. The colours themselves stand in css/states.css under
// the same names; a shape goes with each colour, so that no meaning rests on colour alone.
import type { RunState, TaskState } from '../api/types';
import { t } from './words';

// A further state of Airflow's is drawn too, though no answer of this server holds it.
type Further = 'restarting';
export type StateName = Exclude<TaskState, null> | 'none' | Further;
export type Shape = 'check' | 'cross' | 'play' | 'clock' | 'retry' | 'skip' | 'up' | 'dot' | 'minus';

export interface StateInfo {
  name: StateName;
  label: string;
  shape: Shape;
}

const info = (name: StateName, label: string, shape: Shape): StateInfo => ({ name, label, shape });

/** In the order a summary lists them: what needs attention first. */
export const states: readonly StateInfo[] = [
  info('failed', t('Failed'), 'cross'),
  info('upstream_failed', t('Upstream failed'), 'up'),
  info('up_for_retry', t('Up for retry'), 'retry'),
  info('running', t('Running'), 'play'),
  info('queued', t('Queued'), 'clock'),
  info('scheduled', t('Scheduled'), 'clock'),
  info('restarting', t('Restarting'), 'retry'),
  info('deferred', t('Deferred'), 'clock'),
  info('up_for_reschedule', t('Up for reschedule'), 'clock'),
  info('none', t('Waiting'), 'dot'),
  info('success', t('Success'), 'check'),
  info('skipped', t('Skipped'), 'skip'),
  info('removed', t('Removed'), 'minus'),
];

/** What stands for several as one, a group or a mapped task, is in the first of these that one of them is in. */
export const worstFirst: readonly string[] = [
  'failed', 'upstream_failed', 'up_for_retry', 'running', 'deferred', 'up_for_reschedule', 'queued', 'scheduled', 'none', 'success', 'skipped', 'removed',
];

const byName = new Map<string, StateInfo>(states.map((state) => [state.name, state]));
const unknown = info('none', t('Unknown'), 'dot');

/** Never throws: a state a newer server invents is drawn as unknown. */
export function stateInfo(state: string | null | undefined): StateInfo {
  return byName.get(state ?? 'none') ?? unknown;
}

const ended = new Set<string>(['success', 'failed', 'upstream_failed', 'skipped', 'removed']);

export function isEnded(state: TaskState | RunState | undefined): boolean {
  return typeof state === 'string' && ended.has(state);
}

const runTypes: Readonly<Record<string, string>> = {
  manual: t('triggered'),
  scheduled: t('scheduled'),
  backfill: t('backfill'),
  asset_triggered: t('by an asset'),
};

/** How a run came to be; one that this page does not know keeps its own name. */
export const runTypeName = (type: string): string => runTypes[type] ?? type;
