import { useEffect } from 'preact/hooks';
import type { Noun } from '../lib/format';
import { useResource, usePage } from '../lib/hooks';
import type { Rows } from '../lib/pages';
import { t } from '../lib/words';
import { Loaded } from './loaded';
import { Pager } from './pager';
import { SimpleTable, type Column } from './simple_table';

interface Props<T> {
  read: (page: { limit: number; offset: number }, signal: AbortSignal) => Promise<Rows<T>>;
  columns: readonly Column<T>[];
  keyOf: (row: T) => string | number;
  empty: string;
  noun: Noun;
  everyMs?: number; // read again as often
  stamp?: number; // another one: what is there has changed
}

const size = 50;

/** A list of the API, a page at a time; the page stands in the address. */
export function PagedTable<T>({ read, columns, keyOf, empty, noun, everyMs, stamp }: Props<T>) {
  const [offset, move] = usePage(size);
  const page = useResource((signal) => read({ limit: size, offset }, signal), [offset]);
  const { reload } = page;
  useEffect(() => {
    if (stamp !== undefined && stamp > 0) reload();
  }, [reload, stamp]);
  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const timer = setInterval(reload, everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
  return (
    <Loaded of={page}>
      {({ rows, total }) => (
        <>
          <SimpleTable rows={rows} columns={columns} keyOf={keyOf} empty={offset > 0 ? t('Nothing is on this page.') : empty} />
          <Pager offset={offset} limit={size} total={total} noun={noun} onMove={move} />
        </>
      )}
    </Loaded>
  );
}
