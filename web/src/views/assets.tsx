// Assets: who makes and reads each, what was told of it, which DAGs wait for it and what is queued for them.
import * as api from '../api/endpoints';
import type { Asset, AssetEvent, AssetQueued } from '../api/types';
import { Fact } from '../components/fact';
import { TextFilter } from '../components/list_filters';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago, At } from '../components/time';
import { duration, number } from '../lib/format';
import { useApp, useLive, usePage, useResource, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { assetLink, dagLink, lakeLink, runLink, taskLink } from '../lib/route';
import { t } from '../lib/words';
import { AssetActs, QueuedActs } from './asset_acts';
import { Partitions } from './partitions';

const size = 50;
const rereadMs = 3000;
const shownExtra = 300; // characters

function Tasks({ of }: { of: Asset['producing_tasks'] }) {
  if (of.length === 0) return <>–</>;
  return (
    <ul class="plain-list">
      {of.map((one) => (
        <li key={`${one.dag_id}.${one.task_id}`}>
          <a href={taskLink(one.dag_id, one.task_id)}>
            {one.dag_id}.{one.task_id}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Dags({ of }: { of: Asset['scheduled_dags'] }) {
  if (of.length === 0) return <>–</>;
  return (
    <ul class="plain-list">
      {of.map((one) => (
        <li key={one.dag_id}>
          <a href={dagLink(one.dag_id)}>{one.dag_id}</a>
        </li>
      ))}
    </ul>
  );
}

function Watchers({ of }: { of: Asset['watchers'] }) {
  return (
    <ul class="plain-list">
      {of.map((one) => (
        <li key={one.name}>
          {one.name} <span class="muted">{one.batuta.message ?? t('every {age}', { age: duration(one.batuta.poke_interval) })}</span>
        </li>
      ))}
    </ul>
  );
}

const columns: readonly Column<Asset>[] = [
  {
    name: t('Asset'),
    cell: (one) => (
      <div>
        <a href={assetLink(one.id)}>{one.name}</a>
        {one.uri !== one.name && <p class="lake-about">{one.uri}</p>}
      </div>
    ),
  },
  { name: t('Changed'), cell: (one) => <Ago at={one.last_asset_event?.timestamp ?? null} /> },
  { name: t('Outlet of'), cell: (one) => <Tasks of={one.producing_tasks} /> },
  { name: t('Inlet of'), cell: (one) => <Tasks of={one.consuming_tasks} /> },
  { name: t('Waited for by'), cell: (one) => <Dags of={one.scheduled_dags} /> },
];

export function AssetsView() {
  const [search] = useSearch();
  const [offset, move] = usePage(size);
  const q = search.get('q') ?? '';
  const assets = useResource((signal) => api.assets({ limit: size, offset, order_by: 'name', uri_pattern: q === '' ? undefined : `%${q}%` }, signal), [offset, q]);
  const reload = useThrottled(assets.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(t('Assets'));
  return (
    <>
      <div class="page-head">
        <h1>{t('Assets')}</h1>
      </div>
      <div class="toolbar" role="search">
        <TextFilter name="q" label={t('Search assets')} />
      </div>
      <Loaded of={assets}>
        {(page) =>
          page.total_entries === 0 ? (
            <Empty>{q === '' ? t('No asset that you may see. A task names those that it makes in outlets, a DAG those that it waits for in its schedule.') : t('No asset matches.')}</Empty>
          ) : (
            <>
              <SimpleTable rows={page.assets} columns={columns} keyOf={(one) => one.id} empty={t('No asset matches.')} />
              <Pager offset={offset} limit={size} total={page.total_entries} noun="asset" onMove={move} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

function Extra({ of }: { of: AssetEvent['extra'] }) {
  const text = JSON.stringify(of);
  if (text === '{}') return <>–</>;
  return <span class="mono lake-about">{text.length > shownExtra ? `${text.slice(0, shownExtra)}…` : text}</span>;
}

const eventColumns: readonly Column<AssetEvent>[] = [
  { name: t('When'), cell: (one) => <At at={one.timestamp} /> },
  {
    name: t('Told by'),
    cell: (one) =>
      one.source_dag_id !== null && one.source_run_id !== null ? <a href={runLink(one.source_dag_id, one.source_run_id, one.source_task_id)}>{[one.source_dag_id, one.source_task_id].filter(Boolean).join('.')}</a> : t('somebody, over the API'),
  },
  {
    name: t('Runs that took it'),
    cell: (one) =>
      one.created_dagruns.length === 0 ? (
        '–'
      ) : (
        <ul class="plain-list">
          {one.created_dagruns.map((run) => (
            <li key={`${run.dag_id} ${run.run_id}`}>
              <a href={runLink(run.dag_id, run.run_id)}>{run.dag_id}</a> <span class="muted">{run.run_id}</span>
            </li>
          ))}
        </ul>
      ),
  },
  { name: t('Partition'), cell: (one) => one.partition_key ?? '–' },
  { name: t('Said with it'), cell: (one) => <Extra of={one.extra} /> },
];

const queuedColumns: readonly Column<AssetQueued>[] = [
  { name: t('DAG'), cell: (one) => <a href={dagLink(one.dag_id)}>{one.dag_id}</a> },
  { name: t('Events'), number: true, cell: (one) => number(one.batuta.events) },
  { name: t('Since'), cell: (one) => <Ago at={one.created_at} /> },
];

// "lake://layer/domain/table" is a table of the lake.
function tableOf(uri: string): string | null {
  const [, layer, domain, table] = /^lake:\/\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(uri) ?? [];
  return layer !== undefined && domain !== undefined && table !== undefined ? lakeLink({ layer, domain, table }) : null;
}

export function AssetView({ id }: { id: number }) {
  const { canOperate } = useApp();
  const [offset, move] = usePage(size);
  const asset = useResource((signal) => api.asset(id, signal), [id]);
  const [search] = useSearch();
  const key = search.get('key') ?? '';
  const events = useResource((signal) => api.assetEvents({ asset_id: id, partition_key: key || undefined, limit: size, offset, order_by: '-timestamp' }, signal), [id, offset, key]);
  const queued = useResource((signal) => api.queuedOfAsset(id, signal), [id]);
  const readAgain = () => {
    asset.reload();
    events.reload();
    queued.reload();
  };
  const reload = useThrottled(readAgain, rereadMs);
  const queuedActs: Column<AssetQueued> = { name: t('Actions'), cell: (one) => <QueuedActs of={one} onChanged={readAgain} /> };
  useLive((batch) => {
    if (batch.resync || batch.runs.length > 0) reload();
  });
  useTitle(asset.data?.name ?? t('Assets'));
  return (
    <>
      <nav class="crumbs" aria-label={t('Where this is')}>
        <a href="#/assets">{t('Assets')}</a>
      </nav>
      <Loaded of={asset}>
        {(data) => {
          const table = tableOf(data.uri);
          return (
            <>
              <div class="page-head">
                <h1>{data.name}</h1>
                {table !== null && (
                  <a class="button" href={table}>
                    {t('Table of the lake')}
                  </a>
                )}
                <AssetActs asset={data} onChanged={readAgain} />
              </div>
              <dl class="facts">
                {data.uri !== data.name && <Fact name={t('Address')}>{data.uri}</Fact>}
                <Fact name={t('Group')}>{data.group}</Fact>
                <Fact name={t('Changed')}>
                  <Ago at={data.last_asset_event?.timestamp ?? null} />
                </Fact>
                <Fact name={t('Outlet of')}>
                  <Tasks of={data.producing_tasks} />
                </Fact>
                <Fact name={t('Inlet of')}>
                  <Tasks of={data.consuming_tasks} />
                </Fact>
                {data.aliases.length > 0 && <Fact name={t('Aliases')}>{data.aliases.map((one) => one.name).join(', ')}</Fact>}
                {data.watchers.length > 0 && (
                  <Fact name={t('Watched by')}>
                    <Watchers of={data.watchers} />
                  </Fact>
                )}
                <Fact name={t('Waited for by')}>
                  <Dags of={data.scheduled_dags} />
                </Fact>
              </dl>
            </>
          );
        }}
      </Loaded>
      <section class="lake-panel" aria-label={t('Queued')}>
        <h2>{t('Queued for DAGs that wait for more')}</h2>
        <Loaded of={queued}>{(page) => <SimpleTable rows={page.queued_events} columns={canOperate ? [...queuedColumns, queuedActs] : queuedColumns} keyOf={(one) => one.dag_id} empty={t('Nothing of it is queued: no DAG waits for more beside it.')} />}</Loaded>
      </section>
      <section class="lake-panel" aria-label={t('Partitions')}>
        <h2>{t('Partitions')}</h2>
        <Partitions of={`asset ${id}`} read={(query, signal) => api.assetPartitions(id, query, signal)} empty={t('No event of it tells a partition. A task tells one with partition_key, or its run has it.')} />
      </section>
      <section class="lake-panel" aria-label={t('Events')}>
        <h2>{t('Events')}</h2>
        <div class="toolbar" role="search" aria-label={t('Events')}>
          <TextFilter name="key" label={t('Partition, its whole key')} />
        </div>
        <Loaded of={events}>
          {(page) => (
            <>
              <SimpleTable rows={page.asset_events} columns={eventColumns} keyOf={(one) => one.id} empty={key === '' ? t('Nothing was told of it yet.') : t('No event of this partition.')} />
              <Pager offset={offset} limit={size} total={page.total_entries} noun="event" onMove={move} />
            </>
          )}
        </Loaded>
      </section>
    </>
  );
}
