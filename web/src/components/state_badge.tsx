import { stateInfo } from '../lib/states';
import { Icon } from './icon';

/** A state as a coloured mark with its name beside it, or (small) the mark alone with a spoken name. */
export function StateBadge({ state, small }: { state: string | null; small?: boolean }) {
  const { name, label, shape } = stateInfo(state);
  return (
    <span class={`badge state-${name}`} data-state={name} title={small ? label : undefined}>
      <span class="badge-mark">
        <Icon name={shape} />
      </span>
      <span class={small ? 'visually-hidden' : 'badge-label'}>{label}</span>
    </span>
  );
}
