// The lake's tables: found by domain, layer and a part of the name, all of which stand in the address.
import * as api from '../api/endpoints';
import type { LakeTable, LakeTables } from '../api/types';
import { Choice } from '../components/choice';
import { OrderChoice, TextFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { PickTable, type PickColumn } from '../components/pick_table';
import { Ago } from '../components/time';
import { TrustBadge } from '../components/trust_badge';
import { bytes, duration, number } from '../lib/format';
import { useLive, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { orderOf } from '../lib/list_query';
import { useMay } from '../lib/may';
import { branchLink, erasureLink, lakeLink, lettersLink } from '../lib/route';
import { t } from '../lib/words';

const pageSize = 50;
const rereadMs = 2000;
const orders = ['name', 'domain', 'layer', 'rows', 'bytes', 'files', 'version', 'modified'] as const;
const usualOrder = 'name';
const keyOf = (one: LakeTable) => `${one.layer}/${one.domain}/${one.table}`;

const orderNames: Record<(typeof orders)[number], string> = {
  name: t('Table'),
  domain: t('Domain'),
  layer: t('Layer'),
  rows: t('Rows'),
  bytes: t('Size'),
  files: t('Files'),
  version: t('Version'),
  modified: t('Changed'),
};

/** Whether a table is as young as its contract asks; nothing where there is none. */
export function Freshness({ of }: { of: LakeTable }) {
  if (of.is_fresh === null || of.fresh_within_seconds === null) return null;
  const within = t('its contract allows {age}', { age: duration(of.fresh_within_seconds) });
  return (
    <span class={of.is_fresh ? 'quality-good' : 'quality-bad'} title={within}>
      {of.is_fresh ? t('fresh') : t('late')}
    </span>
  );
}

function NameCell({ of }: { of: LakeTable }) {
  return (
    <>
      <a href={lakeLink(of)}>{of.table}</a>
      {of.problem !== null ? <p class="lake-problem">{of.problem}</p> : of.description && <p class="muted lake-about" title={of.description}>{of.description}</p>}
    </>
  );
}

const count = (amount: number | null) => (amount === null ? '–' : number(amount));

const columns: readonly PickColumn<LakeTable>[] = [
  { name: t('Table'), order: 'name', isMain: true, cell: (one) => <NameCell of={one} /> },
  { name: t('Domain'), order: 'domain', cell: (one) => one.domain },
  { name: t('Layer'), order: 'layer', cell: (one) => one.layer },
  { name: t('Rows'), order: 'rows', number: true, cell: (one) => count(one.rows) },
  { name: t('Size'), order: 'bytes', number: true, cell: (one) => (one.bytes === null ? '–' : bytes(one.bytes)) },
  { name: t('Files'), order: 'files', number: true, cell: (one) => count(one.files) },
  { name: t('Version'), order: 'version', number: true, cell: (one) => count(one.version) },
  {
    name: t('Changed'),
    order: 'modified',
    cell: (one) => (
      <>
        <Ago at={one.modified} /> <Freshness of={one} /> {one.trust && <TrustBadge of={one.trust} />}
      </>
    ),
  },
];

function useTables(offset: number) {
  const [search] = useSearch();
  const query = {
    layer: search.get('layer') || undefined,
    domain: search.get('domain') || undefined,
    name_pattern: search.get('q') || undefined,
    order_by: orderOf(search, orders, usualOrder),
  };
  return useResource((signal) => api.lakeTables({ ...query, limit: pageSize, offset }, signal), [query, offset]);
}

function Filters({ groups }: { groups: LakeTables['groups'] }) {
  const [search, change] = useSearch();
  const [layer, domain] = [search.get('layer') ?? '', search.get('domain') ?? ''];
  // What the other filter leaves, each with how many tables it has.
  const counted = (of: 'layer' | 'domain', fits: (group: LakeTables['groups'][number]) => boolean) => {
    const found = new Map<string, number>();
    for (const group of groups.filter(fits)) found.set(group[of], (found.get(group[of]) ?? 0) + group.tables);
    return [...found].sort(([a], [b]) => a.localeCompare(b)).map(([id, tables]) => ({ id, name: `${id} (${number(tables)})` }));
  };
  return (
    <div class="toolbar" role="search">
      <TextFilter name="q" label={t('Search tables')} />
      <Choice label={t('Domain')} value={domain} all={t('All domains')} choices={counted('domain', (group) => layer === '' || group.layer === layer)} onChange={(next) => change({ domain: next })} />
      <Choice label={t('Layer')} value={layer} all={t('All layers')} choices={counted('layer', (group) => domain === '' || group.domain === domain)} onChange={(next) => change({ layer: next })} />
      <OrderChoice names={orderNames} usual={usualOrder} />
    </div>
  );
}

function None({ isEmpty }: { isEmpty: boolean }) {
  if (!isEmpty) return <Empty>{t('No table matches.')}</Empty>;
  return <Empty>{t('The lake has no table yet. Tasks of the types extract, transform and aggregate make them, and the first run that succeeds publishes one.')}</Empty>;
}

export function LakeView() {
  const [search, change] = useSearch();
  const [offset, move] = usePage(pageSize);
  const tables = useTables(offset);
  const mayErase = useMay('erase', 'lake:*');
  const reload = useThrottled(tables.reload, rereadMs);
  // A run that ended may have published versions.
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(t('Lake'));
  return (
    <>
      <div class="page-head">
        <h1>{t('Lake')}</h1>
        <a class="button" href="#/lake/domains">
          {t('Domains')}
        </a>
        <a class="button" href="#/lake/quarantine">
          {t('Quarantine')}
        </a>
        <a class="button" href={lettersLink()}>
          {t('Dead letters')}
        </a>
        <a class="button" href={branchLink()}>
          {t('Branches')}
        </a>
        {mayErase && (
          <a class="button" href={erasureLink()}>
            {t('Erasures')}
          </a>
        )}
        <a class="button" href="#/lake/sql">
          {t('SQL')}
        </a>
      </div>
      <Filters groups={tables.data?.groups ?? []} />
      <Loaded of={tables}>
        {(page) => (
          <>
            {page.tables.length === 0 ? (
              offset > 0 ? <Empty>{t('Nothing is on this page.')}</Empty> : <None isEmpty={page.groups.length === 0} />
            ) : (
              <div class="lake-list">
                <PickTable rows={page.tables} columns={columns} keyOf={keyOf} labelOf={keyOf} picks={null} order={orderOf(search, orders, usualOrder)} onOrder={(order) => change({ order: order === usualOrder ? null : order })}>
                  {null}
                </PickTable>
              </div>
            )}
            <Pager offset={offset} limit={pageSize} total={page.total_entries} noun="table" onMove={move} />
            {page.left_out.length > 0 && (
              <details class="lake-left-out">
                <summary>{t('Left out of this list: {count}', { count: number(page.left_out.length) })}</summary>
                <ul>
                  {page.left_out.map((why) => (
                    <li key={why}>{why}</li>
                  ))}
                </ul>
              </details>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}
