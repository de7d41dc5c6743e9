import * as api from '../api/endpoints';
import type { Variable } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { EditedList } from '../components/edited_list';
import { Page } from '../components/page';
import type { Column } from '../components/simple_table';
import type { EditField } from '../lib/edit_form';
import { t } from '../lib/words';

const mask = '***';

const columns: readonly Column<Variable>[] = [
  { name: t('Key'), cell: (variable) => <strong>{variable.key}</strong> },
  { name: t('Value'), cell: (variable) => <code class="value" tabIndex={0}>{variable.value}</code> },
  { name: t('Description'), cell: (variable) => variable.description ?? '' },
];

const value: EditField = { name: 'value', title: t('Value'), kind: 'area', hint: t('What is JSON can be read as JSON by templates.') };
const description: EditField = { name: 'description', title: t('Description'), kind: 'area' };
const ofNew: readonly EditField[] = [
  { name: 'key', title: t('Key'), kind: 'text', required: true, isKey: true, hint: t('A key that sounds secret, such as one with password in it, hides its value.') },
  { ...value, required: true },
  description,
];

// A hidden value is not known here: what is typed replaces it, nothing leaves it as it is.
function VariableForm({ variable, ...rest }: { variable: Variable | null; onClose: () => void; onDone: () => void }) {
  if (variable === null) return <EditDialog title={t('New variable')} fields={() => ofNew} before={null} save={api.variables.create} {...rest} />;
  const isHidden = variable.value === mask;
  return (
    <EditDialog
      title={t('Variable {name}', { name: variable.key })}
      fields={() => [isHidden ? { ...value, hint: t('It is hidden. What is written here replaces it; empty leaves it as it is.') } : value, description]}
      before={{ value: isHidden ? '' : variable.value, description: variable.description ?? '' }}
      save={(body) => api.variables.change(variable.key, body)}
      {...rest}
    />
  );
}

export function VariablesView() {
  return (
    <Page title={t('Variables')}>
      <EditedList
        read={api.variables.list}
        columns={columns}
        nameOf={(one) => one.key}
        empty={t('No variables.')}
        noun="variable"
        resource="admin:variables"
        add={t('New variable…')}
        remove={(one) => api.variables.remove(one.key)}
        removeText={t('Tasks that read it fail from then on, unless they name a default.')}
        form={(variable, onClose, onDone) => <VariableForm variable={variable} onClose={onClose} onDone={onDone} />}
      />
    </Page>
  );
}
