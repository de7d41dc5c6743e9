import { describe, expect, test } from 'vitest';
import { stripAnsi } from '../src/lib/ansi';

describe('stripAnsi', () => {
  test('takes out colours and keeps the words', () => {
    expect(stripAnsi('\u001b[1;31mred\u001b[0m plain')).toBe('red plain');
  });
  test('takes out titles and links, however they end', () => {
    expect(stripAnsi('\u001b]0;title\u0007after')).toBe('after');
    expect(stripAnsi('\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\')).toBe('link');
  });
  test('shows of a progress line what a terminal would show last', () => {
    expect(stripAnsi('10%\r50%\r100%\r\nnext')).toBe('100%\nnext');
  });
  test('drops control characters and keeps tabs', () => {
    expect(stripAnsi('a\u0000b\u0007\tc\u009b31md')).toBe('ab\tcd');
  });
  test('makes marks that reorder text visible', () => {
    expect(stripAnsi('user\u202Enimda')).toBe('user\ufffdnimda');
  });
  test('survives an escape that never ends', () => {
    expect(stripAnsi('a\u001b[')).toBe('a');
    expect(stripAnsi(`\u001b]${'x'.repeat(100_000)}`).length).toBeLessThan(100_001);
  });
});
