// What the values of a table's columns are like, read by a query with the reader's own rights once it is asked for.
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeTableDetails } from '../api/types';
import { Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { number } from '../lib/format';
import { useResource } from '../lib/hooks';
import { mostColumns, statisticsOf, statisticsSql, type ColumnStatistics } from '../lib/statistics';
import { newUuid } from '../lib/uuid';
import { t } from '../lib/words';

const share = ({ empty, total }: ColumnStatistics) => (total === 0 ? '' : ` (${number(Math.round((empty / total) * 1000) / 10)} %)`);
const value = (of: string | null) => (of === null ? '–' : <span class="lake-about mono">{of}</span>);

const columns: readonly Column<ColumnStatistics>[] = [
  { name: t('Column'), cell: (one) => <strong>{one.name}</strong> },
  { name: t('Without a value'), number: true, cell: (one) => `${number(one.empty)}${share(one)}` },
  { name: t('Different, about'), number: true, cell: (one) => (one.different === null ? '–' : number(one.different)) },
  { name: t('Least'), cell: (one) => value(one.least) },
  { name: t('Greatest'), cell: (one) => value(one.greatest) },
];

function Statistics({ of }: { of: LakeTableDetails }) {
  const read = useResource((signal) => api.lakeSql({ sql: statisticsSql(of, of.columns), limit: mostColumns, query_id: newUuid() }, signal), [of.layer, of.domain, of.table, of.version]);
  return (
    <Loaded of={read}>
      {(answer) => {
        const rows = statisticsOf(answer, of.columns);
        return (
          <>
            <p class="muted lake-note">{t('Of {count} rows.', { count: number(rows[0]?.total ?? 0) })}</p>
            <SimpleTable rows={rows} columns={columns} keyOf={(one) => one.name} empty={t('No columns.')} />
            {of.columns.length > mostColumns && <p class="muted lake-note">{t('The first {count} columns: the table has more.', { count: number(mostColumns) })}</p>}
          </>
        );
      }}
    </Loaded>
  );
}

export function LakeStatistics({ of }: { of: LakeTableDetails }) {
  const [asked, ask] = useState(false);
  if (of.columns.length === 0 || of.version === null) return null;
  return (
    <section class="lake-panel" aria-label={t('Statistics')}>
      <h2>{t('Statistics')}</h2>
      {asked ? (
        <Statistics of={of} />
      ) : (
        <button type="button" class="button" onClick={() => ask(true)}>
          {t('Read the values')}
        </button>
      )}
    </section>
  );
}
