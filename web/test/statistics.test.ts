import { expect, test } from 'vitest';
import { mostColumns, statisticsOf, statisticsSql } from '../src/lib/statistics';

const orders = { layer: 'silver', domain: 'shop', table: 'orders' };

test('the values of each column are told by one SELECT, nested ones without bounds, names as they are', () => {
  const sql = statisticsSql(orders, [
    { name: 'say "id"', type: 'long' },
    { name: 'parts', type: 'array<string>' },
  ]);
  expect(sql).toContain('count("say ""id""")');
  expect(sql).toContain('max("say ""id""")');
  expect(sql).not.toContain('min("parts")');
  expect(sql.match(/UNION ALL/g)).toHaveLength(1);
});

test('no more columns are read than are shown', () => {
  const many = Array.from({ length: mostColumns + 1 }, (_, at) => ({ name: `c${at}`, type: 'long' }));
  expect(statisticsSql(orders, many).match(/UNION ALL/g)).toHaveLength(mostColumns - 1);
});

test('an answer is put beside the names of the columns', () => {
  expect(statisticsOf({ rows: [[1, 4, 1, 3, 'a', 'c'], [0, 4, 0, null, null, null]] }, [{ name: 'id' }, { name: 'note' }])).toEqual([
    { name: 'note', total: 4, empty: 1, different: 3, least: 'a', greatest: 'c' },
    { name: 'id', total: 4, empty: 0, different: null, least: null, greatest: null },
  ]);
});
