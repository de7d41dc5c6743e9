import { expect, test } from 'vitest';
import { countOf, searchOf, withSearch } from '../src/lib/address';

test('what is changed stands in the address, what is emptied leaves it, the rest stays', () => {
  expect(withSearch('#/dags', { q: 'a b&c', page: 2 })).toBe('#/dags?q=a+b%26c&page=2');
  expect(withSearch('#/dags?q=x&page=2', { page: null })).toBe('#/dags?q=x');
  expect(withSearch('#/dags?q=x', { q: '' })).toBe('#/dags');
  expect(withSearch('#/dags/a/runs/b?task=t&tab=xcom', { try: 1 })).toBe('#/dags/a/runs/b?task=t&tab=xcom&try=1');
  expect(withSearch('', {})).toBe('#/');
});

test('any text comes back from the address as it went in', () => {
  for (const text of ['a', '%', '?', '#&=+', 'é 字', '<b>']) {
    expect(searchOf(withSearch('#/dags', { q: text })).get('q')).toBe(text);
  }
});

test('a count that is none is what stands for it', () => {
  for (const bad of ['', '0', '-1', '1.5', 'x', '1e3', '99999999999']) expect(countOf(new URLSearchParams({ page: bad }), 'page', 1)).toBe(1);
  expect(countOf(new URLSearchParams({ page: '12' }), 'page', 1)).toBe(12);
});
