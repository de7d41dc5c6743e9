// How far a clear or a mark goes beyond what was chosen, and the list of what it touches as the server's dry run tells it.
import type { TaskInstance } from '../api/types';
import { number } from '../lib/format';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { StateBadge } from './state_badge';

export interface Spread {
  include_downstream: boolean;
  include_upstream: boolean;
  include_past: boolean;
  include_future: boolean;
}

export const noSpread: Spread = { include_downstream: false, include_upstream: false, include_past: false, include_future: false };
export const isSpread = (spread: Spread): boolean => Object.values(spread).some(Boolean);

interface Props {
  spread: Spread;
  several: boolean; // of several tasks, not of one
  onChange: (spread: Spread) => void;
}

export function SpreadChoice({ spread, several, onChange }: Props) {
  const choices = [
    ['include_downstream', several ? t('Also the tasks after them') : t('Also the tasks after it')],
    ['include_upstream', several ? t('Also the tasks before them') : t('Also the tasks before it')],
    ['include_past', t('Also in earlier runs')],
    ['include_future', t('Also in later runs')],
  ] as const;
  return (
    <>
      {choices.map(([name, words]) => (
        <label key={name} class="check">
          <input type="checkbox" checked={spread[name]} onChange={(event) => onChange({ ...spread, [name]: event.currentTarget.checked })} />
          <span>{words}</span>
        </label>
      ))}
    </>
  );
}

const mostShown = 100;

interface TouchedProps {
  rows: readonly TaskInstance[];
  total: number;
  run: string; // whose rows need not say so
  label: string;
}

export function TouchedTasks({ rows, total, run, label }: TouchedProps) {
  const shown = rows.slice(0, mostShown);
  return (
    <ul class="preview" tabIndex={0} aria-label={label}>
      {shown.map((one) => (
        <li key={`${one.dag_run_id} ${taskKey(one)}`}>
          <StateBadge state={one.state} small />
          {taskKey(one)}
          {one.dag_run_id !== run && <span class="muted"> {one.dag_run_id}</span>}
        </li>
      ))}
      {total > shown.length && <li class="muted">{t('and {count} more', { count: number(total - shown.length) })}</li>}
    </ul>
  );
}
