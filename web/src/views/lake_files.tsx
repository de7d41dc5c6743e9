// What a table lies in: its partitions and files.
import type { LakeFile, LakePartition, LakeTableDetails } from '../api/types';
import { SimpleTable, type Column } from '../components/simple_table';
import { At } from '../components/time';
import { bytes, number } from '../lib/format';
import { t } from '../lib/words';
import { UpkeepButtons } from './lake_upkeep';

const count = (amount: number | null) => (amount === null ? '–' : number(amount));

const valueText = (value: unknown) => (typeof value === 'string' ? value : t('empty'));
const nameOf = (partition: LakePartition) =>
  Object.entries(partition.values)
    .map(([column, value]) => `${column} = ${valueText(value)}`)
    .join(', ');

const partitionColumns: readonly Column<LakePartition>[] = [
  { name: t('Partition'), cell: nameOf },
  { name: t('Rows'), number: true, cell: (one) => count(one.rows) },
  { name: t('Files'), number: true, cell: (one) => number(one.files) },
  { name: t('Size'), number: true, cell: (one) => bytes(one.bytes) },
];

const fileColumns: readonly Column<LakeFile>[] = [
  { name: t('File'), cell: (file) => <code>{file.path}</code> },
  { name: t('Rows'), number: true, cell: (file) => count(file.rows) },
  { name: t('Size'), number: true, cell: (file) => bytes(file.bytes) },
  { name: t('Added'), cell: (file) => <At at={file.added} /> },
];

function Shown({ shown, all }: { shown: number; all: number }) {
  if (shown >= all) return null;
  return <p class="muted lake-note">{t('{shown} of {all} are shown.', { shown: number(shown), all: number(all) })}</p>;
}

const upkeep = [
  { action: 'optimize' as const, version: null },
  { action: 'vacuum' as const, version: null },
];

export function LakeFiles({ of, onChanged }: { of: LakeTableDetails; onChanged: () => void }) {
  return (
    <>
      <div class="toolbar">
        <UpkeepButtons of={of} asked={upkeep} onDone={onChanged} />
      </div>
      {of.partition_columns.length > 0 && (
        <>
          <h2>{t('Partitions')}</h2>
          <SimpleTable rows={of.partitions} columns={partitionColumns} keyOf={nameOf} empty={t('No partitions yet.')} />
          <Shown shown={of.partitions.length} all={of.partition_count} />
        </>
      )}
      <h2>{t('Files, the newest first')}</h2>
      <SimpleTable rows={of.data_files} columns={fileColumns} keyOf={(file) => file.path} empty={t('The table is empty: it has no files.')} />
      <Shown shown={of.data_files.length} all={of.files ?? 0} />
    </>
  );
}
