import { describe, expect, test } from 'vitest';
import { orderBody, orderProblem, orderTold, sentColumns } from '../src/lib/orders';
import { lettersLink, parseRoute } from '../src/lib/route';

const set = (column: string, text = 'BR', isEmpty = false) => ({ column, text, isEmpty });

describe('an order for rows in quarantine', () => {
  test('names the rows that were chosen, else what they have in common, else says all', () => {
    expect(orderBody('replay', { rows: ['a'], reason: 'bad_id', run: 'r1' }, [], '', '')).toEqual({ action: 'replay', rows: ['a'] });
    expect(orderBody('replay', { rows: [], reason: 'bad_id', run: 'r1' }, [], '', 'shop')).toEqual({ action: 'replay', reason: 'bad_id', run_id: 'r1', dag_id: 'shop' });
    expect(orderBody('discard', { rows: [], reason: null, run: null }, [set('x')], 'tests', '')).toEqual({ action: 'discard', all: true, note: 'tests' });
  });
  test('of repair has texts by column, and null where there is to be no value', () => {
    const values = [set('country'), set('note', 'x', true)];
    expect(orderBody('repair', { rows: ['a'], reason: null, run: null }, values, '', '')).toEqual({ action: 'repair', rows: ['a'], set: { country: 'BR', note: null } });
  });
  test('is not sent without its note, its column, or with two values for one', () => {
    expect(orderProblem('discard', [], ' ')).toMatch(/why the rows/);
    expect(orderProblem('repair', [set('')], '')).toMatch(/Choose the column/);
    expect(orderProblem('repair', [set('a'), set('a')], '')).toMatch(/one value/);
    expect(orderProblem('replay', [], '')).toBeNull();
  });
  test('gives values to columns of the source alone, and to none that is masked', () => {
    expect(sentColumns(['id', 'mail', 'reason', '_row_id', '_status', 'run_id'], ['mail'])).toEqual(['id']);
  });
});

describe('what the run of an order told', () => {
  const told = { verb: 'repair', chosen: 3, published: 2, kept: 1, superseded: 0, more: 4, rows: [{ row: 'a', outcome: 'kept', reasons: 'bad_id' }] };
  test('is counted by outcome, as an object or as its text', () => {
    expect(orderTold(told)).toMatchObject({ chosen: 3, more: 4, doneBefore: false, counts: [{ outcome: 'published', rows: 2 }, { outcome: 'kept', rows: 1 }] });
    expect(orderTold(JSON.stringify(told))?.rows).toHaveLength(1);
  });
  test('is nothing where the run returned something else', () => {
    for (const other of [null, 7, 'text', { rows: 3 }]) expect(orderTold(other)).toBeNull();
  });
});

test('dead letters have a place of their own, and one for each contract', () => {
  expect(parseRoute('#/lake/dead-letters')).toEqual({ view: 'letter_topics' });
  expect(parseRoute(lettersLink({ domain: 'shop', table: 'a/b' }))).toEqual({ view: 'letters', domain: 'shop', table: 'a/b' });
  expect(parseRoute('#/lake/dead-letters/shop')).toEqual({ view: 'unknown' });
});
