// What a domain's tables hold and what the tasks that write them took, by layer, DAG and day.
import * as api from '../api/endpoints';
import type { LakeCost, LakeCostDay } from '../api/types';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { bytes, duration, number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { dagLink } from '../lib/route';
import { t } from '../lib/words';

type Work = LakeCost['work'][number];
type Stored = LakeCost['stored'][number];

const storedColumns: readonly Column<Stored>[] = [
  { name: t('Layer'), cell: (one) => one.layer },
  { name: t('Tables'), number: true, cell: (one) => number(one.tables) },
  { name: t('Rows'), number: true, cell: (one) => number(one.rows) },
  { name: t('Stored'), number: true, cell: (one) => bytes(one.bytes) },
];

function took<T extends LakeCostDay | Work>(): readonly Column<T>[] {
  return [
    { name: t('Runs'), number: true, cell: (one) => number(one.runs) },
    { name: t('Tries'), number: true, cell: (one) => number(one.attempts) },
    { name: t('In a slot'), number: true, cell: (one) => duration(one.busy_seconds) },
    { name: t('Processor'), number: true, cell: (one) => duration(one.cpu_seconds) },
    { name: t('Read'), number: true, cell: (one) => bytes(one.read_bytes) },
  ];
}

const workColumns: readonly Column<Work>[] = [{ name: t('DAG'), cell: (one) => <a href={dagLink(one.dag_id)}>{one.dag_id}</a> }, ...took<Work>()];

const dayColumns: readonly Column<LakeCostDay>[] = [
  { name: t('Day'), cell: (one) => one.day },
  { name: t('Stored'), number: true, cell: (one) => (one.stored_bytes === null ? '–' : bytes(one.stored_bytes)) },
  ...took<LakeCostDay>(),
];

function Missing({ of }: { of: LakeCost }) {
  const notes = [
    of.unknown.length > 0 ? t('Rows or bytes of these tables are not known: {tables}', { tables: of.unknown.join(', ') }) : '',
    of.unmeasured > 0 ? t('Processor time or bytes read of {count} tries are not known.', { count: number(of.unmeasured) }) : '',
    of.more ? t('There are more tries than are counted.') : '',
    of.hidden ? t('Tables or DAGs that you may not see are not counted.') : '',
  ].filter((one) => one !== '');
  return notes.length === 0 ? null : <p class="muted">{notes.join(' ')}</p>;
}

export function DomainCost({ name, onClose }: { name: string; onClose: () => void }) {
  const cost = useResource((signal) => api.domainCost(name, signal), [name]);
  return (
    <section class="lake-panel domain-form" aria-label={t('Cost of {name}', { name })}>
      <h2>{t('Cost of {name}', { name })}</h2>
      <Loaded of={cost}>
        {(data) => (
          <>
            <p>{t('{bytes} stored; in the last 30 days {cpu} of a processor, {read} read', { bytes: bytes(data.bytes), cpu: duration(data.cpu_seconds), read: bytes(data.read_bytes) })}</p>
            <SimpleTable rows={data.stored} columns={storedColumns} keyOf={(one) => one.layer} empty="" />
            <SimpleTable rows={data.work} columns={workColumns} keyOf={(one) => one.dag_id} empty={t('No task that writes its tables ran in that time.')} />
            {data.attempts > 0 && <SimpleTable rows={[...data.days].reverse().filter((one) => one.attempts > 0)} columns={dayColumns} keyOf={(one) => one.day} empty="" />}
            <Missing of={data} />
          </>
        )}
      </Loaded>
      <div class="toolbar">
        <button type="button" class="button" onClick={onClose}>
          {t('Close')}
        </button>
      </div>
    </section>
  );
}
