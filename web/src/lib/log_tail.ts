// A task's log as the page holds it: a bounded tail in chunks. A full chunk never changes again, so
// appending redraws only the last one.
import type { LogPage } from '../api/types';
import { stripAnsi } from './ansi';

export interface LogLine {
  number: number;
  time: string | null;
  level: string;
  text: string;
}

export interface LogTail {
  chunks: readonly (readonly LogLine[])[];
  total: number; // lines ever received
  hidden: number; // of these, dropped at the top
  token: string | null; // where the next page starts
  complete: boolean; // the server said there is nothing more
}

export const chunkLines = 200;
export const maxLines = 20_000;
const maxLineLength = 10_000;

export const emptyTail: LogTail = { chunks: [], total: 0, hidden: 0, token: null, complete: false };

const levels = new Set(['debug', 'info', 'warning', 'error', 'critical']);

function normalLevel(level: string | null | undefined): string {
  const lower = (level ?? 'info').toLowerCase();
  if (lower === 'warn') return 'warning';
  if (lower === 'fatal') return 'critical';
  return levels.has(lower) ? lower : 'info';
}

function toLines(page: LogPage, from: number): LogLine[] {
  const lines: LogLine[] = [];
  for (const entry of page.content) {
    for (const text of stripAnsi(entry.event).replace(/\n$/, '').split('\n')) {
      lines.push({
        number: from + lines.length + 1,
        time: entry.timestamp,
        level: normalLevel(entry.level),
        text: text.length > maxLineLength ? `${text.slice(0, maxLineLength)} … ${text.length - maxLineLength} more characters: download the log` : text,
      });
    }
  }
  return lines;
}

export function appendPage(tail: LogTail, page: LogPage): LogTail {
  const lines = toLines(page, tail.total);
  const chunks = [...tail.chunks];
  let rest: readonly LogLine[] = lines;
  const last = chunks[chunks.length - 1];
  if (last && last.length < chunkLines && rest.length > 0) {
    const room = chunkLines - last.length;
    chunks[chunks.length - 1] = [...last, ...rest.slice(0, room)];
    rest = rest.slice(room);
  }
  for (let at = 0; at < rest.length; at += chunkLines) chunks.push(rest.slice(at, at + chunkLines));
  let hidden = tail.hidden;
  while (chunks.length * chunkLines > maxLines) hidden += chunks.shift()?.length ?? 0;
  return {
    chunks,
    total: tail.total + lines.length,
    hidden,
    token: page.continuation_token ?? tail.token,
    complete: page.continuation_token === null,
  };
}
