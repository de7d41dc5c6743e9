// The live stream. One EventSource for the whole page; listeners get batches at most ten times a
// second, so that thirty thousand task events a second cost ten renders. After any gap the listeners
// are told to read everything again ("resync").
import { eventsUrl } from './endpoints';
import type { GatheredTasks, RunEvent, TaskEvent } from './types';

export interface Batch {
  runs: RunEvent[];
  tasks: TaskEvent[];
  dags: string[];
  listChanged: boolean;
  resync: boolean;
}

export type Connection = 'connecting' | 'live' | 'lost';

const flushEveryMs = 100;
const batchLimit = 20_000;
const restAfterMs = 3_000; // whoever only looks at another tab comes back to what is live still
const reconnectMs = [500, 1_000, 2_000, 5_000, 10_000];

function emptyBatch(): Batch {
  return { runs: [], tasks: [], dags: [], listChanged: false, resync: false };
}

export class LiveEvents {
  private source: EventSource | null = null;
  private batch = emptyBatch();
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  private restTimer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private opened = false; // what is told from now on is not all: the next opening is behind a gap
  private started = false;
  private readonly listeners = new Set<(batch: Batch) => void>();
  private readonly watchers = new Set<(state: Connection) => void>();
  state: Connection = 'connecting';

  /** `onRefused` is called when the server refuses the stream: the session may have ended. */
  constructor(
    private readonly onRefused: () => void,
    private readonly open: (url: string) => EventSource = (url) => new EventSource(url),
  ) {}

  /** In a tab that nobody sees nothing is opened until somebody does. */
  start(isSeen = true): void {
    this.started = true;
    if (isSeen && !this.source) this.connect();
    else this.opened ||= !isSeen;
  }

  /**
   * Whether somebody sees the page. A browser holds six connections to a server for all of its tabs together, and each stream is
   * one: a page in a hidden tab gives its own back, and reads everything again once it is seen.
   */
  seen(isSeen: boolean): void {
    clearTimeout(this.restTimer);
    if (!this.started) return;
    if (!isSeen) this.restTimer = setTimeout(() => this.rest(), restAfterMs);
    else if (!this.source) this.connect();
  }

  private rest(): void {
    this.source?.close();
    this.source = null;
    clearTimeout(this.reconnectTimer);
    this.failures = 0;
    this.opened = true;
    this.setState('connecting');
  }

  stop(): void {
    this.started = false;
    this.source?.close();
    this.source = null;
    clearTimeout(this.flushTimer);
    clearTimeout(this.reconnectTimer);
    clearTimeout(this.restTimer);
    this.flushTimer = undefined;
    this.opened = false;
    this.failures = 0;
    this.batch = emptyBatch();
  }

  listen(listener: (batch: Batch) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  watch(watcher: (state: Connection) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private setState(state: Connection): void {
    if (this.state === state) return;
    this.state = state;
    for (const watcher of this.watchers) watcher(state);
  }

  private connect(): void {
    const source = this.open(eventsUrl);
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.setState('live');
      if (this.opened) this.add((batch) => (batch.resync = true));
      this.opened = true;
    };
    source.onerror = () => this.onError(source);
    const on = <T>(name: string, take: (batch: Batch, data: T) => void) =>
      source.addEventListener(name, (event) => {
        const data = JSON.parse((event as MessageEvent<string>).data) as T;
        this.add((batch) => take(batch, data));
      });
    on<RunEvent>('run', (batch, run) => batch.runs.push(run));
    on<TaskEvent>('task', (batch, task) => batch.tasks.push(task));
    on<GatheredTasks>('tasks', (batch, { dag_id, dag_run_id, tasks }) => {
      for (const task of tasks) batch.tasks.push({ dag_id, dag_run_id, ...task });
    });
    on<{ dag_id: string }>('dag', (batch, dag) => batch.dags.push(dag.dag_id));
    on<unknown>('dags', (batch) => (batch.listChanged = true));
    on<unknown>('resync', (batch) => (batch.resync = true));
  }

  // A closed source never returns by itself; a connecting one does.
  private onError(source: EventSource): void {
    this.setState('lost');
    if (source.readyState !== 2 || source !== this.source) return;
    const wait = reconnectMs[Math.min(this.failures, reconnectMs.length - 1)] ?? 10_000;
    this.failures += 1;
    this.onRefused();
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = setTimeout(() => {
      if (source === this.source) this.connect();
    }, wait);
  }

  // A hidden tab's timers are slowed by the browser; past the limit one resync replaces the events.
  private add(change: (batch: Batch) => void): void {
    if (this.batch.tasks.length + this.batch.runs.length >= batchLimit) {
      this.batch = { ...emptyBatch(), listChanged: true, resync: true };
    } else {
      change(this.batch);
    }
    this.flushTimer ??= setTimeout(() => this.flush(), flushEveryMs);
  }

  private flush(): void {
    this.flushTimer = undefined;
    const batch = this.batch;
    this.batch = emptyBatch();
    for (const listener of this.listeners) listener(batch);
  }
}
