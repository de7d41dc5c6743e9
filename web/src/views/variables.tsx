import * as api from '../api/endpoints';
import type { Variable } from '../api/types';
import { Page } from '../components/page';
import { PagedTable } from '../components/paged_table';
import type { Column } from '../components/simple_table';
import { t } from '../lib/words';

const columns: readonly Column<Variable>[] = [
  { name: t('Key'), cell: (variable) => <strong>{variable.key}</strong> },
  { name: t('Value'), cell: (variable) => <code class="value">{variable.value}</code> },
  { name: t('Description'), cell: (variable) => variable.description ?? '' },
];

export function VariablesView() {
  return (
    <Page title={t('Variables')}>
      <PagedTable read={api.variables} columns={columns} keyOf={(one) => one.key} empty={t('No variables.')} noun="variable" />
    </Page>
  );
}
