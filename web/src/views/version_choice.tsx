// Which version of a DAG is shown: of those that are kept, the newest first.
import * as api from '../api/endpoints';
import type { DagVersion } from '../api/types';
import { Choice } from '../components/choice';
import { localTime } from '../lib/format';
import { useResource } from '../lib/hooks';
import { t } from '../lib/words';

const mostVersions = 500;
const none = { rows: [], total: 0 };

const nameOf = (one: DagVersion, newest: number): string =>
  one.version_number === newest ? t('Version {version}, the newest', { version: one.version_number }) : t('Version {version}, {time}', { version: one.version_number, time: localTime(one.created_at) });

/** As choices; nothing where there is one alone. `newest`: 0 while it is not known. */
export function useVersions(dag: string, newest: number): { id: string; name: string }[] {
  const versions = useResource((signal) => (newest > 1 ? api.dagVersions(dag, mostVersions, signal) : Promise.resolve(none)), [dag, newest]);
  return (versions.data?.rows ?? []).map((one) => ({ id: String(one.version_number), name: nameOf(one, newest) }));
}

interface Props {
  choices: readonly { id: string; name: string }[];
  shown: number;
  newest: number;
  onChange: (version: string) => void; // '': the newest
}

export function VersionChoice({ choices, shown, newest, onChange }: Props) {
  if (choices.length < 2) return null;
  return <Choice label={t('Version')} value={shown === newest ? '' : String(shown)} all={choices[0]?.name ?? ''} choices={choices.filter((one) => one.id !== String(newest))} onChange={onChange} />;
}
