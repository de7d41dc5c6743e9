import { describe, expect, test } from 'vitest';
import { appendPage, chunkLines, emptyTail, maxLines } from '../src/lib/log_tail';

const page = (texts: string[], token: string | null = 't') => ({
  content: texts.map((event) => ({ timestamp: '2024-05-01T12:00:00Z', level: 'info', event })),
  continuation_token: token,
});
const many = (amount: number) => Array.from({ length: amount }, (_, at) => `line ${at}`);

describe('appendPage', () => {
  test('numbers lines through pages and remembers the token', () => {
    const tail = appendPage(appendPage(emptyTail, page(['a', 'b'], '1')), page(['c'], '2'));
    expect(tail.chunks.flat().map((line) => [line.number, line.text])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(tail).toMatchObject({ token: '2', complete: false, total: 3 });
  });
  test('the last page has no token', () => {
    expect(appendPage(emptyTail, page(['a'], null)).complete).toBe(true);
  });
  test('a full chunk stays the same object', () => {
    const first = appendPage(emptyTail, page(many(chunkLines + 5)));
    const second = appendPage(first, page(['more']));
    expect(second.chunks[0]).toBe(first.chunks[0]);
    expect(second.chunks[1]).not.toBe(first.chunks[1]);
  });
  test('keeps a bounded tail and counts what it dropped', () => {
    let tail = emptyTail;
    for (let at = 0; at < 5; at += 1) tail = appendPage(tail, page(many(maxLines / 4)));
    expect(tail.total).toBe((maxLines / 4) * 5);
    expect(tail.chunks.flat().length + tail.hidden).toBe(tail.total);
    expect(tail.chunks.flat().length).toBeLessThanOrEqual(maxLines);
  });
  test('no level, several lines in one record, unknown levels, terminal codes', () => {
    const tail = appendPage(emptyTail, {
      content: [{ timestamp: null, event: 'plain' }, { timestamp: null, level: 'WARN', event: '\u001b[31mtwo\nlines\u001b[0m\n' }, { timestamp: null, level: 'odd', event: 'x' }],
      continuation_token: null,
    });
    expect(tail.chunks.flat().map((line) => [line.level, line.text])).toEqual([
      ['info', 'plain'],
      ['warning', 'two'],
      ['warning', 'lines'],
      ['info', 'x'],
    ]);
  });
  test('a line of megabytes is cut, and says by how much', () => {
    const tail = appendPage(emptyTail, page(['x'.repeat(2_000_000)]));
    expect(tail.chunks[0]?.[0]?.text.length).toBeLessThan(11_000);
    expect(tail.chunks[0]?.[0]?.text).toContain('… 1990000 more characters');
  });
});
