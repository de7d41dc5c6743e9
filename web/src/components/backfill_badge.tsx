import type { Backfill } from '../api/types';
import { backfillState, backfillStates } from '../lib/backfills';
import { stateInfo } from '../lib/states';
import { Icon } from './icon';

/** What a backfill is at: a mark in the colour of a run that is alike, and its own word. */
export function BackfillBadge({ of }: { of: Backfill }) {
  const state = backfillState(of);
  const { name, as } = backfillStates[state];
  return (
    <span class={`badge state-${as}`} data-backfill={state}>
      <span class="badge-mark">
        <Icon name={stateInfo(as).shape} />
      </span>
      <span class="badge-label">{name}</span>
    </span>
  );
}
