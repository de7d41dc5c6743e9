import { describe, expect, test } from 'vitest';
import { ApiError } from '../src/api/client';
import { bodyOf, problemsFrom, problemsOf, type EditField } from '../src/lib/edit_form';

const fields: readonly EditField[] = [
  { name: 'name', title: 'Name', kind: 'text', required: true, isKey: true },
  { name: 'slots', title: 'Slots', kind: 'integer' },
  { name: 'extra', title: 'Extra', kind: 'json' },
  { name: 'rights', title: 'Rights', kind: 'lines' },
];

describe('a form', () => {
  test('says what is needed, no number or no JSON', () => {
    expect(problemsOf(fields, { name: ' ', slots: '1.5', extra: '{' })).toMatchObject({ name: 'is needed', slots: 'must be a whole number' });
    expect(problemsOf(fields, { extra: '{' })['extra']).toMatch(/^is not valid JSON/);
    expect(problemsOf(fields, { name: 'a', slots: '-1', extra: '{"a":1}' })).toEqual({});
  });
  test('of a new thing sends what is written', () => {
    expect(bodyOf(fields, { name: 'a', slots: ' 7', extra: '', rights: ' read x \n\n edit y ' }, null)).toEqual({ name: 'a', slots: 7, rights: ['read x', 'edit y'] });
  });
  test('of one that is there sends what has changed, an emptied field too', () => {
    const before = { name: 'a', slots: '7', extra: '{}', rights: 'read x' };
    expect(bodyOf(fields, before, before)).toEqual({});
    expect(bodyOf(fields, { ...before, slots: '', rights: '' }, before)).toEqual({ slots: null, rights: [] });
  });
  test('puts what the server refuses to the field that it names', () => {
    const error = new ApiError(422, 'a; b; c', [{ loc: ['body', 'slots'], msg: 'a' }, { loc: ['body', 'slots'], msg: 'b' }, { loc: ['body', 'other'], msg: 'c' }]);
    expect(problemsFrom(error, fields, true)).toEqual({ slots: 'a; b', '': 'c' });
    expect(problemsFrom(new Error('gone'), fields, true)).toEqual({ '': 'gone' });
  });
  test('of a new thing that there is already is wrong at the name that it is known by', () => {
    const error = new ApiError(409, "pool 'a' exists");
    expect(problemsFrom(error, fields, true)).toEqual({ name: "pool 'a' exists" });
    expect(problemsFrom(error, fields, false)).toEqual({ '': "pool 'a' exists" });
  });
});
