import { expect, test } from 'vitest';
import { typeOf, typesOf } from '../api_types.mjs';

const ref = { $ref: '#/components/schemas/DAG' };

test('every shape of the document has its type', () => {
  expect(typeOf({ type: 'string', format: 'date-time' })).toBe('string');
  expect(typeOf({ type: ['integer', 'null'] })).toBe('number | null');
  expect(typeOf({ type: 'string', enum: ['a', null] })).toBe("'a' | null");
  expect(typeOf({ type: 'array', items: { type: ['string', 'null'] } })).toBe('(string | null)[]');
  expect(typeOf({ type: 'array', items: { type: 'object' } })).toBe('Record<string, unknown>[]');
  expect(typeOf({ anyOf: [ref, { type: 'null' }] })).toBe('DAG | null');
  expect(typeOf({})).toBe('unknown');
  expect(() => typeOf({ type: 'tuple' })).toThrow('tuple');
});

test('an object keeps which members are not always there', () => {
  const schema = { type: 'object', required: ['a'], properties: { a: ref, b: { type: 'boolean' } } };
  expect(typesOf({ components: { schemas: { X: schema } } })).toContain('export interface X {\n  a: DAG; b?: boolean;\n}\n');
});
