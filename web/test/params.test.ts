import { describe, expect, test } from 'vitest';
import { confOf, fieldsOf, parseField, problemsByField, utcOf, withBreaksOf, type Field } from '../src/lib/params';

const field = (param: unknown): Field => fieldsOf({ p: param })[0] as Field;

describe('fieldsOf', () => {
  test('reads the API form: value, schema, description', () => {
    const one = field({ value: 3, description: 'How many', schema: { type: 'integer', minimum: 1, maximum: 9 } });
    expect(one).toMatchObject({ kind: 'integer', initial: '3', description: 'How many', minimum: 1, maximum: 9 });
  });
  test('reads a schema with its default, and a bare value', () => {
    expect(field({ type: 'string', default: 'x' })).toMatchObject({ kind: 'text', initial: 'x' });
    expect(field(true)).toMatchObject({ kind: 'boolean', initial: 'true' });
    expect(field(1.5)).toMatchObject({ kind: 'number', initial: '1.5' });
    expect(field(['a', 'b'])).toMatchObject({ kind: 'list', initial: 'a\nb' });
  });
  test('an array of anything but strings and an object are JSON', () => {
    expect(field({ type: 'array', items: { type: 'integer' }, default: [1] }).kind).toBe('json');
    expect(field({ value: [{ a: 1 }], schema: { type: 'array' } }).kind).toBe('json');
    expect(field({ type: 'object', default: { a: 1 } })).toMatchObject({ kind: 'json' });
  });
  test('an enum is a choice, whatever its values are', () => {
    expect(field({ type: 'integer', enum: [1, 2], default: 2 })).toMatchObject({ kind: 'choice', initial: '2' });
    expect(field({ enum: ['a', 'b'], default: 'a' })).toMatchObject({ kind: 'choice', initial: '"a"' });
  });
  test('without a default it is needed, unless null is allowed', () => {
    expect(field({ value: null, schema: { type: 'string' } }).required).toBe(true);
    expect(field({ type: ['string', 'null'] })).toMatchObject({ required: false, nullable: true });
  });
  test('a default that a program is asked for is told as that, and left to it', () => {
    const asked = { $command: ['/usr/bin/date', '+%F'] };
    expect(field({ value: asked, schema: { type: 'string' } })).toMatchObject({ kind: 'text', initial: '', required: false, program: '/usr/bin/date +%F' });
    const fields = fieldsOf({ day: { value: asked, schema: { type: 'string' } }, on: { default: asked, type: 'boolean' }, bare: asked });
    expect(confOf(fields, { day: ' ' }).conf).toEqual({});
    expect(confOf(fields, { day: '2024-05-01', on: 'false' }).conf).toEqual({ day: '2024-05-01', on: false });
  });
  test('no params, no fields', () => {
    expect(fieldsOf(null)).toEqual([]);
  });
});

describe('parseField', () => {
  test('numbers keep their bounds', () => {
    const one = field({ type: 'integer', default: 1, minimum: 0, maximum: 5 });
    expect(parseField(one, ' 4 ')).toEqual({ value: 4 });
    expect(parseField(one, '4.5')).toHaveProperty('problem');
    expect(parseField(one, '6')).toEqual({ problem: 'Must be at most 5.' });
    expect(parseField(one, 'x')).toEqual({ problem: 'Must be a number.' });
    expect(parseField(one, '9007199254740993')).toHaveProperty('problem');
  });
  test('a list has one entry per line, blanks aside', () => {
    expect(parseField(field(['a']), ' PETR4 \n\nVALE3\n')).toEqual({ value: ['PETR4', 'VALE3'] });
  });
  test('an empty needed field is a problem, an empty nullable one is null', () => {
    expect(parseField(field({ type: 'integer' }), ' ')).toEqual({ problem: 'Needs a value.' });
    expect(parseField(field({ type: ['integer', 'null'] }), '')).toEqual({ value: null });
    expect(parseField(field({ type: 'integer', default: 1 }), '')).toEqual({ absent: true });
  });
  test('a choice gives back the value, not its text', () => {
    expect(parseField(field({ enum: [1, 'one', null], default: 1 }), '1')).toEqual({ value: 1 });
    expect(parseField(field({ enum: [1, 'one'], default: 1 }), '"one"')).toEqual({ value: 'one' });
  });
});

test('conf holds what is right and problems what is not', () => {
  const fields = fieldsOf({ n: { type: 'integer', default: 1 }, s: { type: 'string', default: '' } });
  const { conf, problems } = confOf(fields, { n: 'x', s: 'y' });
  expect({ ...conf }).toEqual({ s: 'y' });
  expect(problems).toEqual({ n: 'Must be a number.' });
});

test('a param named __proto__ is only a param', () => {
  const fields = fieldsOf(JSON.parse('{"__proto__": {"type": "string", "default": "x"}}') as Record<string, unknown>);
  expect(JSON.stringify(confOf(fields, {}).conf)).toBe('{"__proto__":"x"}');
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test('a UTC control becomes an ISO time', () => {
  expect(utcOf('')).toBe('');
  expect(utcOf('2024-05-01T13:00')).toBe('2024-05-01T13:00:00Z');
  expect(utcOf('2024-05-01T13:00:07')).toBe('2024-05-01T13:00:07Z');
});

test('a 422 is sorted to the fields it names, the rest comes first', () => {
  const problems = [
    { loc: ['body', 'conf', 'tickers'], msg: 'must be an array' },
    { loc: ['body', 'conf', 'tickers', 0], msg: 'must be a string' },
    { loc: ['body', 'logical_date'], msg: 'is not a time' },
  ];
  expect(problemsByField(problems, ['tickers'])).toEqual({
    tickers: 'must be an array must be a string',
    '': 'logical_date: is not a time',
  });
});

describe('values that a form must not change', () => {
  test('whole numbers above 2^53 are taken and kept to the last digit, up to 64 bits', () => {
    const one = field({ type: 'integer', default: 9007199254740993n });
    expect(one).toMatchObject({ kind: 'integer', initial: '9007199254740993' });
    expect(parseField(one, '9223372036854775807')).toEqual({ value: 9223372036854775807n });
    expect(parseField(one, '-9223372036854775808')).toEqual({ value: -9223372036854775808n });
    expect(parseField(one, '18446744073709551616')).toHaveProperty('problem');
    expect(parseField({ ...one, maximum: 9007199254740995n }, '9007199254740996')).toHaveProperty('problem');
  });
  test('a password is a text that is not shown', () => {
    expect(field({ type: 'string', format: 'password' })).toMatchObject({ kind: 'text', secret: true, required: true, initial: '' });
    expect(field({ type: ['string', 'null'], format: 'password', default: null })).toMatchObject({ secret: true, required: false });
    expect(field({ type: 'string', default: 'a' }).secret).toBe(false);
  });
  test('a text with line breaks is a text of several lines, and keeps its kind of breaks', () => {
    expect(field('a\nb')).toMatchObject({ kind: 'text', multiline: true });
    expect(field({ type: 'string', format: 'multiline', default: '' }).multiline).toBe(true);
    expect(field('a').multiline).toBe(false);
    expect(withBreaksOf('a\r\nb', 'a\nb\nc')).toBe('a\r\nb\r\nc');
    expect(withBreaksOf('a\nb', 'a\nb\nc')).toBe('a\nb\nc');
    expect(withBreaksOf('a\r\nb\nc', 'a\nb\nc')).toBe('a\nb\nc');
  });
  test('a list whose entries are no plain lines is written as JSON', () => {
    for (const value of [['a\nb'], [' a'], [''], ['a', 'b\r']]) expect(field({ value, schema: { type: 'array' } }).kind).toBe('json');
    expect(field({ value: [], schema: { type: 'array', items: { type: 'string' } } }).kind).toBe('list');
  });
  test('what nobody touched is sent as it stands in the DAG', () => {
    const params = {
      flag: { type: ['boolean', 'null'], default: null },
      text: { type: ['string', 'null'], default: '' },
      large: 9007199254740993n,
      deep: { type: 'object', default: { n: 9007199254740993n } },
    };
    expect({ ...confOf(fieldsOf(params), {}).conf }).toEqual({ flag: null, text: '', large: 9007199254740993n, deep: { n: 9007199254740993n } });
  });
});
