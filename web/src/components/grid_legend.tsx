import { runTypeName, states } from '../lib/states';
import { t } from '../lib/words';
import { RunTypeMark } from './grid_head';
import { StateBadge } from './state_badge';

const shown = ['success', 'running', 'failed', 'upstream_failed', 'up_for_retry', 'queued', 'scheduled', 'deferred', 'up_for_reschedule', 'skipped', 'none', 'removed'];
const types = ['scheduled', 'manual', 'backfill'];

/** What the colours and shapes of the grid mean. */
export function GridLegend() {
  return (
    <details class="grid-legend">
      <summary>{t('What the marks mean')}</summary>
      <ul>
        {states
          .filter((state) => shown.includes(state.name))
          .map((state) => (
            <li key={state.name}>
              <StateBadge state={state.name} />
            </li>
          ))}
        {types.map((type) => (
          <li key={type}>
            <svg width="14" height="14" aria-hidden="true">
              <RunTypeMark type={type} x={7} y={4} />
            </svg>
            {t('run: {type}', { type: runTypeName(type) })}
          </li>
        ))}
      </ul>
    </details>
  );
}
