// The tables of which contracts rejected rows.
import * as api from '../api/endpoints';
import type { LakeQuarantines } from '../api/types';
import { TextFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { number } from '../lib/format';
import { useLive, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { lakeLink } from '../lib/route';
import { t } from '../lib/words';

type Quarantined = LakeQuarantines['tables'][number];
const size = 50;
const nameOf = (one: Quarantined) => `${one.domain}/${one.table}`;

const columns: readonly Column<Quarantined>[] = [
  {
    name: t('Table'),
    cell: (one) => (
      <>
        <a href={lakeLink({ ...one, layer: 'quarantine' })}>{nameOf(one)}</a>
        {one.problem !== null && <p class="lake-problem">{one.problem}</p>}
      </>
    ),
  },
  { name: t('Rows'), number: true, cell: (one) => (one.rows === null ? '–' : number(one.rows)) },
  { name: t('Version'), number: true, cell: (one) => (one.version === null ? '–' : number(one.version)) },
  { name: t('Changed'), cell: (one) => <Ago at={one.modified} /> },
];

export function QuarantinesView() {
  const [search] = useSearch();
  const [offset, move] = usePage(size);
  const tables = useResource((signal) => api.lakeQuarantines(signal), []);
  const reload = useThrottled(tables.reload, 2000);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(t('Quarantine'));
  const wanted = (search.get('q') ?? '').toLowerCase();
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/lake">{t('Lake')}</a>
      </nav>
      <div class="page-head">
        <h1>{t('Quarantine')}</h1>
      </div>
      <p class="lead">{t('Rows that break a rule of their contract are kept here, with their reasons, and come into no table.')}</p>
      <div class="toolbar" role="search">
        <TextFilter name="q" label={t('Search tables')} />
      </div>
      <Loaded of={tables}>
        {(page) => {
          const found = page.tables.filter((one) => nameOf(one).toLowerCase().includes(wanted));
          if (page.tables.length === 0) return <Empty>{t('Nothing is in quarantine that you may see.')}</Empty>;
          return (
            <>
              <SimpleTable rows={found.slice(offset, offset + size)} columns={columns} keyOf={nameOf} empty={t('No table matches.')} />
              <Pager offset={offset} limit={size} total={found.length} noun="table" onMove={move} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}
