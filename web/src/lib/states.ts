// What each state is called and how it is drawn. The colours themselves stand in css/states.css under
// the same names; a shape goes with each colour, so that no meaning rests on colour alone.
import type { RunState, TaskState } from '../api/types';

// Airflow's further states are drawn too, though no answer of this server holds them yet.
type Further = 'restarting' | 'up_for_reschedule';
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
  info('failed', 'Failed', 'cross'),
  info('upstream_failed', 'Upstream failed', 'up'),
  info('up_for_retry', 'Up for retry', 'retry'),
  info('running', 'Running', 'play'),
  info('queued', 'Queued', 'clock'),
  info('scheduled', 'Scheduled', 'clock'),
  info('restarting', 'Restarting', 'retry'),
  info('deferred', 'Deferred', 'clock'),
  info('up_for_reschedule', 'Up for reschedule', 'clock'),
  info('none', 'Waiting', 'dot'),
  info('success', 'Success', 'check'),
  info('skipped', 'Skipped', 'skip'),
  info('removed', 'Removed', 'minus'),
];

const byName = new Map<string, StateInfo>(states.map((state) => [state.name, state]));
const unknown = info('none', 'Unknown', 'dot');

/** Never throws: a state a newer server invents is drawn as unknown. */
export function stateInfo(state: string | null | undefined): StateInfo {
  return byName.get(state ?? 'none') ?? unknown;
}

const ended = new Set<string>(['success', 'failed', 'upstream_failed', 'skipped', 'removed']);

export function isEnded(state: TaskState | RunState | undefined): boolean {
  return typeof state === 'string' && ended.has(state);
}
