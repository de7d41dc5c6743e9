// What a statement may name, for completion: tables of the catalogue, and the columns of those that it names already.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { LakeTable } from '../api/types';
import type { SqlTables } from '../editor/editor';
import { useDebounced, useResource } from './hooks';
import { namedIn, sqlName } from './sql';

const mostTables = 1000; // that are offered; the others can still be written
const mostRead = 20; // tables of one statement whose columns are offered

export function useSqlSchema(sql: string): SqlTables {
  const list = useResource((signal) => api.lakeTables({ order_by: 'name', limit: mostTables }, signal), []);
  const tables = useMemo(() => new Map((list.data?.tables ?? []).map((one) => [sqlName(one), one])), [list.data]);
  const [columns, setColumns] = useState<SqlTables>({});
  const asked = useRef(new Set<string>());
  const resting = useDebounced(sql, 300);
  useEffect(() => {
    const read = async (name: string, of: LakeTable) => {
      const { columns: found } = await api.lakeTable(of);
      setColumns((old) => ({ ...old, [name]: found.map((one) => one.name) }));
    };
    for (const [name, one] of namedIn(resting, tables).slice(0, mostRead)) {
      if (asked.current.has(name)) continue;
      asked.current.add(name);
      read(name, one).catch(() => asked.current.delete(name)); // it is only not offered
    }
  }, [resting, tables]);
  return useMemo(() => Object.fromEntries([...tables.keys()].map((name) => [name, columns[name] ?? []])), [tables, columns]);
}
