import { expect, test } from 'vitest';
import { scheduleText } from '../src/lib/schedule';

const text = (timetable_summary: string | null, timetable_description = '', to: 'en' | 'pt' = 'en') => scheduleText({ timetable_summary, timetable_description }, to);

test('a schedule stands as it was written, or in words', () => {
  expect(text('0 5 * * *', 'every day')).toBe('0 5 * * *');
  expect(text(null, 'Never, external triggers only')).toBe('Only when triggered');
  expect(text(null, 'every 30m')).toBe('every 30m');
  expect(text('3 dates')).toBe('3 dates');
  expect(text('1 date', '', 'pt')).toBe('1 data');
});

test('one by assets says by which kind of change, also beside ticks', () => {
  expect(text('Asset', 'Triggered by assets')).toBe('When its assets change');
  expect(text('Partitioned Asset', 'Triggered by assets', 'pt')).toBe('Para cada partição dos seus ativos');
  expect(text('Asset or @daily', 'Triggered by assets or every day')).toBe('When its assets change, or @daily');
});

test('one by staleness names what is to be made, a table by its path', () => {
  expect(text('Asset', 'While lake://gold/shop/daily is older than what it is made of')).toBe('While gold/shop/daily is older than what it is made of');
  expect(text('Asset', 'While s3://a is older than what it is made of', 'pt')).toBe('Enquanto s3://a for mais antigo do que aquilo de que é feito');
  expect(text('Asset or @daily', 'While s3://a is older than what it is made of or every day')).toBe('While s3://a is older than what it is made of, or @daily');
});
