// A line of a DAG's page: the last ticks of its schedule that no run was made for.
import * as api from '../api/endpoints';
import { Fact } from '../components/fact';
import { Ago } from '../components/time';
import { useResource } from '../lib/hooks';
import { t } from '../lib/words';

interface Told {
  count: number;
  more?: boolean;
  why: string;
}

function readExtra(text: string | null): Told | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null && 'count' in value ? (value as Told) : undefined;
  } catch {
    return undefined; // an event of another version: the event log has it as it is
  }
}

export function SkippedTicks({ dag }: { dag: string }) {
  const last = useResource((signal) => api.lastSkippedTicks(dag, signal), [dag]);
  const row = last.data?.rows[0];
  const told = readExtra(row?.extra ?? null);
  if (!row || !told) return null;
  return (
    <Fact name={t('Ticks without a run')}>
      {told.count}
      {told.more ? ` ${t('or more')}` : ''} <Ago at={row.when} />: {told.why}
    </Fact>
  );
}
