import { describe, expect, test } from 'vitest';
import { jsonText, parseJson } from '../src/lib/exact_json';

const large = '9007199254740993';

describe('parseJson', () => {
  test('whole numbers above 2^53 keep every digit', () => {
    expect(parseJson(`{"a": ${large}, "b": [-${large}, 1, 9223372036854775807]}`)).toEqual({
      a: 9007199254740993n,
      b: [-9007199254740993n, 1, 9223372036854775807n],
    });
    expect(parseJson(large)).toBe(9007199254740993n);
  });
  test('digits inside of texts and names stay texts, escapes included', () => {
    const text = JSON.stringify({ [large]: large, quote: `"${large}`, slash: `\\${large}\\` });
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });
  test('fractions, exponents and small numbers are as ever', () => {
    expect(parseJson('[0.12345678901234567, 1e20, 9007199254740991, -0.5]')).toEqual([0.12345678901234567, 1e20, 9007199254740991, -0.5]);
  });
  test('what is no JSON is refused, large numbers or not', () => {
    for (const bad of ['', '{', `[${large}`, `0${large}`, `{${large}: 1}`]) expect(() => parseJson(bad)).toThrow(SyntaxError);
  });
  test('a name as __proto__ is only a name', () => {
    const value = parseJson(`{"__proto__": ${large}}`) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
  });
});

describe('jsonText', () => {
  test('writes as JSON.stringify does, indented or not', () => {
    const value = { a: [1, 'x\n', null, [], {}], b: { c: true, d: undefined }, 'e"': 0.1 };
    expect(jsonText(value)).toBe(JSON.stringify(value));
    expect(jsonText(value, 2)).toBe(JSON.stringify(value, null, 2));
    expect(jsonText(undefined)).toBe('null');
  });
  test('a large number comes out as it came in', () => {
    const text = `{"a":${large},"b":[-18446744073709551615]}`;
    expect(jsonText(parseJson(text))).toBe(text);
  });
});
