// A table's columns, with what its contract says of them.
import type { LakeColumn, LakeTableDetails } from '../api/types';
import { Fact } from '../components/fact';
import { SimpleTable, type Column } from '../components/simple_table';
import { t } from '../lib/words';
import { LakeStatistics } from './lake_statistics';

function marksOf(column: LakeColumn): string[] {
  return [
    ...(column.is_key ? [t('key')] : []),
    ...(column.is_partition ? [t('partition')] : []),
    ...(column.nullable ? [] : [t('never empty')]),
    ...(column.mask ? [column.is_masked ? t('masked') : t('masked for others')] : []),
  ];
}

// A nested type is the text of its JSON.
const typeOf = (column: LakeColumn) => <code class="lake-type">{column.type}</code>;

const plain: readonly Column<LakeColumn>[] = [
  { name: t('Column'), cell: (column) => <strong>{column.name}</strong> },
  { name: t('Type'), cell: typeOf },
  { name: t('Marks'), cell: (column) => marksOf(column).join(', ') || '–' },
];

const described: readonly Column<LakeColumn>[] = [
  ...plain,
  { name: t('Classification'), cell: (column) => column.classification ?? '–' },
  { name: t('Tags'), cell: (column) => column.tags.join(', ') || '–' },
  { name: t('Description'), cell: (column) => [column.business_name, column.description].filter((one) => one).join(': ') || '–' },
];

export function LakeColumns({ of }: { of: LakeTableDetails }) {
  const contract = of.contract_details;
  const properties = Object.entries(of.properties);
  return (
    <>
      <SimpleTable rows={of.columns} columns={contract ? described : plain} keyOf={(column) => column.name} empty={t('No columns.')} />
      {!contract && <p class="muted lake-note">{t('No task names a contract of this table: nobody has described its columns, said who owns them, or how fresh it must be.')}</p>}
      {contract && contract.quality_rules.length > 0 && (
        <dl class="facts lake-note">
          <Fact name={t('Quality rules')}>{contract.quality_rules.join(', ')}</Fact>
        </dl>
      )}
      <LakeStatistics of={of} />
      {properties.length > 0 && (
        <details class="lake-note">
          <summary>{t('Table properties')}</summary>
          <dl class="facts">
            {properties.map(([name, value]) => (
              <Fact key={name} name={name}>
                <code>{String(value)}</code>
              </Fact>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}
