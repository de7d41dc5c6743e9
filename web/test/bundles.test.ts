import { expect, test } from 'vitest';
import type { Bundle } from '../src/api/types';
import { dagsOf } from '../src/lib/assets';
import { dagChanges, earlierRevisions, hasRevisions, liveSubject, shortRevision } from '../src/lib/bundles';

const revision = (letter: string, subject: string) => ({ revision: letter.repeat(40), subject, switched_at: '2026-03-10T12:00:00Z', switched_by: null });
const risk: Bundle = { name: 'risk', kind: 'git', place: '/srv/risk.git', ref: 'main', revision: 'b'.repeat(40), tip: 'b'.repeat(40), problem: null, dags: 2, import_errors: 0, revisions: [revision('b', 'Second'), revision('a', 'First')] };

test('a bundle with revisions tells which is live, and to which one may go back', () => {
  expect(liveSubject(risk)).toBe('Second');
  expect(earlierRevisions(risk)).toEqual({ ['a'.repeat(40)]: 'aaaaaaaaaaaa · First' });
  expect(hasRevisions(risk)).toBe(true);
  expect(hasRevisions({ ...risk, kind: 'folder' })).toBe(false);
  expect(shortRevision(null)).toBe('–');
});

test('a look ahead names the DAGs that come, change and go', () => {
  expect(dagChanges({ added: ['new'], changed: ['old'], removed: ['gone'] })).toEqual([
    { mark: '+', name: 'new' },
    { mark: '~', name: 'old' },
    { mark: '−', name: 'gone' },
  ]);
});

test('an asset is made by each DAG once, however many of its tasks name it', () => {
  expect(dagsOf([{ dag_id: 'a' }, { dag_id: 'b' }, { dag_id: 'a' }])).toEqual(['a', 'b']);
});
