import { expect, test } from 'vitest';
import { erasureBody, erasureProblem, erasureReport } from '../src/lib/erasures';

test('a report of an erasure is read as far as it is understood', () => {
  const told = erasureReport({
    applied: true,
    complete: false,
    rows: 3,
    tables: [{ table: 'silver/bank/people', rows: 3, old_files: 1, columns: ['cpf'] }, 'and 4 more'],
    raw: [{ file: 'a.json', records: 2 }],
    not_reached: [{ what: 'topics', why: 'never', undone: true }, 7],
  });
  expect(told).toMatchObject({ applied: true, complete: false, rows: 3, rawRecords: 0, more: ['and 4 more'] });
  expect(told?.tables).toEqual([{ table: 'silver/bank/people', rows: 3, oldFiles: 1, columns: 'cpf' }]);
  expect(told?.notReached).toEqual([{ what: 'topics', why: 'never', undone: true }]);
  expect(erasureReport(null)).toBeNull();
});

test('an order has what was typed, and one scope', () => {
  const keys = [{ column: ' cpf ', value: ' 1 ' }];
  expect(erasureBody(keys, { domain: 'bank', table: '', subject: ' ' }, 'op', false)).toEqual({ keys: [{ column: 'cpf', value: ' 1 ' }], domain: 'bank', operation: 'op', apply: false });
  expect(erasureProblem(keys, 'bank', '')).toBeUndefined();
  expect(erasureProblem(keys, 'bank', 'bank/people')).toMatch(/one of them/);
  expect(erasureProblem([{ column: 'cpf', value: ' ' }], '', '')).toMatch(/Each key/);
});
