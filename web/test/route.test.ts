import { describe, expect, test } from 'vitest';
import { searchOf } from '../src/lib/address';
import { tasksQuery } from '../src/lib/list_query';
import { dagLink, instancesLink, loginCode, loginError, parseRoute, runLink } from '../src/lib/route';

describe('routes', () => {
  test('the empty address is the list of DAGs', () => {
    expect(parseRoute('')).toEqual({ view: 'dags' });
    expect(parseRoute('#/dags')).toEqual({ view: 'dags' });
  });
  test('any id comes back from its link as it went in', () => {
    for (const id of ['a', 'a b', 'a/b', '../x', '?q=1&r#h', '100%', '<b>', 'é', 'manual__2024-01-01T00:00:00+00:00']) {
      expect(parseRoute(dagLink(id, 'tasks'))).toEqual({ view: 'dag', dag: id, tab: 'tasks' });
      expect(parseRoute(runLink(id, id, id, 'xcom'))).toEqual({ view: 'run', dag: id, run: id, task: id, tab: 'xcom' });
    }
  });
  test('nonsense is unknown, not an exception', () => {
    expect(parseRoute('#/dags/%zz')).toEqual({ view: 'unknown' });
    expect(parseRoute('#/nowhere')).toEqual({ view: 'unknown' });
    expect(parseRoute('#/dags/a/runs/b/c')).toEqual({ view: 'unknown' });
  });
});

test('the link to the instances of one task asks for that task of that run', () => {
  const query = tasksQuery(searchOf(instancesLink('a b', 'manual__2024-01-01T00:00:00+00:00', 't&u')), 0);
  expect(query).toMatchObject({ dag_id_pattern: '%a b%', run_id_pattern: '%manual__2024-01-01T00:00:00+00:00%', task_display_name_pattern: '%t&u%' });
});

test('a login code is read from the fragment only in its own form', () => {
  expect(loginCode('#login=abc-_1')).toBe('abc-_1');
  expect(loginCode('#/dags?login=abc')).toBeNull();
  expect(loginCode('#login=')).toBeNull();
  expect(loginCode('#login_error=stale')).toBeNull();
  expect(loginError('#login_error=stale')).toBe('stale');
  expect(loginError('#login_error=<b>')).toBeNull();
  expect(loginError('#/dags?login_error=stale')).toBeNull();
});
