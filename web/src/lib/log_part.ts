// The part of a try's log that the page holds: a stretch of the file in chunks, bounded, that grows at either end. A
// chunk that is full never changes again, so that what is drawn of it stays. Pure.
import type { LogWindow } from '../api/types';
import { number } from './format';
import { t } from './words';

export interface LogLine {
  offset: number; // where it begins in the file
  time: string | null;
  level: string;
  text: string;
}

export interface LogPart {
  chunks: readonly (readonly LogLine[])[];
  start: number; // bytes of the file
  end: number;
  size: number; // of the whole file, when it was last asked
  isEnded: boolean; // the try is over
}

export const chunkLines = 200;
export const maxLines = 12_000;
const maxLineLength = 10_000;

const levels = new Set(['debug', 'info', 'warning', 'error', 'critical']);

function normalLevel(level: string | undefined): string {
  const lower = (level ?? 'info').toLowerCase();
  if (lower === 'warn') return 'warning';
  if (lower === 'fatal') return 'critical';
  return levels.has(lower) ? lower : 'info';
}

export const shortLine = (text: string): string =>
  text.length > maxLineLength ? `${text.slice(0, maxLineLength)} … ${t('{count} more characters: download the log', { count: number(text.length - maxLineLength) })}` : text;

const linesOf = (window: LogWindow): LogLine[] =>
  window.content.map((line) => ({ offset: line.offset, time: line.timestamp, level: normalLevel(line.level), text: line.event }));

function chunked(lines: readonly LogLine[]): LogLine[][] {
  const chunks: LogLine[][] = [];
  for (let at = 0; at < lines.length; at += chunkLines) chunks.push(lines.slice(at, at + chunkLines));
  return chunks;
}

export const linesIn = (part: LogPart): number => part.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
export const isAtEnd = (part: LogPart): boolean => part.end >= part.size;

export function firstPart(window: LogWindow): LogPart {
  return { chunks: chunked(linesOf(window)), start: window.start, end: window.end, size: window.size, isEnded: window.is_ended };
}

/** What lies before; where that is too much, the end is let go. */
export function withEarlier(part: LogPart, window: LogWindow): LogPart {
  const chunks = [...chunked(linesOf(window)), ...part.chunks];
  let { end } = part;
  for (let count = linesIn({ ...part, chunks }); count > maxLines && chunks.length > 1; ) {
    const gone = chunks.pop();
    count -= gone?.length ?? 0;
    end = gone?.[0]?.offset ?? end;
  }
  return { ...part, chunks, start: window.start, end, size: Math.max(part.size, window.size) };
}

/** Where reading on begins: at the last line once more, which may have been half written, or was told by the server alone. */
export function resumeAt(part: LogPart): number {
  for (let chunk = part.chunks.length - 1; chunk >= 0; chunk -= 1) {
    const lines = part.chunks[chunk] ?? [];
    for (let at = lines.length - 1; at >= 0; at -= 1) {
      const { offset } = lines[at] as LogLine;
      if (offset < part.end) return offset;
    }
  }
  return part.end;
}

/** What follows, from its start on in place of what was there; where that is too much, the beginning is let go. */
export function withLater(part: LogPart, window: LogWindow): LogPart {
  const next = linesOf(window);
  const chunks = [...part.chunks];
  let rest: LogLine[] = next;
  while (chunks.length > 0) {
    const last = chunks[chunks.length - 1] as readonly LogLine[];
    const kept = last.filter((line) => line.offset < window.start);
    if (kept.length === last.length && last.length >= chunkLines) break;
    chunks.pop();
    rest = [...kept, ...rest];
    if (kept.length > 0) break;
  }
  if (window.end === part.end && window.is_ended === part.isEnded && window.size === part.size && sameTail(part, next)) return part;
  chunks.push(...chunked(rest));
  for (let count = linesIn({ ...part, chunks }); count > maxLines && chunks.length > 1; ) count -= chunks.shift()?.length ?? 0;
  return { chunks, start: chunks[0]?.[0]?.offset ?? window.start, end: window.end, size: window.size, isEnded: window.is_ended };
}

function sameTail(part: LogPart, lines: readonly LogLine[]): boolean {
  const tail = part.chunks.flat().slice(-lines.length);
  return lines.length > 0 && lines.every((line, at) => tail[at]?.offset === line.offset && tail[at]?.text === line.text);
}

export const hasLine = (part: LogPart, offset: number): boolean => part.chunks.some((chunk) => chunk.some((line) => line.offset === offset));
