// The end of a log whose address is opened is asked for at once, beside the run and its tasks: else it waits until these are
// there, and then behind all else that the panel of a task asks. One answer is kept, for whoever takes it first.
import type { LogWindow } from '../api/types';

interface Ahead {
  key: string;
  answer: Promise<LogWindow | null>;
}

let kept: Ahead | null = null;

export const aheadKey = (dag: string, run: string, task: string, index: number): string => [dag, run, task, index].join('\n');

/** "load[3]" is the fourth instance of load; a task that is not mapped has the index -1. */
export function instanceOf(key: string): { task: string; index: number } {
  const [, task, index] = /^(.+)\[(\d+)\]$/.exec(key) ?? [];
  return task === undefined ? { task: key, index: -1 } : { task, index: Number(index) };
}

// A mapped task as a whole has no log: its instances have.
const withoutLog = ['xcom', 'details', 'instances'];

/** Whether an address is about the end of the newest try's log, and nothing else of it. */
export const isAboutEnd = (search: URLSearchParams, tab: string): boolean => !withoutLog.includes(tab) && ['try', 'line', 'beside'].every((name) => !search.has(name));

export function askAhead(key: string, ask: () => Promise<LogWindow>): void {
  // What goes wrong is told by the request that is made in its place.
  kept = { key, answer: ask().catch(() => null) };
}

export const forgetAhead = (): void => {
  kept = null;
};

/** The end of that try's log, asked by `ask` unless it is on its way already. */
export async function endOf(key: string, attempt: number, ask: () => Promise<LogWindow>): Promise<LogWindow> {
  const ahead = kept?.key === key ? kept.answer : null;
  if (ahead !== null) kept = null;
  const answer = await ahead;
  return answer?.try_number === attempt ? answer : ask();
}
