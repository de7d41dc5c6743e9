import * as api from '../api/endpoints';
import type { Variable } from '../api/types';
import { Loaded } from '../components/loaded';
import { Page } from '../components/page';
import { SimpleTable, type Column } from '../components/simple_table';
import { useResource } from '../lib/hooks';

const columns: readonly Column<Variable>[] = [
  { name: 'Key', cell: (variable) => <strong>{variable.key}</strong> },
  { name: 'Value', cell: (variable) => <code class="value">{variable.value}</code> },
  { name: 'Description', cell: (variable) => variable.description ?? '' },
];

export function VariablesView() {
  const variables = useResource((signal) => api.variables(signal), []);
  return (
    <Page title="Variables">
      <Loaded of={variables}>
        {(data) => (
          <SimpleTable rows={data.variables} columns={columns} keyOf={(variable) => variable.key} empty="No variables." />
        )}
      </Loaded>
    </Page>
  );
}
