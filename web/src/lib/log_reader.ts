// Reads a try's log piece by piece: from its end or around a line, then upward and onward as one asks. One read at a
// time; a new opening makes every answer still on its way void.
import type { LogWindow } from '../api/types';
import { firstPart, isAtEnd, resumeAt, withEarlier, withLater, type LogPart } from './log_part';

export interface LogAsk {
  before?: number;
  from?: number;
  bytes?: number;
}

export const logEnd = 64 * 1024; // what is opened first
const window = logEnd;
const around = 24 * 1024; // before a line that is looked for
const farBehind = 1024 * 1024; // a log that has grown so much is opened at its end anew

export class LogReader {
  part: LogPart | null = null;
  private turn = 0;
  private busy = false;

  constructor(
    private readonly ask: (query: LogAsk) => Promise<LogWindow>,
    private readonly told: (part: LogPart) => void,
  ) {}

  /** At its end, or with the line that begins at byte `at`. */
  async open(at: number | null): Promise<void> {
    const turn = (this.turn += 1);
    this.busy = true;
    try {
      const first = await this.ask(at === null ? { bytes: window } : { from: at, bytes: window });
      if (turn !== this.turn) return;
      let part = firstPart(first);
      if (at !== null && part.start > 0) {
        const before = await this.ask({ before: part.start, bytes: around });
        if (turn !== this.turn) return;
        part = withEarlier(part, before);
      }
      this.put(part);
    } finally {
      if (turn === this.turn) this.busy = false;
    }
  }

  async earlier(): Promise<void> {
    const { part } = this;
    if (!part || part.start <= 0) return;
    await this.read({ before: part.start, bytes: window }, (answer) => withEarlier(part, answer));
  }

  /** Reads on from the end of what is held. */
  async later(): Promise<void> {
    const { part } = this;
    if (!part) return;
    // A last line that is longer than a read is gone on with where it was left.
    const last = resumeAt(part);
    const from = part.end - last < window * 4 ? last : part.end;
    await this.read({ from, bytes: window * 4 }, (answer) => withLater(part, answer));
  }

  /** The newest, for those who follow: on from what is held, or, where that is far behind, from the end. */
  async follow(): Promise<void> {
    if (this.busy) return;
    const { turn } = this;
    for (let before = -1; ; ) {
      await this.later();
      const { part } = this;
      if (turn !== this.turn || !part || isAtEnd(part) || part.end === before) return;
      if (part.size - part.end > farBehind) return this.open(null);
      before = part.end;
    }
  }

  /** What is on its way is not wanted any more. */
  stop(): void {
    this.turn += 1;
  }

  private async read(query: LogAsk, change: (answer: LogWindow) => LogPart): Promise<void> {
    if (this.busy) return;
    const { turn } = this;
    this.busy = true;
    try {
      const answer = await this.ask(query);
      if (turn === this.turn) this.put(change(answer));
    } finally {
      if (turn === this.turn) this.busy = false;
    }
  }

  private put(part: LogPart): void {
    if (part === this.part) return;
    this.part = part;
    this.told(part);
  }
}
