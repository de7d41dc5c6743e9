// A make-believe scheduler in memory: enough of Batuta's behaviour for the page to be watched.
import { canary, dags as dagFiles, floodLines, longName } from './fixture_dags.mjs';

const tickMs = 50;
const iso = (ms) => new Date(ms).toISOString();
const ended = (state) => ['success', 'failed', 'skipped', 'upstream_failed'].includes(state);

function milliseconds(text) {
  const [, amount, unit] = /^([\d.]+)(ms|s|m)$/.exec(text ?? '0ms');
  return Number(amount) * { ms: 1, s: 1000, m: 60_000 }[unit];
}

// As plugins/lake/quality.cc reports its rules.
const quality = (failed) => [
  { table: 'silver/financial/quotes', rule: 'open_and_close_inside_range', dimension: 'validity', severity: 'blocking', checked: 56000, failed, passed: failed === 0 },
  { table: 'silver/financial/quotes', rule: 'unique_ticker_date', dimension: 'uniqueness', severity: 'warning', checked: 56000, failed: 0, passed: true },
];

// What the shell commands of the fixture DAGs would print, and how long they would take.
const scripts = {
  flood: { lines: Array.from({ length: floodLines }, (_, at) => `line ${at + 1}`), run_for: 100 },
  extract: { lines: ['fetching', 'row 4'], run_for: 500 },
  talk: { lines: Array.from({ length: 10 }, (_, at) => `word ${at + 1}`), run_for: 7000 },
  wobble: { lines: ['trying'], run_for: 100, fail_times: 1, report: (attempt) => quality(attempt === 1 ? 1204 : 0) },
  shout: { lines: [canary, '\u001b[31mred\u001b[0m'], run_for: 100 },
};

export class World {
  constructor() {
    this.dags = new Map(dagFiles.map((dag) => [dag.dag_id, { ...dag, is_paused: false }]));
    this.runs = [];
    this.audit = [];
    this.older = new Map(); // dag id -> earlier versions, the first one first
    this.listeners = new Set();
    this.timer = setInterval(() => this.tick(Date.now()), tickMs);
  }

  stop() {
    clearInterval(this.timer);
  }

  emit(name, data) {
    for (const listener of this.listeners) listener(name, data);
  }

  /** A new version of a DAG, as a changed file makes one. */
  change(dagId, tasks) {
    const dag = this.dags.get(dagId);
    this.older.set(dagId, [...(this.older.get(dagId) ?? []), { ...dag }]);
    Object.assign(dag, { tasks, number: (dag.number ?? 1) + 1 });
    this.emit('dag', { dag_id: dagId });
  }

  version(dag, number) {
    return this.older.get(dag.dag_id)?.[number - 1] ?? dag;
  }

  note(event, dag_id, run_id = null) {
    this.audit.unshift({ event_log_id: this.audit.length + 1, when: iso(Date.now()), event, owner: 'admin', dag_id, run_id, task_id: null, extra: dag_id === longName ? JSON.stringify({ conf: 'c'.repeat(3000) }) : null });
  }

  trigger(dagId, conf) {
    const dag = this.dags.get(dagId);
    const now = Date.now();
    const run = {
      dag_id: dagId,
      dag_run_id: `manual__${iso(now)}`,
      state: 'queued',
      run_type: 'manual',
      conf,
      version: dag.number ?? 1,
      at: now,
      start: null,
      end: null,
      tasks: dag.tasks.map((task) => ({ spec: task, state: null, tries: [] })),
    };
    this.runs.unshift(run);
    this.note('trigger_dag_run', dagId, run.dag_run_id);
    this.emit('run', this.runEvent(run));
    return run;
  }

  tick(now) {
    for (const run of this.runs.filter((one) => !ended(one.state))) {
      if (run.state === 'queued') this.setRun(run, 'running', now);
      for (const task of run.tasks) this.advance(run, task, now);
      if (run.tasks.every((task) => ended(task.state))) {
        const bad = run.tasks.some((task) => task.state === 'failed' || task.state === 'upstream_failed');
        this.setRun(run, bad ? 'failed' : 'success', now);
      }
    }
  }

  advance(run, task, now) {
    const up = (task.spec.depends_on ?? []).map((id) => run.tasks.find((one) => one.spec.task_id === id).state);
    const script = scripts[task.spec.task_id] ?? {};
    if (task.state === null && up.some((state) => state === 'failed' || state === 'upstream_failed')) {
      this.setTask(run, task, 'upstream_failed');
    } else if ((task.state === null && up.every((state) => state === 'success')) || (task.state === 'up_for_retry' && now > task.tries.at(-1).end + 800)) {
      task.tries.push({ start: now, end: null, queued: now - 20, log: [], state: 'running' });
      this.setTask(run, task, task.spec.type === 'approval' ? 'deferred' : 'running');
    } else if (task.state === 'running') {
      const last = task.tries.at(-1);
      const length = script.run_for ?? milliseconds(task.spec.run_for);
      const lines = script.lines ?? ['mock'];
      const due = Math.min(lines.length, Math.ceil(((now - last.start + 1) / (length + 1)) * lines.length));
      while (last.log.length < due) last.log.push({ timestamp: iso(now), level: 'info', event: lines[last.log.length] });
      if (now - last.start < length) return;
      last.end = now;
      last.log = lines.map((event) => ({ timestamp: iso(last.start), level: 'info', event }));
      const failed = task.tries.length <= (script.fail_times ?? 0);
      last.log.push({ timestamp: iso(now), level: failed ? 'error' : 'info', event: `exit code ${failed ? 1 : 0}, peak memory 12 MiB` });
      last.state = failed ? 'failed' : 'success';
      last.report = script.report?.(task.tries.length);
      this.setTask(run, task, failed ? 'up_for_retry' : 'success');
    }
  }

  answer(run, task, body) {
    task.answer = { ...body, at: Date.now() };
    Object.assign(task.tries.at(-1), { end: Date.now(), state: 'success' });
    this.setTask(run, task, 'success');
  }

  questionJson(run, task) {
    const { spec, answer } = task;
    const form = Object.entries(spec.params).map(([name, { default: value, description, ...schema }]) => [name, { value, description, schema }]);
    return {
      subject: spec.subject,
      body: spec.body,
      options: ['Approve', 'Reject'],
      defaults: [spec.defaults],
      multiple: false,
      params: Object.fromEntries(form),
      assigned_users: [],
      created_at: iso(task.tries[0].start),
      responded_by_user: answer ? { id: 'admin', name: 'admin' } : null,
      responded_at: answer ? iso(answer.at) : null,
      chosen_options: answer?.chosen_options ?? null,
      params_input: answer?.params_input ?? {},
      response_received: answer !== undefined,
      task_instance: this.taskJson(run, task),
      batuta: { deadline: iso(task.tries[0].start + 3_600_000), on_reject: 'skip_next', may_answer: answer === undefined },
    };
  }

  setRun(run, state, now) {
    run.state = state;
    if (state === 'running') run.start ??= now;
    run.end = ended(state) ? now : null;
    this.emit('run', this.runEvent(run));
  }

  setTask(run, task, state) {
    task.state = state;
    const { dag_id, dag_run_id, task_id, map_index, try_number, start_date, end_date, duration } = this.taskJson(run, task);
    this.emit('task', { dag_id, dag_run_id, task_id, map_index, state, try_number, start_date, end_date, duration });
  }

  cancel(run) {
    for (const task of run.tasks.filter((one) => !ended(one.state))) {
      if (task.state === 'running') Object.assign(task.tries.at(-1), { end: Date.now(), state: 'failed' });
      this.setTask(run, task, task.state === 'running' ? 'failed' : 'skipped');
    }
    this.setRun(run, 'failed', Date.now());
  }

  /** The tasks a clear would touch. */
  affected(run, body) {
    const chosen = new Set(body.task_ids ?? run.tasks.map((task) => task.spec.task_id));
    if (body.include_downstream) {
      for (const task of run.tasks) {
        if ((task.spec.depends_on ?? []).some((id) => chosen.has(id))) chosen.add(task.spec.task_id);
      }
    }
    return run.tasks.filter((task) => chosen.has(task.spec.task_id) && (!body.only_failed || task.state === 'failed'));
  }

  clear(run, tasks) {
    for (const task of tasks) this.setTask(run, task, null);
    this.setRun(run, 'queued', Date.now());
  }

  runEvent(run) {
    const { dag_id, dag_run_id, state, run_type, start_date, end_date, queued_at } = this.runJson(run);
    return { dag_id, dag_run_id, state, run_type, start_date, end_date, queued_at };
  }

  runJson(run) {
    return {
      dag_id: run.dag_id,
      dag_run_id: run.dag_run_id,
      state: run.state,
      run_type: run.run_type,
      logical_date: null,
      data_interval_start: null,
      data_interval_end: null,
      run_after: iso(run.at),
      queued_at: iso(run.at),
      start_date: run.start ? iso(run.start) : null,
      end_date: run.end ? iso(run.end) : null,
      triggered_by: 'ui',
      triggering_user_name: 'admin',
      conf: run.conf,
      note: null,
      dag_versions: [{ version_number: run.version }],
      batuta: { branch: null },
    };
  }

  taskJson(run, task, attempt = task.tries.length) {
    const one = task.tries[attempt - 1];
    return {
      dag_id: run.dag_id,
      dag_run_id: run.dag_run_id,
      task_id: task.spec.task_id,
      map_index: -1,
      state: attempt === task.tries.length ? task.state : one.state,
      try_number: attempt,
      max_tries: scripts[task.spec.task_id]?.fail_times ?? 0,
      start_date: one ? iso(one.start) : null,
      end_date: one?.end ? iso(one.end) : null,
      duration: one?.end ? (one.end - one.start) / 1000 : null,
      queued_when: one ? iso(one.queued) : null,
      operator: task.spec.type,
      operator_name: task.spec.type,
      pool: 'default_pool',
      priority_weight: 1,
      hostname: 'localhost',
      pid: 4242,
      rendered_fields: { command: task.spec.command ?? null },
      note: null,
      batuta: { reason: null, peak_rss_kib: null, memory_asked_kib: null },
    };
  }
}
