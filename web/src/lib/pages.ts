// Lists that are shown whole are read page by page to their end, or to a bound that is then said.

export interface Rows<T> {
  rows: T[];
  total: number; // how many there are, whatever was read
}

export const pageSize = 1000; // the most the API gives at once

export async function everyPage<T>(
  read: (page: { limit: number; offset: number }) => Promise<Rows<T>>,
  most = 20_000,
): Promise<Rows<T>> {
  const rows: T[] = [];
  for (;;) {
    const page = await read({ limit: Math.min(pageSize, most - rows.length), offset: rows.length });
    rows.push(...page.rows);
    const total = Math.max(page.total, rows.length);
    if (page.rows.length === 0 || rows.length >= page.total || rows.length >= most) return { rows, total };
  }
}
