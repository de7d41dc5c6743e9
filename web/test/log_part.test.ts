import { describe, expect, test } from 'vitest';
import type { LogWindow } from '../src/api/types';
import { ansiParts } from '../src/lib/ansi';
import { firstPart, hasLine, isAtEnd, linesIn, maxLines, resumeAt, withEarlier, withLater, type LogPart } from '../src/lib/log_part';
import { LogReader, type LogAsk } from '../src/lib/log_reader';
import { foldLetters, mostFound, searchLog, splitFound, type Found } from '../src/lib/log_search';

/** A file of lines of ten bytes each, read as the server reads it. */
class File {
  asked: LogAsk[] = [];
  isEnded = false;
  constructor(public lines: number) {}
  ask = (query: LogAsk): Promise<LogWindow> => {
    this.asked.push(query);
    const size = this.lines * 10;
    const bytes = query.bytes ?? 100;
    const [start, end] = query.from !== undefined ? [Math.min(query.from, size), Math.min(size, query.from + bytes)] : [Math.max(0, (query.before ?? size) - bytes), Math.min(size, query.before ?? size)];
    const first = Math.ceil(start / 10);
    const content = Array.from({ length: Math.max(0, Math.floor(end / 10) - first) }, (_, at) => ({ offset: (first + at) * 10, event: `line ${first + at}`, timestamp: null }));
    return Promise.resolve({ content, start: first * 10, end: Math.floor(end / 10) * 10, size, try_number: 1, is_ended: this.isEnded });
  };
}
const texts = (part: LogPart | null) => (part?.chunks ?? []).flat().map((line) => Number(line.text.slice(5)));
const isWhole = (part: LogPart | null) => texts(part).every((line, at, all) => at === 0 || line === (all[at - 1] ?? 0) + 1);
const reading = (lines: number) => {
  const file = new File(lines);
  const told: LogPart[] = [];
  return { file, told, reader: new LogReader(file.ask, (part) => told.push(part)) };
};

describe('a log', () => {
  test('is opened at its end, with one small read, and read upward to its start', async () => {
    const { file, reader } = reading(20_000);
    await reader.open(null);
    expect(file.asked).toEqual([{ bytes: 65536 }]);
    expect(texts(reader.part).at(-1)).toBe(19_999);
    expect(reader.part && isAtEnd(reader.part)).toBe(true);
    while (reader.part && reader.part.start > 0) await reader.earlier();
    expect(texts(reader.part)[0]).toBe(0);
    expect(isWhole(reader.part)).toBe(true);
    await reader.earlier();
    expect(file.asked.length).toBe(4);
  });

  test('is followed to its end however much came since the last look, and from the end where that is far', async () => {
    const { file, reader } = reading(10_000);
    await reader.open(null);
    file.lines += 80_000; // three reads
    await reader.follow();
    expect(texts(reader.part).at(-1)).toBe(89_999);
    file.lines += 1_000_000;
    await reader.follow();
    expect(texts(reader.part).at(-1)).toBe(1_089_999);
    expect(isWhole(reader.part)).toBe(true);
  });

  test('goes on behind a line that is longer than one read', async () => {
    const size = 700_000;
    const long = (query: LogAsk): Promise<LogWindow> => {
      const start = query.from ?? 0;
      const end = Math.min(size, start + (query.bytes ?? 0));
      return Promise.resolve({ content: [{ offset: start, event: 'x', timestamp: null }], start, end, size, try_number: 1, is_ended: true });
    };
    const reader = new LogReader(long, () => undefined);
    await reader.open(0);
    for (let reads = 0; reads < 8; reads += 1) await reader.later();
    expect(reader.part?.end).toBe(size);
  });

  test('is opened around a line, with what stands before it', async () => {
    const { reader } = reading(20_000);
    await reader.open(100_000);
    expect(reader.part && hasLine(reader.part, 100_000)).toBe(true);
    expect(reader.part?.start).toBeLessThan(100_000);
    expect(isWhole(reader.part)).toBe(true);
    expect(reader.part && isAtEnd(reader.part)).toBe(false);
    await reader.later();
    expect(isWhole(reader.part)).toBe(true);
  });

  test('is followed line by line, the last one read again since it may have been half written', async () => {
    const { file, reader, told } = reading(3);
    await reader.open(null);
    await reader.follow();
    expect(told).toHaveLength(1);
    file.lines = 5;
    await reader.follow();
    expect(texts(reader.part)).toEqual([0, 1, 2, 3, 4]);
    expect(file.asked.at(-1)?.from).toBe(20);
    file.isEnded = true;
    await reader.follow();
    expect(reader.part?.isEnded).toBe(true);
  });

  test('that grows faster than it is read is opened at its end anew', async () => {
    const { file, reader } = reading(3);
    await reader.open(null);
    file.lines = 1_000_000;
    await reader.follow();
    expect(texts(reader.part).at(-1)).toBe(999_999);
    expect(isWhole(reader.part)).toBe(true);
  });

  test('is held in part: what is far from where one reads is let go, at either end', async () => {
    const { reader } = reading(100_000);
    await reader.open(null);
    for (let turn = 0; turn < 6; turn += 1) await reader.earlier();
    expect(reader.part && linesIn(reader.part)).toBeLessThanOrEqual(maxLines);
    expect(reader.part && isAtEnd(reader.part)).toBe(false);
    expect(isWhole(reader.part)).toBe(true);
    for (let turn = 0; turn < 4; turn += 1) await reader.later();
    expect(reader.part && isAtEnd(reader.part)).toBe(true);
    expect(isWhole(reader.part)).toBe(true);
    expect(texts(reader.part)[0]).toBe((reader.part?.start ?? 0) / 10);
  });

  test('an answer of an earlier opening is void', async () => {
    const { reader, told } = reading(20_000);
    await Promise.all([reader.open(50_000), reader.open(null)]);
    expect(told).toHaveLength(1);
    expect(texts(reader.part).at(-1)).toBe(19_999);
  });

  test('a line that the server adds of its own is not read from', () => {
    const part = firstPart({ content: [{ offset: 0, event: 'a', timestamp: null }, { offset: 10, event: 'Try ended failed', timestamp: null }], start: 0, end: 10, size: 10, try_number: 1, is_ended: true });
    expect(resumeAt(part)).toBe(0);
    expect(linesIn(withLater(part, { content: [{ offset: 0, event: 'a', timestamp: null }, { offset: 10, event: 'Try ended failed', timestamp: null }], start: 0, end: 10, size: 10, try_number: 1, is_ended: true }))).toBe(2);
    expect(withEarlier(part, { content: [], start: 0, end: 0, size: 10, try_number: 1, is_ended: true }).chunks.flat()).toHaveLength(2);
  });
});

/** A log of lines of `width` bytes, searched as the server does: so many lines in one answer, so far in one go. */
const searching = (lines: number, width: number, fits: (line: number) => boolean) => {
  const size = lines * width;
  const asked: number[] = [];
  const ask = (from: number): Promise<LogWindow> => {
    asked.push(from);
    const content: LogWindow['content'] = [];
    const stop = Math.min(size, from + 16 * 1024 * 1024);
    let end = Math.min(from, size);
    for (let line = Math.floor(end / width); end < stop && content.length < 500; line += 1) {
      const offset = Math.max(line * width, end); // of a line in whose middle it begins: what is left of it
      if (fits(line)) content.push({ offset, event: `line ${line}`, timestamp: null });
      end = (line + 1) * width;
    }
    return Promise.resolve({ content, start: Math.min(from, size), end, size, try_number: 1, is_ended: true });
  };
  const told: Found[] = [];
  return { asked, told, search: () => searchLog(ask, (found) => told.push(found)) };
};

describe('a search', () => {
  test('looks at the end first, in stretches that grow while little is found, and finds each line once', async () => {
    const { asked, told, search } = searching(100_000, 1003, (line) => line % 9973 === 0);
    await search();
    expect(told.at(-1)?.offsets).toEqual(Array.from({ length: 11 }, (_, at) => at * 9973 * 1003));
    expect(told.at(-1)).toMatchObject({ share: 1, isMore: false });
    expect(told[0]?.share).toBeLessThan(0.01);
    expect(asked.length).toBeLessThan(16);
  });
  test('that finds very much lists the newest, and says that there are older ones', async () => {
    const { asked, told, search } = searching(500_000, 50, () => true);
    await search();
    const last = told.at(-1);
    expect(last?.offsets).toHaveLength(mostFound);
    expect(last?.offsets.at(-1)).toBe(499_999 * 50);
    expect(last?.offsets[0]).toBe((500_000 - mostFound) * 50);
    expect(last).toMatchObject({ share: 1, isMore: true });
    expect(asked.length).toBeLessThan(20);
  });
  test('that comes upon very much goes on in small stretches', async () => {
    const { asked, told, search } = searching(500_000, 100, (line) => line < 300_000);
    await search();
    expect(told.at(-1)?.offsets.at(-1)).toBe(299_999 * 100);
    expect(told.at(-1)?.isMore).toBe(true);
    expect(asked.length).toBeLessThan(80);
  });
  test('of an empty log, and of one in which nothing is found, ends', async () => {
    for (const lines of [0, 10]) {
      const { told, search } = searching(lines, 10, () => false);
      await search();
      expect(told.at(-1)).toEqual({ offsets: [], share: 1, isMore: false });
    }
  });
});

test('what is searched for is found in a line in any letters, accented ones too, as the server finds it', () => {
  expect(splitFound('An Error, an error', 'error')).toEqual(['An ', 'Error', ', an ', 'error', '']);
  expect(splitFound('EXECUÇÃO em execução', foldLetters('Execução'))).toEqual(['', 'EXECUÇÃO', ' em ', 'execução', '']);
  expect(foldLetters('ÀÖ×ØÞßŁİ')).toBe('àö×øþßŁİ');
  expect(splitFound('none', 'x')).toEqual(['none']);
  expect(splitFound('a', '')).toEqual(['a']);
});

describe('colours of a terminal', () => {
  const seen = (text: string) => ansiParts(text).map((part) => `${part.style}|${part.text}`);
  test('are classes, ended by their end', () => {
    expect(seen('a\u001b[31mb\u001b[1mc\u001b[0md')).toEqual(['|a', 'ansi-1|b', 'ansi-1 ansi-bold|c', '|d']);
    expect(seen('\u001b[38;5;12mx\u001b[39my')).toEqual(['ansi-4 ansi-bright|x', '|y']);
    expect(seen('\u001b[38;2;1;2;3;4mx')).toEqual(['ansi-underline|x']);
    expect(seen('\u001b[38:5:9mx\u001b[39my')).toEqual(['ansi-1 ansi-bright|x', '|y']);
    expect(seen('\u001b[1;38:2::10:20:30;4:3mx\u001b[4:0my')).toEqual(['ansi-bold ansi-underline|x', 'ansi-bold|y']);
    expect(seen('\u001b[48:2:1:2:3mx\u001b[58:5:4;1my')).toEqual(['|x', 'ansi-bold|y']);
    expect(seen('\u001b[7;3mx\u001b[27my')).toEqual(['ansi-inverse ansi-italic|x', 'ansi-italic|y']);
  });
  test('no other sequence comes through, and of a line that was written over the last is left', () => {
    expect(seen('\u001b[2Ja\u001b]0;title\u0007b')).toEqual(['|a' + 'b']);
    expect(seen('10 %\r100 %')).toEqual(['|100 %']);
    expect(seen('plain')).toEqual(['|plain']);
  });
});
