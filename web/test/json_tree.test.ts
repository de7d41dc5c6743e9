import { expect, test } from 'vitest';
import { childrenOf, hidesSecrets, isOpenAtFirst, kindOf, summaryText } from '../src/lib/json_tree';

test('a value holds what it holds, in its order, and a plain one holds nothing', () => {
  expect(childrenOf({ b: 1, a: [2] })).toEqual([{ name: 'b', value: 1 }, { name: 'a', value: [2] }]);
  expect(childrenOf(['x', null])).toEqual([{ name: '0', value: 'x' }, { name: '1', value: null }]);
  for (const plain of ['text', 1, 2n ** 60n, true, null, undefined]) expect(childrenOf(plain)).toEqual([]);
});

test('what a value is decides how it is drawn', () => {
  expect([{}, [], '', 1, 2n, true, null].map(kindOf)).toEqual(['object', 'array', 'string', 'number', 'number', 'word', 'word']);
  expect([summaryText([1, 2]), summaryText({ a: 1 })]).toEqual(['list of 2', 'object of 1']);
});

test('a value that hides secrets is known, however deep they lie', () => {
  expect([hidesSecrets({ a: [{ url: 'https://u:***@h' }] }), hidesSecrets('***'), hidesSecrets({ a: ['**'] }), hidesSecrets(null)]).toEqual([true, true, false, false]);
});

test('what is small is open at first, and not too deep', () => {
  const large = Array.from({ length: 31 }, (_, at) => at);
  expect([isOpenAtFirst({ a: 1 }, 0), isOpenAtFirst({ a: 1 }, 1), isOpenAtFirst({ a: 1 }, 2), isOpenAtFirst(large, 0)]).toEqual([true, true, false, false]);
});
