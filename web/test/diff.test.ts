import { describe, expect, test } from 'vitest';
import { countChanges, diffLines, foldSame, linesOf, type DiffLine } from '../src/lib/diff';
import { jsonTokens } from '../src/lib/json_tokens';

const signs = { same: ' ', gone: '-', new: '+' };
const seen = (lines: readonly DiffLine[]) => lines.map((line) => signs[line.kind] + line.text);
const before = (lines: readonly DiffLine[]) => lines.filter((line) => line.kind !== 'new');
const after = (lines: readonly DiffLine[]) => lines.filter((line) => line.kind !== 'gone');

describe('a comparison', () => {
  test('tells what came, what went and what stayed, with the numbers of both', () => {
    const lines = diffLines('a\nb\nc\nd\n', 'a\nx\nc\nd\ne\n');
    expect(seen(lines)).toEqual([' a', '-b', '+x', ' c', ' d', '+e']);
    expect(lines.map((line) => [line.before, line.after])).toEqual([[1, 1], [2, null], [null, 2], [3, 3], [4, 4], [null, 5]]);
    expect(countChanges(lines)).toEqual({ added: 2, gone: 1 });
  });
  test('of the same text, of an empty one and of quite another', () => {
    expect(countChanges(diffLines('a\nb', 'a\nb\n'))).toEqual({ added: 0, gone: 0 });
    expect(seen(diffLines('', 'a'))).toEqual(['-', '+a']);
    expect(seen(diffLines('a\nb', 'c'))).toEqual(['-a', '-b', '+c']);
  });
  test('leads from any text to any other', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
    for (let turn = 0; turn < 300; turn += 1) {
      const text = () => Array.from({ length: random(12) }, () => 'abc'[random(3)] ?? '');
      const [a, b] = [text(), text()];
      const lines = diffLines(a.join('\n'), b.join('\n'));
      expect(before(lines).map((line) => line.text)).toEqual(linesOf(a.join('\n')));
      expect(after(lines).map((line) => line.text)).toEqual(linesOf(b.join('\n')));
      expect(before(lines).map((line) => line.before)).toEqual(before(lines).map((_, at) => at + 1));
      expect(after(lines).map((line) => line.after)).toEqual(after(lines).map((_, at) => at + 1));
    }
  });
  test('of large texts that share nothing ends soon', () => {
    const text = (letter: string) => Array.from({ length: 8000 }, (_, at) => `${letter}${at}`).join('\n');
    expect(countChanges(diffLines(text('a'), text('b')))).toEqual({ added: 8000, gone: 8000 });
  });
  test('folds what is far from any change', () => {
    const many = Array.from({ length: 20 }, (_, at) => String(at));
    const parts = foldSame(diffLines(many.join('\n'), [...many.slice(0, 10), 'new', ...many.slice(10)].join('\n')));
    expect(parts.map((part) => [part.kind, part.lines.length])).toEqual([['folded', 7], ['lines', 7], ['folded', 7]]);
    expect(foldSame(diffLines('0\n1\n2\n3\nx', '0\n1\n2\n3\ny'))[0]?.kind).toBe('lines');
  });
});

describe('a line of JSON', () => {
  const kinds = (line: string) => jsonTokens(line).filter((token) => token.kind !== 'plain').map((token) => `${token.kind} ${token.text}`);
  test('has its keys, texts, numbers and words', () => {
    expect(kinds('  "a": "b", "n": [-1.5e3, true, null]')).toEqual(['key "a"', 'string "b"', 'key "n"', 'number -1.5e3', 'word true', 'word null']);
    expect(kinds('"a\\"b": 1')).toEqual(['key "a\\"b"', 'number 1']);
  });
  test('comes out whole, whatever it is', () => {
    for (const line of ['', '{"a": 1}', 'no "json', '<img src=x>', `"${'x'.repeat(9000)}"`]) expect(jsonTokens(line).map((token) => token.text).join('')).toBe(line);
  });
});
