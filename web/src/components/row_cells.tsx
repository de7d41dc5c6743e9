// What tables of rows from the lake share: texts of values, which columns are numbers, and the names above them.
import { jsonText } from '../lib/exact_json';

export const lineLength = 40; // a UUID, a time and most names have room

export const textOf = (value: unknown) => (typeof value === 'string' ? value : jsonText(value));
export const fitsLine = (text: string) => text.length <= lineLength && !/[\r\n]/.test(text);

const isNumber = (value: unknown) => typeof value === 'number' || typeof value === 'bigint';

// The class of each column's cells.
export const kindsOf = (columns: readonly string[], rows: readonly (readonly unknown[])[]) =>
  columns.map((_, at) => (rows.some((row) => isNumber(row[at])) ? 'number' : undefined));

export function ColumnHeads({ names, kinds }: { names: readonly string[]; kinds: (string | undefined)[] }) {
  return (
    <>
      {names.map((name, at) => (
        <th key={at} scope="col" class={kinds[at]} title={name.length > lineLength ? name : undefined}>
          {name}
        </th>
      ))}
    </>
  );
}
