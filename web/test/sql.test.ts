import { describe, expect, test } from 'vitest';
import { ApiError, errorFrom } from '../src/api/client';
import { askedBy, csvOf, cutWords, insertName, jsonOf, namedIn, positionOf, rangeOf, remember, sqlName } from '../src/lib/sql';
import { chartOf, linePath, mostBars, numberColumns, roundAxis } from '../src/lib/sql_chart';
import { parseRoute } from '../src/lib/route';

test('a table is named by its parts, or in quotes where one of them is no plain name', () => {
  expect(sqlName({ layer: 'gold', domain: 'shop', table: 'orders_2' })).toBe('gold.shop.orders_2');
  expect(sqlName({ layer: 'gold', domain: 'my-shop', table: 'orders' })).toBe('"gold/my-shop/orders"');
});

test('a name goes in place of what is chosen, apart from the words beside it', () => {
  expect(insertName('SELECT * FROM ', 14, 14, 'a.b.c')).toEqual({ text: 'SELECT * FROM a.b.c', caret: 19 });
  expect(insertName('FROM x WHERE', 5, 6, 'a.b.c').text).toBe('FROM a.b.c WHERE');
  expect(insertName('FROMWHERE', 4, 4, 'a.b.c')).toEqual({ text: 'FROM a.b.c WHERE', caret: 10 });
});

describe('an error', () => {
  const told = (ctx: unknown) => errorFrom(422, { detail: [{ type: 'sql_error', loc: ['body', 'sql'], msg: 'wrong', ctx }] });
  test('has its place where the server tells one', () => {
    expect(positionOf(told({ line: 2, column: 8 }))).toEqual({ line: 2, column: 8 });
    expect(positionOf(told({ line: 2, column: null }))).toEqual({ line: 2, column: null });
    expect(positionOf(told(undefined))).toBeNull();
    expect(positionOf(new ApiError(403, 'no'))).toBeNull();
  });
  test('is chosen in the text: the word, or the line', () => {
    const text = 'SELECT 1,\n  nothing FROM x';
    expect(text.slice(...rangeOf(text, { line: 2, column: 3 }))).toBe('nothing');
    expect(text.slice(...rangeOf(text, { line: 1, column: null }))).toBe('SELECT 1,');
    const wide = "SELECT '😀', nothing";
    expect(wide.slice(...rangeOf(wide, { line: 1, column: 13 }))).toBe('nothing');
    expect(rangeOf('a', { line: 9, column: 9 })).toEqual([2, 2]);
  });
});

describe('a result as a file', () => {
  const result = { columns: ['id', 'a,b'], rows: [[1n, 'x'], [null, ''], [true, 'say "hi"\n'], [1.5, [1, null]]] };
  test('is CSV that tells NULL from the empty text', () => {
    expect(csvOf(result)).toBe('id,"a,b"\r\n1,x\r\n,""\r\ntrue,"say ""hi""\n"\r\n1.5,"[1,null]"\r\n');
  });
  test('is JSON with every digit and every column, also of one name', () => {
    const text = jsonOf({ columns: ['n', 'n', 'n_1'], rows: [[9007199254740993n, 2, 3]] });
    expect(text).toContain('9007199254740993');
    expect(Object.keys((JSON.parse(text) as Record<string, unknown>[])[0] ?? {})).toEqual(['n', 'n_2', 'n_1']);
  });
});

test('an answer without its first row is not told as one that has rows, nor as one that there are none of', () => {
  expect(cutWords({ row_count: 0, cut_by: 'bytes' })).toContain('The first row is too large');
  expect(cutWords({ row_count: 2086, cut_by: 'bytes' })).toContain('first 2,086 rows');
  expect(cutWords({ row_count: 1000, cut_by: 'rows' })).toContain('Ask for more rows');
});

test('what was asked is kept by user, once each, the newest first, and not without end', () => {
  for (let at = 0; at < 60; at += 1) remember('ana', { sql: `SELECT ${at}`, at: '', rows: at });
  remember('ana', { sql: 'SELECT 58', at: '', rows: null });
  expect(askedBy('ana').length).toBe(50);
  expect(askedBy('ana').slice(0, 2).map((one) => one.sql)).toEqual(['SELECT 58', 'SELECT 59']);
  expect(askedBy('eve')).toEqual([]);
});

test('the SQL page has its address beside the tables', () => {
  expect(parseRoute('#/lake/sql?sql=SELECT%201')).toEqual({ view: 'lake_sql' });
});

test('the tables that a statement names are found by whole names alone', () => {
  const tables = new Map([['silver.shop.orders', 1], ['silver.shop.order', 2], ['"gold/my shop/sales"', 3]]);
  expect(namedIn('SELECT * FROM silver.shop.orders o JOIN "gold/my shop/sales" USING (id)', tables).map(([, id]) => id)).toEqual([1, 3]);
  expect(namedIn('', tables)).toEqual([]);
});

describe('a chart of rows', () => {
  const sales = { columns: ['day', 'sold', 'paid', 'note', 'sold'], rows: [['2026-01-03', 3n, '1.50', 'x', 1], ['2026-01-01', null, '-2.00', null, 2], ['2026-01-02', 1, null, '7', 3]] };
  test('offers columns of numbers alone, decimals too, each name once', () => {
    expect(numberColumns(sales)).toEqual(['sold', 'paid']);
    expect(numberColumns({ columns: ['a'], rows: [[null]] })).toEqual([]);
  });
  test('has bars in the order of the rows, and tells what it lacks', () => {
    const chart = chartOf(sales, 'bars', 'day', 'sold');
    expect(chart.points.map(({ row, label, value }) => [row, label, value])).toEqual([[0, '2026-01-03', 3], [2, '2026-01-02', 1]]);
    expect([chart.without, chart.beyond]).toEqual([1, 0]);
    const many = { columns: ['n'], rows: Array.from({ length: mostBars + 7 }, (_, at) => [at]) };
    expect(chartOf(many, 'bars', '', 'n').beyond).toBe(7);
    expect(chartOf(many, 'line', '', 'n').points.length).toBe(mostBars + 7);
  });
  test('has a line whose points stand where their times are', () => {
    const days = { columns: ['day', 'n'], rows: [['2026-01-11', 3], ['2026-01-01', 1], ['2026-01-02', 2]] };
    expect(chartOf(days, 'line', 'day', 'n').points.map(({ at, value }) => [Number(at.toFixed(2)), value])).toEqual([[0, 1], [0.1, 2], [1, 3]]);
    expect(chartOf({ columns: ['who', 'n'], rows: [['b', 1], ['a', 2]] }, 'line', 'who', 'n').points.map((one) => one.value)).toEqual([1, 2]);
  });
  test('has a line that is broken where a row has no number, also over times', () => {
    const path = (rows: unknown[][], across: string) => linePath(chartOf({ columns: ['day', 'n'], rows }, 'line', across, 'n').points, (at) => at * 10, (value) => value);
    expect(path([['a', 1], ['b', 2], ['c', null], ['d', 3], ['e', 4]], '')).toBe('M1.0 1.0L3.0 2.0h0M7.0 3.0L9.0 4.0h0');
    expect(path([['2026-01-03', null], ['2026-01-01', 1], ['2026-01-05', 3], [null, null], ['2026-01-02', 2]], 'day')).toBe('M0.0 1.0L2.5 2.0h0M10.0 3.0h0');
    expect(path([['a', 1]], '')).toBe('M5.0 1.0h0');
  });
  test('has round amounts at its axis, evenly apart, with zero among them', () => {
    expect(roundAxis([0, 7])).toEqual([0, 2, 4, 6, 8]);
    expect(roundAxis([-3, 5])).toEqual([-4, -2, 0, 2, 4, 6]);
    expect(roundAxis([-8, -1])).toEqual([-8, -6, -4, -2, 0]);
    expect(roundAxis([0])).toEqual([0, 0.5, 1]);
    expect(roundAxis([0.03])).toEqual([0, 0.01, 0.02, 0.03]);
  });
});
