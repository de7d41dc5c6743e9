import { describe, expect, test } from 'vitest';
import type { DagPage, RunEvent } from '../src/api/types';
import { applyDagRuns, dagQuery, hasUnknownRuns, runsMatter } from '../src/lib/dag_list';
import { eachOf } from '../src/lib/each';

const asked = (text: string) => Object.fromEntries(Object.entries(dagQuery(new URLSearchParams(text))).filter(([, value]) => value !== undefined));

describe('the list of DAGs', () => {
  test('asks what its address says, and passes over what no such list knows', () => {
    expect(asked('')).toEqual({});
    expect(asked('q=a&tag=t&owner=o&paused=true&state=failed&favorite=true&order=next_dagrun')).toEqual({
      dag_id_pattern: '%a%', tags: ['t'], owners: ['o'], paused: 'true', last_dag_run_state: 'failed', is_favorite: true, order_by: 'next_dagrun',
    });
    expect(asked('paused=x&state=x&favorite=x&order=x')).toEqual({});
  });
  test('is asked for anew when a run may change what it lists, or an answer was on its way', () => {
    const matter = (text: string, isLoading = false) => runsMatter(new URLSearchParams(text), isLoading);
    expect([matter(''), matter('order=next_dagrun'), matter('tag=t')]).toEqual([false, false, false]);
    expect([matter('', true), matter('state=running'), matter('order=-last_run_start_date')]).toEqual([true, true, true]);
  });
  test('follows the runs of its DAGs by the stream, and is the same while only others move', () => {
    const run = { dag_id: 'a', dag_run_id: 'r', state: 'running' };
    const page = { dags: [{ dag_id: 'a', latest_dag_runs: [run] }, { dag_id: 'b' }], total_entries: 2 } as unknown as DagPage;
    const event = (dag: string, id: string): RunEvent => ({ dag_id: dag, dag_run_id: id, state: 'failed', run_type: 'manual', start_date: null, end_date: null, queued_at: null });
    expect(applyDagRuns(page, [event('c', 'r')])).toBe(page);
    const next = applyDagRuns(page, [event('a', 'r'), event('b', 'new')]);
    expect(next.dags[0]?.latest_dag_runs?.[0]?.state).toBe('failed');
    expect(next.dags[1]?.latest_dag_runs ?? []).toEqual([]);
    expect(hasUnknownRuns(page, [event('a', 'r'), event('c', 'new')])).toBe(false);
    expect(hasUnknownRuns(page, [event('b', 'new')])).toBe(true);
    expect(hasUnknownRuns(page, [event('a', 'cleared long ago')])).toBe(true);
  });
});

test('each is done, some at a time, and one that is refused keeps none of the others from its turn', async () => {
  const done: number[] = [];
  let most = 0;
  let now = 0;
  const refused = await eachOf([1, 2, 3, 4, 5], 2, async (item) => {
    most = Math.max(most, (now += 1));
    await Promise.resolve();
    now -= 1;
    if (item === 2) throw new Error('no');
    done.push(item);
  });
  expect(done).toEqual([1, 3, 4, 5]);
  expect(refused.map((one) => [one.item, one.error.message])).toEqual([[2, 'no']]);
  expect(most).toBe(2);
});
