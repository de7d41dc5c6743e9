import { describe, expect, it } from 'vitest';
import { draftOf, keepDraft, placeOf, placeOfTask, toTextProblems } from '../src/lib/dag_text';

const text = '{\n  "dag_id": "ação", "retries": -2,\n  "tasks": [{"task_id": "a\\"b"}, {"task_id" : "b"}]\n}\n';
const cut = ([from, to]: readonly [number, number]) => text.slice(from, to);

describe('the text of a DAG while it is edited', () => {
  it('finds the value at a place that the server counted in bytes', () => {
    expect(cut(placeOf(text, { line: 2, column: 3 }))).toBe('"dag_id"');
    // ç and ã are two bytes each.
    expect(cut(placeOf(text, { line: 2, column: 34 }))).toBe('-2');
  });

  it('takes the whole line where there is no column, and never leaves the text', () => {
    expect(cut(placeOf(text, { line: 1, column: 0 }))).toBe('{');
    expect(cut(placeOf(text, { line: 0, column: 0 }))).toBe('{');
    expect(placeOf(text, { line: 99, column: 99 })).toEqual([text.length, text.length]);
    expect(placeOf('', { line: 1, column: 1 })).toEqual([0, 0]);
  });

  it('says of each problem where in the definition it is', () => {
    const [problem] = toTextProblems(text, [{ line: 2, column: 34, pointer: '/retries', message: 'must be at least 0' }], 'error');
    expect(problem).toMatchObject({ kind: 'error', message: '/retries: must be at least 0' });
  });

  it('finds where a task is defined, quotes in its name and all', () => {
    expect(cut(placeOfTask(text, 'a"b') ?? [0, 0])).toBe('"a\\"b"');
    expect(cut(placeOfTask(text, 'b') ?? [0, 0])).toBe('"b"');
    expect(placeOfTask(text, 'gone')).toBeNull();
  });

  it('keeps twenty drafts, and those that are let go of no more', () => {
    for (let at = 0; at < 21; at += 1) keepDraft(`dag${at}`, { text: String(at), hash: '' });
    expect(draftOf('dag0')).toBeUndefined();
    expect(draftOf('dag20')).toEqual({ text: '20', hash: '' });
    keepDraft('dag20', null);
    expect(draftOf('dag20')).toBeUndefined();
    expect(draftOf('dag1')).toBeDefined();
  });
});
