// Where a text or a level stands in a log, asked of the server stretch by stretch: it looks through the whole file, however
// large. The newest stretch is the first, for a log is read at its end.
import type { LogWindow } from '../api/types';

export interface Found {
  offsets: readonly number[]; // where lines begin, the first in the file first
  share: number; // of the log that was looked through, 0 to 1
  isMore: boolean; // there are older ones than those that are listed
}

export const mostFound = 5000;
const firstStretch = 256 * 1024; // bytes
const mostStretch = 16 * 1024 * 1024; // as much as the server looks through at once
const few = 100; // where less is found, the next stretch is larger
const many = 1000; // where more is found, it is gone on with in small ones

// What begins in [begin, before), or null where that is so much that a smaller stretch is better looked at.
async function stretch(ask: (from: number) => Promise<LogWindow>, begin: number, before: number, isSmall: boolean): Promise<number[] | null> {
  const here: number[] = [];
  // From the byte before on: what begins at `begin` is then told whole, and what only goes on there is left to the older stretch.
  for (let from = Math.max(0, begin - 1); ; ) {
    const { content, end, size } = await ask(from);
    here.push(...content.map((line) => line.offset).filter((at) => at >= begin && at < before));
    if (end >= Math.min(before, size) || end <= from) return here;
    if (here.length > many && !isSmall) return null;
    from = end;
  }
}

/** `told` hears after each stretch. */
export async function searchLog(ask: (from: number) => Promise<LogWindow>, told: (found: Found) => void): Promise<void> {
  const { size } = await ask(Number.MAX_SAFE_INTEGER); // only how large it is
  let held: number[] = [];
  for (let [before, width] = [size, firstStretch]; ; ) {
    const begin = Math.max(0, before - width);
    // What the server adds to the last line stands at the end itself.
    const here = await stretch(ask, begin, before === size ? Infinity : before, width === firstStretch);
    if (here === null) {
      width = firstStretch;
      continue;
    }
    held = [...here, ...held];
    const isMore = held.length > mostFound || (held.length === mostFound && begin > 0);
    const isDone = begin === 0 || isMore;
    told({ offsets: held.slice(-mostFound), share: isDone ? 1 : (size - begin) / size, isMore });
    if (isDone) return;
    before = begin;
    if (here.length < few) width = Math.min(mostStretch, width * 4);
  }
}

/** As the server takes letters for the same: A to Z and the accented ones of western Europe, large or small. No letter gets longer. */
export const foldLetters = (text: string): string => text.replace(/[A-Z\u00c0-\u00d6\u00d8-\u00de]/g, (letter) => letter.toLowerCase());

/** The parts of a text that are a searched one, folded, and those between, in turn: the first is none. */
export function splitFound(text: string, query: string): string[] {
  if (query === '') return [text];
  const folded = foldLetters(text);
  const parts: string[] = [];
  let from = 0;
  for (let at = folded.indexOf(query); at >= 0; at = folded.indexOf(query, from)) {
    parts.push(text.slice(from, at), text.slice(at, at + query.length));
    from = at + query.length;
  }
  parts.push(text.slice(from));
  return parts;
}
