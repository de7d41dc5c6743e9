// Where a table, or one of its columns, comes from and what is made of it: a picture, and the same as a table.
import { useMemo } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeKey, LakeLineage, LakeLineageEdge } from '../api/types';
import { Choice } from '../components/choice';
import { GraphPicture } from '../components/graph_picture';
import { Empty, Loaded } from '../components/loaded';
import { PathName } from '../components/path_name';
import { SimpleTable, type Column } from '../components/simple_table';
import { ZoomButtons } from '../components/zoom_buttons';
import { countOf } from '../lib/address';
import { layoutGraph } from '../lib/graph';
import { number } from '../lib/format';
import { useResource, useSearch } from '../lib/hooks';
import { lakeLink } from '../lib/route';
import { useGraphBox } from '../lib/use_graph_box';
import { t } from '../lib/words';
import { LakeColumnWays } from './lake_column_ways';
import { Maker } from './lake_versions';

const usualDepth = 3;
const depths = [1, 2, 5, 10, 20];

const keyOfPath = (path: string): LakeKey => {
  const [layer = '', domain = '', table = ''] = path.split('/');
  return { layer, domain, table };
};
const linkOf = (path: string) => lakeLink(keyOfPath(path), { tab: 'lineage' });

function Picture({ of, lineage }: { of: LakeKey; lineage: LakeLineage }) {
  const own = `${of.layer}/${of.domain}/${of.table}`;
  const graph = useMemo(() => {
    const below = new Map<string, Set<string>>(lineage.tables.map((one) => [`${one.layer}/${one.domain}/${one.table}`, new Set()]));
    for (const edge of lineage.edges) below.get(edge.from)?.add(edge.to);
    return layoutGraph([...below].map(([id, downstream]) => ({ id, downstream: [...downstream] })));
  }, [lineage]);
  const { box, zoom, setZoom, fit, pan } = useGraphBox(graph);
  return (
    <div class="graph-card card">
      <div class="graph-bar">
        <span class="graph-tools">
          <ZoomButtons zoom={zoom} setZoom={setZoom} fit={fit} />
        </span>
      </div>
      <div class="graph-box" ref={box} {...pan}>
        <GraphPicture
          graph={graph}
          zoom={zoom}
          selected={own}
          found={null}
          onSelect={(path) => void (location.hash = linkOf(path))}
          onTurn={() => undefined}
          box={box}
          stateOf={() => undefined}
          wordsOf={(path) => {
            const { layer, domain, table } = keyOfPath(path);
            return { name: table, note: `${layer} · ${domain}`, title: path };
          }}
        />
      </div>
    </div>
  );
}

const columns: readonly Column<LakeLineageEdge>[] = [
  { name: t('From'), cell: (edge) => <a href={linkOf(edge.from)}><PathName name={edge.from} /></a> },
  { name: t('Its version'), number: true, cell: (edge) => edge.from_version ?? '–' },
  { name: t('To'), cell: (edge) => <a href={linkOf(edge.to)}><PathName name={edge.to} /></a> },
  { name: t('Made by'), cell: (edge) => <Maker of={edge} /> },
];

export function LakeLineageView({ of, version, names }: { of: LakeKey; version: number | null; names: readonly string[] }) {
  const [search, change] = useSearch();
  const asked = countOf(search, 'depth', usualDepth);
  const depth = depths.includes(asked) ? asked : usualDepth;
  const column = search.get('column') ?? '';
  const lineage = useResource((signal) => api.lakeLineage(of, depth, column, signal), [of.layer, of.domain, of.table, depth, column, version]);
  return (
    <>
      <div class="toolbar">
        <Choice
          label={t('How far')}
          value={depth === usualDepth ? '' : String(depth)}
          all={t('{count} steps', { count: usualDepth })}
          choices={depths.map((one) => ({ id: String(one), name: one === 1 ? t('one step') : t('{count} steps', { count: one }) }))}
          onChange={(next) => change({ depth: next })}
        />
        <Choice
          label={t('Column')}
          value={column}
          all={t('The whole table')}
          choices={names.map((name) => ({ id: name, name }))}
          onChange={(next) => change({ column: next })}
        />
      </div>
      <Loaded of={lineage}>
        {(data) =>
          data.columns ? (
            <LakeColumnWays of={of} column={column} lineage={data.columns} />
          ) : data.edges.length === 0 && data.hidden === 0 ? (
            <Empty>{t('No run has told what this table is made of, or made another of it.')}</Empty>
          ) : (
            <>
              {data.edges.length > 0 && <Picture of={of} lineage={data} />}
              {data.hidden > 0 && <p class="muted lake-note">{t('Tables that you may not see end the way: {count}', { count: number(data.hidden) })}</p>}
              {data.more && <p class="muted lake-note">{t('There are tables farther away.')}</p>}
              <SimpleTable rows={data.edges} columns={columns} keyOf={(edge) => `${edge.from}\n${edge.to}\n${edge.dag_id}\n${edge.task_id}`} empty={t('Nothing that you may see.')} />
            </>
          )
        }
      </Loaded>
    </>
  );
}
