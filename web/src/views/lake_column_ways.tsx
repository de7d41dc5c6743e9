// The ways of one column: the source's field, the columns that it comes of and those that are made of it.
import { useMemo } from 'preact/hooks';
import type { LakeColumnEdge, LakeColumnLineage, LakeKey } from '../api/types';
import { GraphPicture } from '../components/graph_picture';
import { PathName } from '../components/path_name';
import { SimpleTable, type Column } from '../components/simple_table';
import { ZoomButtons } from '../components/zoom_buttons';
import { layoutGraph } from '../lib/graph';
import { number } from '../lib/format';
import { lakeLink } from '../lib/route';
import { useGraphBox } from '../lib/use_graph_box';
import { t } from '../lib/words';

interface Box {
  table: string; // empty: the source's field
  column: string;
  note: string;
  below: Set<string>;
}

const idOf = (table: string, column: string) => `${table}/${column}`;

export const columnLink = (path: string, column: string): string => {
  const [layer = '', domain = '', table = ''] = path.split('/');
  return lakeLink({ layer, domain, table }, { tab: 'lineage', column });
};

/** One box a column, and one for what the source calls a column of bronze. */
export function boxesOf(lineage: LakeColumnLineage): Map<string, Box> {
  const boxes = new Map<string, Box>();
  for (const { table, column, source } of lineage.columns) {
    boxes.set(idOf(table, column), { table, column, note: table, below: new Set() });
    if (source)
      boxes.set(`source of ${idOf(table, column)}`, {
        table: '', column: source.field, note: sourceNote(source), below: new Set([idOf(table, column)]),
      });
  }
  for (const edge of lineage.edges) boxes.get(idOf(edge.from, edge.from_column))?.below.add(idOf(edge.to, edge.to_column));
  return boxes;
}

function Picture({ of, column, lineage }: { of: LakeKey; column: string; lineage: LakeColumnLineage }) {
  const boxes = useMemo(() => boxesOf(lineage), [lineage]);
  const graph = useMemo(() => layoutGraph([...boxes].map(([id, one]) => ({ id, downstream: [...one.below] }))), [boxes]);
  const { box, zoom, setZoom, fit, pan } = useGraphBox(graph);
  const open = (id: string) => {
    const one = boxes.get(id);
    if (one && one.table !== '') location.hash = columnLink(one.table, one.column);
  };
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
          selected={idOf(`${of.layer}/${of.domain}/${of.table}`, column)}
          found={null}
          onSelect={open}
          onTurn={() => undefined}
          stateOf={() => undefined}
          wordsOf={(id) => {
            const one = boxes.get(id);
            return { name: one?.column ?? id, note: one?.note ?? '', title: one ? `${one.column} (${one.note})` : id };
          }}
        />
      </div>
    </div>
  );
}

const link = (table: string, column: string) => (
  <a href={columnLink(table, column)}>
    <PathName name={idOf(table, column)} />
  </a>
);

/** A step of the table: from a column, or from what the source calls a column of bronze. */
export type Way = Pick<LakeColumnEdge, 'from_column' | 'to' | 'to_column' | 'mask'> & {
  from: string; // empty: the source's field
  note: string; // of the source
};

const sourceNote = (source: { kind: string; server: string }) => `${t('source')} · ${source.kind} · ${source.server}`;

/** All that the picture has, for who reads the table. */
export function waysOf(lineage: LakeColumnLineage): Way[] {
  const sources = lineage.columns.flatMap(({ table, column, source }) =>
    source ? [{ from: '', from_column: source.field, to: table, to_column: column, mask: null, note: sourceNote(source) }] : [],
  );
  return [...sources, ...lineage.edges.map((edge) => ({ ...edge, note: '' }))];
}

const columns: readonly Column<Way>[] = [
  {
    name: t('From'),
    cell: (way) =>
      way.from !== '' ? link(way.from, way.from_column) : (
        <>
          {way.from_column} <span class="muted">{way.note}</span>
        </>
      ),
  },
  { name: t('To'), cell: (way) => link(way.to, way.to_column) },
  { name: t('Masked on the way'), cell: (way) => way.mask ?? '–' },
];

export function LakeColumnWays({ of, column, lineage }: { of: LakeKey; column: string; lineage: LakeColumnLineage }) {
  const unknown = lineage.columns.filter((one) => one.unknown !== null);
  return (
    <>
      <Picture of={of} column={column} lineage={lineage} />
      {lineage.hidden > 0 && <p class="muted lake-note">{t('Tables that you may not see end the way: {count}', { count: number(lineage.hidden) })}</p>}
      {lineage.more && <p class="muted lake-note">{t('There are columns farther away.')}</p>}
      {unknown.length + lineage.untold.length > 0 && (
        <div class="muted lake-note">
          <p>{t('Not known:')}</p>
          <ul>
            {unknown.map((one) => (
              <li key={idOf(one.table, one.column)}>{t('where {column} comes from: {why}', { column: idOf(one.table, one.column), why: one.unknown ?? '' })}</li>
            ))}
            {lineage.untold.map((one) => (
              <li key={one.table}>{t('whether {table} has it: {why}', { table: one.table, why: one.why })}</li>
            ))}
          </ul>
        </div>
      )}
      <SimpleTable
        rows={waysOf(lineage)}
        columns={columns}
        keyOf={(way) => `${idOf(way.from, way.from_column)}\n${idOf(way.to, way.to_column)}`}
        empty={t('No other column of the lake that you may see.')}
      />
    </>
  );
}
