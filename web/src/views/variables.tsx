import * as api from '../api/endpoints';
import type { Variable } from '../api/types';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';

const columns: readonly Column<Variable>[] = [
  { name: 'Key', cell: (variable) => <strong>{variable.key}</strong> },
  { name: 'Value', cell: (variable) => <code class="value">{variable.value}</code> },
  { name: 'Description', cell: (variable) => variable.description ?? '' },
];

export function VariablesView() {
  return (
    <Page title="Variables">
      <PagedTable read={api.variables} columns={columns} keyOf={(one) => one.key} empty="No variables." noun="variable" />
    </Page>
  );
}
