import { expect, test } from 'vitest';
import { lakeSql } from '../src/editor/sql_dialect';

test('words that people name columns by are no keywords, and what a statement is made of is', () => {
  const text = 'SELECT id, name, state, day FROM gold.shop.orders WHERE value > 1 GROUP BY ALL ORDER BY id LIMIT 3';
  const keywords: string[] = [];
  lakeSql.language.parser.parse(text).iterate({
    enter: (node) => {
      if (node.name === 'Keyword') keywords.push(text.slice(node.from, node.to));
    },
  });
  expect(keywords).toEqual(['SELECT', 'FROM', 'WHERE', 'GROUP', 'BY', 'ALL', 'ORDER', 'BY', 'LIMIT']);
});
