// Where a text or a level stands in a log, asked of the server stretch by stretch: it looks through the whole file, however large.
import type { LogWindow } from '../api/types';

export interface Found {
  offsets: readonly number[];
  share: number; // of the log that was looked through, 0 to 1
  isMore: boolean; // there are more than are listed
}

export const mostFound = 5000;

/** `told` hears after each stretch. */
export async function searchLog(ask: (from: number) => Promise<LogWindow>, told: (found: Found) => void): Promise<void> {
  const offsets: number[] = [];
  for (let from = 0; ; ) {
    const answer = await ask(from);
    offsets.push(...answer.content.map((line) => line.offset));
    const isDone = answer.end >= answer.size || answer.end <= from;
    const isFull = offsets.length >= mostFound;
    told({ offsets: offsets.slice(0, mostFound), share: isDone ? 1 : answer.end / Math.max(1, answer.size), isMore: isFull && !isDone });
    if (isDone || isFull) return;
    from = answer.end;
  }
}

/** The parts of a text that are a searched one and those between, in turn: the first is none. */
export function splitFound(text: string, query: string): string[] {
  if (query === '') return [text];
  const lower = text.toLowerCase();
  // A letter whose small form is longer would move all that follows.
  if (lower.length !== text.length) return [text];
  const parts: string[] = [];
  let from = 0;
  for (let at = lower.indexOf(query); at >= 0; at = lower.indexOf(query, from)) {
    parts.push(text.slice(from, at), text.slice(at, at + query.length));
    from = at + query.length;
  }
  parts.push(text.slice(from));
  return parts;
}
