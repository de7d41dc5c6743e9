// The text of a DAG's file while it is edited: where its problems and tasks stand, and drafts that outlive a view. Pure but for these.
import type { DagFileProblem } from '../api/types';
import type { TextProblem } from '../editor/editor';

const encoder = new TextEncoder();

// The server counts columns in bytes of UTF-8, from 1 on.
function charactersOf(line: string, bytes: number): number {
  let [left, at] = [bytes, 0];
  for (const one of line) {
    left -= encoder.encode(one).length;
    if (left < 0) break;
    at += one.length;
  }
  return at;
}

/** The value or word at a problem's place; the first line for what is of the whole file. */
export function placeOf(text: string, { line, column }: Pick<DagFileProblem, 'line' | 'column'>): [from: number, to: number] {
  const lines = text.split('\n');
  const row = Math.max(1, Math.min(line, lines.length));
  const start = lines.slice(0, row - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const whole = lines[row - 1] ?? '';
  if (column < 1) return [start, start + whole.length];
  const from = charactersOf(whole, column - 1);
  const length = /^(?:"(?:[^"\\]|\\.)*"|[\w.+-]+|.)/.exec(whole.slice(from))?.[0].length ?? 0;
  return [start + from, start + from + length];
}

export const problemText = ({ pointer, message }: DagFileProblem): string => (pointer === '' ? message : `${pointer}: ${message}`);

export const toTextProblems = (text: string, problems: readonly DagFileProblem[], kind: TextProblem['kind']): TextProblem[] =>
  problems.map((one) => {
    const [from, to] = placeOf(text, one);
    return { from, to, kind, message: problemText(one) };
  });

/** Where a task's id is given; null where it is not written so. */
export function placeOfTask(text: string, task: string): [from: number, to: number] | null {
  const id = JSON.stringify(task);
  const found = /"task_id"\s*:\s*/g;
  for (let match = found.exec(text); match; match = found.exec(text)) {
    const from = match.index + match[0].length;
    if (text.startsWith(id, from)) return [from, from + id.length];
  }
  return null;
}

export interface Draft {
  text: string;
  hash: string; // of the text that it began from
}

const mostDrafts = 20;
const drafts = new Map<string, Draft>(); // by DAG; gone with the page

export const draftOf = (dag: string): Draft | undefined => drafts.get(dag);

export function keepDraft(dag: string, draft: Draft | null): void {
  drafts.delete(dag);
  if (draft) drafts.set(dag, draft);
  const [oldest] = drafts.keys();
  if (drafts.size > mostDrafts && oldest !== undefined) drafts.delete(oldest);
}
