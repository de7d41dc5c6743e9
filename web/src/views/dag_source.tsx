import * as api from '../api/endpoints';
import { Loaded } from '../components/loaded';
import { useResource } from '../lib/hooks';
import { t } from '../lib/words';

export function DagSource({ dag, version }: { dag: string; version: number | undefined }) {
  const source = useResource((signal) => api.dagSource(dag, signal), [dag, version]);
  return (
    <Loaded of={source}>
      {(data) => (
        <pre class="code code-source" tabIndex={0} aria-label={t('Source')}>
          {data.content || t('The source of this version is not kept.')}
        </pre>
      )}
    </Loaded>
  );
}
