import { describe, expect, test } from 'vitest';
import { inline, markdown } from '../src/lib/markdown';

describe('markdown', () => {
  test('headings, paragraphs, lists and code', () => {
    expect(markdown('# A\n\nb\nc\n\n- one\n- two\n  more\n\n1. x\n\n```sh\nls *\n```').map((block) => block.kind)).toEqual(['heading', 'paragraph', 'list', 'list', 'code']);
    expect(markdown('b\nc')).toEqual([{ kind: 'paragraph', parts: [{ kind: 'text', text: 'b c' }] }]);
    expect(markdown('- one\n  more')).toEqual([{ kind: 'list', ordered: false, items: [[{ kind: 'text', text: 'one more' }]] }]);
    expect(markdown('```\n*a*\n```')).toEqual([{ kind: 'code', text: '*a*' }]);
  });
  test('emphasis, code and links', () => {
    expect(inline('a **b *c*** `d*` [e](https://x.org/y) _f_ snake_case_name')).toEqual([
      { kind: 'text', text: 'a ' },
      { kind: 'strong', parts: [{ kind: 'text', text: 'b ' }, { kind: 'em', parts: [{ kind: 'text', text: 'c' }] }] },
      { kind: 'text', text: ' ' },
      { kind: 'code', text: 'd*' },
      { kind: 'text', text: ' ' },
      { kind: 'link', href: 'https://x.org/y', parts: [{ kind: 'text', text: 'e' }] },
      { kind: 'text', text: ' ' },
      { kind: 'em', parts: [{ kind: 'text', text: 'f' }] },
      { kind: 'text', text: ' snake_case_name' },
    ]);
  });
  test('a link that is no address of the web stays text, and so does HTML', () => {
    expect(inline('[x](javascript:alert(1))')[0]?.kind).toBe('text');
    expect(inline('[x](data:text/html,a)')).toEqual([{ kind: 'text', text: '[x](data:text/html,a)' }]);
    expect(inline('<b>x</b>')).toEqual([{ kind: 'text', text: '<b>x</b>' }]);
  });
  test('marks without end are taken as they are, in little time', () => {
    expect(inline('**a')).toEqual([{ kind: 'text', text: '**a' }]);
    const started = performance.now();
    for (const mark of ['*', '**', '_', '[', '`', '**a*', '[a](', '*a ']) markdown(mark.repeat(20_000));
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
