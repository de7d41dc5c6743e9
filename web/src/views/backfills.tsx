// Backfills of all DAGs or of one: how far each is, and a new one after a look at what it would do.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Backfill } from '../api/types';
import { Choice } from '../components/choice';
import { OrderChoice, TextFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { BackfillBadge } from '../components/backfill_badge';
import { Ago, At } from '../components/time';
import { UseBar } from '../components/use_bar';
import { reprocessNames } from '../lib/backfills';
import { useApp, useLive, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { orderOf } from '../lib/list_query';
import { backfillLink, dagLink } from '../lib/route';
import { t } from '../lib/words';
import { BackfillDialog } from './backfill_dialog';

const size = 50;
const rereadMs = 2000;
const orders = ['id', 'dag_id', 'from_date', 'to_date', 'created_at', 'completed_at'] as const;
const usual = '-id';
const orderNames: Record<(typeof orders)[number], string> = { id: t('Number'), dag_id: t('DAG'), from_date: t('From'), to_date: t('Until'), created_at: t('Begun'), completed_at: t('Ended') };

const number: Column<Backfill> = { name: t('Backfill'), cell: (one) => <a href={backfillLink(one.id)}>{t('Backfill {id}', { id: one.id })}</a> };
const dagColumn: Column<Backfill> = { name: t('DAG'), cell: (one) => <a href={dagLink(one.dag_id, 'backfills')}>{one.dag_id}</a> };
const rest: readonly Column<Backfill>[] = [
  { name: t('State'), cell: (one) => <BackfillBadge of={one} /> },
  { name: t('From'), cell: (one) => <At at={one.from_date} /> },
  { name: t('Until'), cell: (one) => <At at={one.to_date} /> },
  { name: t('Dates handled'), cell: (one) => <UseBar used={one.batuta.done} of={one.batuta.ticks} /> },
  { name: t('What it runs'), cell: (one) => reprocessNames()[one.reprocess_behavior] ?? one.reprocess_behavior },
  { name: t('By'), cell: (one) => one.batuta.triggering_user_name ?? '–' },
  { name: t('Begun'), cell: (one) => <Ago at={one.created_at} /> },
];

/** The list, of one DAG where it is named; who may operate begins one. */
export function BackfillList({ dag }: { dag?: string }) {
  const { canOperate } = useApp();
  const [search] = useSearch();
  const [offset, move] = usePage(size);
  const [isNew, setNew] = useState(false);
  const query = {
    dag_id: dag,
    dag_id_pattern: dag === undefined && search.get('dag') ? `%${search.get('dag')}%` : undefined,
    unfinished: search.get('state') === 'unfinished' ? true : undefined,
    order_by: orderOf(search, orders, usual),
  };
  const found = useResource((signal) => api.backfills({ ...query, limit: size, offset }, signal), [query, offset]);
  const reload = useThrottled(found.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.runs.some((run) => run.run_type === 'backfill')) reload();
  });
  const isNarrowed = query.unfinished === true || query.dag_id_pattern !== undefined;
  return (
    <>
      <ListBar dag={dag}>
        {canOperate && (
          <button type="button" class="button button-primary" onClick={() => setNew(true)}>
            {t('New backfill…')}
          </button>
        )}
      </ListBar>
      <Loaded of={found}>
        {({ rows, total }) =>
          total === 0 ? (
            <Empty>{isNarrowed ? t('No backfill matches.') : t('No backfill yet. One runs a DAG for a range of its dates: those before it was written, or again those that failed.')}</Empty>
          ) : (
            <>
              <SimpleTable rows={rows} columns={dag === undefined ? [number, dagColumn, ...rest] : [number, ...rest]} keyOf={(one) => one.id} empty={t('Nothing is on this page.')} />
              <Pager offset={offset} limit={size} total={total} noun="backfill" onMove={move} />
            </>
          )
        }
      </Loaded>
      {isNew && <BackfillDialog dag={dag ?? search.get('dag') ?? ''} onClose={() => setNew(false)} />}
    </>
  );
}

function ListBar({ dag, children }: { dag: string | undefined; children: ComponentChildren }) {
  const [search, change] = useSearch();
  return (
    <div class="toolbar" role="search">
      {dag === undefined && <TextFilter name="dag" label={t('Search DAGs')} />}
      <Choice label={t('State')} value={search.get('state') ?? ''} all={t('All states')} choices={[{ id: 'unfinished', name: t('not ended') }]} onChange={(state) => change({ state })} />
      <OrderChoice names={orderNames} usual={usual} />
      {children}
    </div>
  );
}

export function BackfillsView() {
  useTitle(t('Backfills'));
  return (
    <>
      <div class="page-head">
        <h1>{t('Backfills')}</h1>
      </div>
      <BackfillList />
    </>
  );
}
