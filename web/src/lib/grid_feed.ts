// A DAG's grid as it is kept current: by what the server answers and what the live stream tells, each of
// which may be the older one. No clock and no network: the view brings both.
import type { Grid, RunEvent, TaskEvent } from '../api/types';
import { applyEvents, mergeRuns } from './grid';

export interface Told {
  runs: readonly RunEvent[];
  tasks: readonly TaskEvent[];
}

export type Need = 'nothing' | 'some' | 'all';

const mostStale = 20; // beyond this the whole is as cheap

export class GridFeed {
  /** What is to be shown; undefined before the first answer. */
  grid: Grid | undefined;
  // Of the reads under way, what came since each began: its answer may have been made before that, so
  // it is told again.
  private all: Told[] | null = null;
  private some: Told[] | null = null;
  private isOld = false; // the whole has to be read
  private stale = new Set<string>(); // these runs have to
  // Runs that were not shown when they moved. Once the whole was read for one, it is either there or
  // older than all that are.
  private readonly sought = new Set<string>();

  /** `ask`: some runs, or (null) the newest ones. */
  constructor(
    private readonly dag: string,
    private readonly ask: (runs: readonly string[] | null, signal?: AbortSignal) => Promise<Grid>,
  ) {}

  /** What to ask of the server now. While the whole is being read its answer is waited for. */
  get need(): Need {
    if (this.all) return 'nothing';
    if (this.isOld || this.stale.size > mostStale) return 'all';
    return this.stale.size > 0 && !this.some ? 'some' : 'nothing';
  }

  /** Whether anything of it is about this DAG. */
  take(batch: Told): boolean {
    const told = { runs: batch.runs.filter((one) => one.dag_id === this.dag), tasks: batch.tasks.filter((one) => one.dag_id === this.dag) };
    if (told.runs.length + told.tasks.length === 0) return false;
    this.all?.push(told);
    this.some?.push(told);
    this.fold(told);
    return true;
  }

  /** The stream did not tell all: what is known is old, and so may be what is on its way. */
  lose(): void {
    this.isOld = true;
    this.some = null;
    this.sought.clear(); // runs may have been deleted: one that stood outside, or comes anew, is shown
  }

  async readAll(signal?: AbortSignal): Promise<Grid> {
    const since: Told[] = (this.all = []);
    this.some = null; // this answer will be as new
    this.isOld = false;
    this.stale = new Set();
    try {
      const answer = await this.ask(null, signal);
      if (this.all !== since) return answer;
      this.put(answer, since);
      return this.grid ?? answer;
    } catch (error) {
      if (this.all === since) this.isOld = true;
      throw error;
    } finally {
      if (this.all === since) this.all = null;
    }
  }

  /** Reads the stale runs; where that fails, the whole is needed. */
  async readSome(): Promise<void> {
    const since: Told[] = (this.some = []);
    const ids = [...this.stale];
    this.stale = new Set();
    const answer = await this.ask(ids).catch(() => null);
    if (this.some !== since) return;
    this.some = null;
    const next = this.grid && answer && mergeRuns(this.grid, answer);
    if (next) this.put(next, since);
    else this.isOld = true;
  }

  private put(grid: Grid, since: readonly Told[]): void {
    this.grid = grid;
    for (const told of since) this.fold(told);
  }

  private fold(told: Told): void {
    if (!this.grid) return;
    const { grid, stale, unknown } = applyEvents(this.grid, told.runs, told.tasks);
    this.grid = grid;
    for (const run of stale) this.stale.add(run);
    for (const run of unknown) {
      if (this.sought.has(run)) continue;
      this.sought.add(run);
      this.isOld = true;
    }
  }
}
