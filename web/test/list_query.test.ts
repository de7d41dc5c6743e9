import { describe, expect, test } from 'vitest';
import { queryString } from '../src/api/client';
import { instantText, localInput } from '../src/lib/zone';
import { numberProblem, runsQuery, tasksQuery } from '../src/lib/list_query';

const now = Date.parse('2026-11-20T12:00:00Z');
const dayAgo = '2026-11-19T12:00:00.000Z';
const runs = (search: string) => runsQuery(new URLSearchParams(search), now);
const tasks = (search: string) => tasksQuery(new URLSearchParams(search), now);
const times = (query: object) => Object.fromEntries(Object.entries(query).filter(([name, value]) => name.endsWith('_gte') && value !== undefined));

describe('a span of hours', () => {
  test.each(['state=queued&', 'state=running&', 'state=queued&state=running&'])('hides no run that waits or works (%s)', (states) => {
    expect(times(runs(`${states}hours=24`))).toEqual({});
  });
  test('means the end of runs that ended', () => {
    for (const states of ['state=success', 'state=failed', 'state=success&state=failed']) {
      expect(times(runs(`${states}&hours=24`))).toEqual({ end_date_gte: dayAgo });
    }
  });
  test('means when runs of all states were due, for not all have an end', () => {
    expect(times(runs('hours=24'))).toEqual({ run_after_gte: dayAgo });
    expect(times(runs('state=running&state=failed&hours=24'))).toEqual({ run_after_gte: dayAgo });
  });
  test('means the start of tasks, and hides none that waits or works', () => {
    expect(times(tasks('hours=24'))).toEqual({ start_date_gte: dayAgo });
    expect(times(tasks('state=failed&hours=24'))).toEqual({ start_date_gte: dayAgo });
    expect(times(tasks('state=none&state=queued&state=running&hours=24'))).toEqual({});
  });
  test('that is none leaves all', () => {
    for (const hours of ['', 'hours=', 'hours=x', 'hours=0']) expect([times(runs(hours)), times(tasks(hours))]).toEqual([{}, {}]);
  });
});

test('several states of a link are all asked for', () => {
  expect(runs('state=success&state=failed').state).toEqual(['success', 'failed']);
  expect(tasks('state=none&state=failed').state).toEqual(['no_status', 'failed']);
});

test('an address without a search asks for everything, in an order of its own', () => {
  expect(queryString(runs(''))).toBe('?order_by=-run_after');
  expect(queryString(tasks(''))).toBe('?order_by=-run_after');
  expect(runs('order=nonsense').order_by).toBe('-run_after');
  expect(runs('order=-duration').order_by).toBe('-duration');
});

test('every filter of an address is asked for, and what no filter can be is passed over', () => {
  expect(queryString(runs('dag=a&run=r&type=manual&user=ana&conf=x&longer=2.5&from=2026-11-01T00:00Z&to=2026-11-02T00:00Z&order=dag_id'))).toBe(
    '?' + new URLSearchParams({ dag_id_pattern: '%a%', run_id_pattern: '%r%', duration_gte: '2.5', run_after_gte: '2026-11-01T00:00:00.000Z', run_after_lte: '2026-11-02T00:00:00.000Z', run_type: 'manual', triggering_user_name_pattern: '%ana%', conf_contains: 'x', order_by: 'dag_id' }).toString(),
  );
  expect(queryString(tasks('q=t&pool=p&operator=shell&map=m&try=2&order=-duration'))).toBe(
    '?' + new URLSearchParams({ task_display_name_pattern: '%t%', pool: 'p', operator: 'shell', rendered_map_index_pattern: '%m%', try_number: '2', order_by: '-duration' }).toString(),
  );
  expect(queryString(runs('longer=-1&from=yesterday&to=&order=-nonsense'))).toBe('?order_by=-run_after');
  expect(queryString(tasks('longer=x&try=0&order=conf'))).toBe('?order_by=-run_after');
});

test('a span and a time from which on do not contradict each other: the later one counts', () => {
  expect(times(runs('hours=24&from=2026-11-20T00:00Z'))).toEqual({ run_after_gte: '2026-11-20T00:00:00.000Z' });
  expect(times(runs('hours=24&from=2026-11-01T00:00Z'))).toEqual({ run_after_gte: dayAgo });
  expect(times(runs('state=failed&hours=24&from=2026-11-01T00:00Z'))).toEqual({ end_date_gte: dayAgo, run_after_gte: '2026-11-01T00:00:00.000Z' });
});

test('a time is typed as it is here and stands in the address as it is everywhere', () => {
  const local = localInput('2026-11-20T12:34Z');
  expect(instantText(local)).toBe('2026-11-20T12:34Z');
  expect([localInput(''), localInput('soon'), instantText('')]).toEqual(['', '', '']);
});

test('a number that a filter cannot go by is named with what it should be', () => {
  for (const text of ['-1', '1.5', 'x', '1e2', ' ']) expect(numberProblem(text, 0, true)).toBe(`${text} is no whole number from 0 on.`);
  expect(numberProblem('0', 1, true)).toBe('0 is no whole number from 1 on.');
  for (const text of ['-0.5', 'x', ' ']) expect(numberProblem(text, 0, false)).toBe(`${text} is no number from 0 on.`);
  for (const text of ['', '0', '7']) expect(numberProblem(text, 0, true)).toBeUndefined();
  expect(numberProblem('1.5', 0, false)).toBeUndefined();
});
