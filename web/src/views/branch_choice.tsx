// On which branch of the lake a run that is started writes.
import * as api from '../api/endpoints';
import type { LakeBranches } from '../api/types';
import { useResource } from '../lib/hooks';
import { t } from '../lib/words';

interface Props {
  branch: string; // empty: on none
  problem: string | undefined;
  onChange: (branch: string) => void;
}

/** Nothing where there is no branch, or none that the reader may see. */
export function BranchChoice({ branch, problem, onChange }: Props) {
  // A right on a part of the lake is enough; without any the answer is a refusal, and there is no choice.
  const listed = useResource<LakeBranches>((signal) => api.lakeBranches(signal), []);
  const names = (listed.data?.branches ?? []).filter((one) => !one.is_dropping).map((one) => one.name);
  if (names.length === 0 && branch === '') return null;
  return (
    <label class="field" data-field="branch">
      <span class="field-name">{t('Branch of the lake')}</span>
      <select name="branch" value={branch} aria-invalid={problem !== undefined} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{t('None: the run writes in the lake')}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <span class="field-problem">{problem}</span>
      <span class="field-hint">{t('On a branch the run reads the lake and writes beside it; it has no logical date, and nobody else sees what it makes.')}</span>
    </label>
  );
}
