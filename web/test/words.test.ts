/// <reference types="vite/client" />
import { describe, expect, test } from 'vitest';
import { portuguese as first } from '../src/lang/pt';
import { latePortuguese } from '../src/lang/pt_late';
import { chooseLanguage, translate } from '../src/lib/words';

const portuguese = { ...first, ...latePortuguese };
const files = import.meta.glob<string>('../src/**/*.{ts,tsx}', { query: '?raw', import: 'default', eager: true });
const sources = Object.values(files);
const quoted = /\bt\(\s*'((?:[^'\\]|\\.)*)'/g;
const saidIn = (text: string) => [...text.matchAll(quoted)].map((found) => (found[1] ?? '').replaceAll("\\'", "'"));
const used = new Set(sources.flatMap(saidIn));

// The files that are there before any of views/lake_views.ts is: what main.tsx imports, and what that does.
function firstFiles(): Set<string> {
  const seen = new Set<string>();
  const open = ['../src/main.tsx'];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const folder = file.split('/').slice(0, -1);
    for (const [, path = ''] of (files[file] ?? '').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
      const parts = [...folder];
      for (const part of path.split('/')) {
        if (part === '..') parts.pop();
        else if (part !== '.') parts.push(part);
      }
      const found = ['', '.ts', '.tsx'].map((end) => parts.join('/') + end).find((name) => name in files);
      if (found !== undefined && !found.endsWith('/lake_views.ts')) open.push(found);
    }
  }
  return seen;
}
const values = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

describe('Portuguese', () => {
  test('has every sentence that the page says, and none that it does not', () => {
    expect([...used].filter((text) => !(text in portuguese))).toEqual([]);
    expect(Object.keys(portuguese).filter((text) => !used.has(text))).toEqual([]);
  });
  test('has what the first views say without the file of those that come later, and each sentence once', () => {
    const reached = [...firstFiles()];
    expect(reached.length).toBeGreaterThan(100);
    expect([...new Set(reached.flatMap((file) => saidIn(files[file] ?? '')))].filter((text) => !(text in first))).toEqual([]);
    expect(Object.keys(first).filter((text) => text in latePortuguese)).toEqual([]);
  });
  test('keeps the values of each sentence', () => {
    for (const [english, other] of Object.entries(portuguese)) expect([english, values(other)]).toEqual([english, values(english)]);
  });
});

test('no view says English past it: texts and labels go through t()', () => {
  // A name of ours, or a text that is one word of another language.
  const allowed = /^(Batuta)$/;
  const said = sources.flatMap((text) => [
    ...[...text.matchAll(/<\w[^<>]*>\s*([A-Z][a-z]+[^<>{}=;]*?)\s*<\//g)].map((found) => found[1] ?? ''),
    ...[...text.matchAll(/\b(?:aria-label|title|placeholder|label|name|alt)="([A-Z][^"]*)"/g)].map((found) => found[1] ?? ''),
    ...[...text.matchAll(/^\s*([A-Z][a-z]+(?: [\w,.'…]+)*[…:.]?)\s*\n\s*<\//gm)].map((found) => found[1] ?? ''),
  ]);
  expect(said.filter((text) => !allowed.test(text))).toEqual([]);
});

test('the language is the chosen one, else the first of the browser that there is, else English', () => {
  expect(chooseLanguage('pt', ['en-US'])).toBe('pt');
  expect(chooseLanguage(null, ['fr', 'pt-BR', 'en'])).toBe('pt');
  expect(chooseLanguage('xx', ['fr'])).toBe('en');
});

test('values are put into a sentence, and what has none stands as it is', () => {
  expect(translate('en', '{count} runs of {dag}', { count: 3 })).toBe('3 runs of {dag}');
  expect(translate('pt', 'Failed')).toBe('Falhou');
});
