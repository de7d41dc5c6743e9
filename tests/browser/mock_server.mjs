// The page's files and the API's shapes over a make-believe world. It speaks as the real server does:
// session cookie, CSRF token, security headers, server-sent events.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { exactJson, longName } from './fixture_dags.mjs';
import { World } from './mock_world.mjs';

const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";
const files = { '/': 'index.html', '/app.js': 'app.js', '/editor.js': 'editor.js', '/lake_views.js': 'lake_views.js', '/graph_worker.js': 'graph_worker.js', '/app.css': 'app.css', '/favicon.svg': 'favicon.svg' };
const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const csrf = 'mock-csrf';
const logWindow = 4000; // lines; the real server's windows are bytes
const session = { csrf_token: csrf, username: 'admin', role: 'admin' };

class Refusal extends Error {
  constructor(status, detail) {
    super(String(detail));
    Object.assign(this, { status, detail });
  }
}

const must = (value) => value ?? refuse(404, 'no such resource');
const refuse = (status, detail) => {
  throw new Refusal(status, detail);
};

function dagJson(dag) {
  return {
    dag_id: dag.dag_id,
    dag_display_name: dag.dag_id,
    description: dag.description,
    is_paused: dag.is_paused,
    is_stale: dag.is_stale ?? false,
    has_import_errors: dag.has_import_errors ?? false,
    tags: (dag.tags ?? []).map((name) => ({ name })),
    owners: ['data'],
    timetable_summary: dag.dag_id === 'demo' ? '@hourly' : null,
    timetable_description: 'Never, external triggers only',
    next_dagrun_run_after: dag.dag_id === 'demo' ? new Date(Date.now() + 1_500_000).toISOString() : null,
    max_active_runs: 16,
    relative_fileloc: `${dag.dag_id}.json`,
    catchup: false,
    start_date: dag.start_date,
    timezone: 'UTC',
    params: Object.fromEntries(
      Object.entries(dag.params ?? {}).map(([name, { default: value, description = null, ...schema }]) => [name, { value, description, schema }]),
    ),
    latest_dag_version: { version_number: dag.number ?? 1 },
  };
}

function checkConf(dag, conf) {
  const problems = [];
  const label = dag.params?.label;
  if (label && (conf.label ?? '').length > label.maxLength) {
    problems.push({ loc: ['body', 'conf', 'label'], msg: `must have at most ${label.maxLength} characters`, type: 'value_error' });
  }
  if (problems.length > 0) refuse(422, problems);
}

const page = (rows, query, name) => {
  const offset = Number(query.get('offset') ?? 0);
  const limit = Number(query.get('limit') ?? 50);
  return { [name]: rows.slice(offset, offset + limit), total_entries: rows.length };
};

const groupsOf = (dag) => Object.entries(dag.task_groups ?? {}).map(([group_id, { parent = null, display_name = group_id, doc_md = null }]) => ({ group_id, parent, display_name, doc_md }));

function tasksOf(dag) {
  return dag.tasks.map((task) => ({
    task_id: task.task_id,
    task_display_name: task.task_id,
    operator_name: task.type,
    owner: 'data',
    trigger_rule: 'all_success',
    pool: 'default_pool',
    retries: dag.default_args?.retries ?? 0,
    is_mapped: false,
    downstream_task_ids: dag.tasks.filter((one) => one.depends_on?.includes(task.task_id)).map((one) => one.task_id),
    batuta: { edge_labels: {}, group: task.group ?? null, is_setup: task.setup === true, is_teardown: task.teardown !== undefined, is_on_exit: false, inlets: [], outlets: [] },
  }));
}

const letters = { null: '-', queued: 'q', running: 'r', success: 's', failed: 'f', up_for_retry: 'y', upstream_failed: 'u', skipped: 'k' };

function grid(w, dag, limit) {
  const runs = w.runs.filter((run) => run.dag_id === dag.dag_id);
  return {
    dag_id: dag.dag_id,
    tasks: dag.tasks.map((task) => ({ task_id: task.task_id, operator_name: task.type, is_mapped: false, is_gone: false, group: task.group ?? null })),
    groups: groupsOf(dag),
    runs: runs.slice(0, limit).map((run) => ({
      ...w.runJson(run),
      version_number: run.version,
      cells: dag.tasks.map((task) => letters[run.tasks.find((one) => one.spec.task_id === task.task_id)?.state] ?? ' ').join(''),
      mapped: {},
    })),
    total_runs: runs.length,
  };
}

function home(w) {
  const of = (state) => {
    const runs = w.runs.filter((run) => run.state === state).map((run) => w.runJson(run));
    return { runs: runs.slice(0, 10), total: runs.length };
  };
  const at = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
  return {
    now: at(0), hours: 24, from: at(-24),
    history: Array.from({ length: 24 }, (_, hour) => ({ from: at(hour - 24), success: hour % 5, failed: hour % 7 === 0 ? 1 : 0 })),
    failed: of('failed'), running: of('running'), queued: of('queued'),
    tasks: { running: 0, queued: 0, scheduled: 0, up_for_retry: 0, deferred: 0 },
    dags: { active: w.dags.size, paused: 0 },
    late: { dags: [], total: 0 },
    upcoming: { dags: [{ dag_id: 'demo', run_after: at(0.4) }], total: 1 },
    import_errors: 1, warnings: 1, pools: [], workers: [],
  };
}

// [method, pattern, handler(world, ids, query, body, reply)]
const routes = [
  ['GET', '/version', () => ({ version: '0.1.0' })],
  ['GET', '/dags', (w, _, q) => {
    const text = (q.get('dag_id_pattern') ?? '').replaceAll('%', '');
    const rows = [...w.dags.values()].filter((dag) => dag.dag_id.includes(text) && (!q.has('tags') || dag.tags?.includes(q.get('tags'))) && (!q.has('paused') || String(dag.is_paused) === q.get('paused')));
    const runsOf = (dag) => w.runs.filter((run) => run.dag_id === dag.dag_id).slice(0, Number(q.get('dag_runs_limit'))).map((run) => w.runJson(run));
    const fits = (dag) => (!q.has('owners') || q.get('owners') === 'data') && (!q.has('is_favorite') || dag.is_favorite === true) && (!q.has('last_dag_run_state') || runsOf(dag)[0]?.state === q.get('last_dag_run_state'));
    return page(rows.filter(fits).map((dag) => ({ ...dagJson(dag), batuta: { is_favorite: dag.is_favorite === true }, latest_dag_runs: runsOf(dag) })), q, 'dags');
  }],
  ['GET', '/api/batuta/search', (w, _, q) => {
    const fits = (name) => name.toLowerCase().includes(q.get('q').toLowerCase());
    const dags = [...w.dags.values()];
    return {
      dags: dags.filter((dag) => fits(dag.dag_id)).map(({ dag_id, description }) => ({ dag_id, description })).slice(0, 8),
      tasks: dags.flatMap((dag) => dag.tasks.filter((task) => fits(task.task_id)).map((task) => ({ dag_id: dag.dag_id, task_id: task.task_id }))).slice(0, 8),
      runs: w.runs.filter((run) => fits(run.dag_run_id)).map((run) => w.runJson(run)).slice(0, 8),
      more: false,
    };
  }],
  ['GET', '/dagTags', (w, _, q) => page([...new Set([...w.dags.values()].flatMap((dag) => dag.tags ?? []))], q, 'tags')],
  ['GET', '/importErrors', () => ({ import_errors: [{ import_error_id: 1, timestamp: new Date().toISOString(), filename: 'broken.json', stack_trace: 'broken.json:4:1 : the file ends in the middle of an array' }], total_entries: 1 })],
  ['GET', '/dagWarnings', () => ({ dag_warnings: [{ dag_id: 'slow', warning_type: 'runtime varying value', batuta: { kind: 'unknown plugin' }, message: 'no worker offers financial_bronse; did you mean financial_bronze?', timestamp: new Date().toISOString() }], total_entries: 1 })],
  ['GET', '/dagSources/:dag', (w, [dag]) => ({ content: JSON.stringify(must(w.dags.get(dag)), null, 2), version_number: 1 })],
  ['GET', '/dags/:dag/dagVersions', (w, [dag]) => ({ dag_versions: [{ version_number: must(w.dags.get(dag)).number ?? 1, created_at: new Date().toISOString() }], total_entries: 1 })],
  ['GET', '/dags/:dag/details', (w, [dag]) => dagJson(must(w.dags.get(dag)))],
  ['GET', '/dags/:dag/tasks', (w, [dag], q) => ({ tasks: tasksOf(w.version(must(w.dags.get(dag)), Number(q.get('version_number') ?? 0))), batuta: { groups: groupsOf(must(w.dags.get(dag))) } })],
  ['POST', '/dags/:dag/favorite', (w, [dag]) => ((must(w.dags.get(dag)).is_favorite = true), {})],
  ['POST', '/dags/:dag/unfavorite', (w, [dag]) => ((must(w.dags.get(dag)).is_favorite = false), {})],
  ['PATCH', '/dags/:dag', (w, [dag], _, body) => {
    must(w.dags.get(dag)).is_paused = body.is_paused;
    w.emit('dag', { dag_id: dag });
    return dagJson(w.dags.get(dag));
  }],
  ['GET', '/dags/:dag/dagRuns', (w, [dag], q) => page(w.runs.filter((run) => run.dag_id === dag && (!q.has('state') || run.state === q.get('state'))).map((run) => w.runJson(run)), q, 'dag_runs')],
  ['POST', '/dags/:dag/dagRuns', (w, [dag], _, body) => {
    checkConf(must(w.dags.get(dag)), body.conf);
    return w.runJson(w.trigger(dag, body.conf));
  }],
  ['GET', '/dags/~/dagRuns/~/hitlDetails', (w, _, q) => {
    const waiting = w.runs.flatMap((run) => run.tasks.filter((task) => task.state === 'deferred').map((task) => w.questionJson(run, task)));
    return page(waiting, q, 'hitl_details');
  }],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances/:task/:index/hitlDetails/tries/:try', (w, ids) => {
    const task = taskOf(w, ids);
    return task.spec.type === 'approval' ? w.questionJson(runOf(w, ids), task) : refuse(404, 'it asks nothing');
  }],
  ['PATCH', '/dags/:dag/dagRuns/:run/taskInstances/:task/:index/hitlDetails', (w, ids, _, body) => {
    if (!Number.isInteger(body.params_input.count)) refuse(400, '/params_input/count: must be integer, not a text');
    w.answer(runOf(w, ids), taskOf(w, ids), body);
    return { responded_by: { id: 'admin', name: 'admin' }, ...body };
  }],
  ['GET', '/dags/:dag/dagRuns/:run', (w, ids) => w.runJson(runOf(w, ids))],
  ['PATCH', '/dags/:dag/dagRuns/:run', (w, ids) => {
    w.cancel(runOf(w, ids));
    return w.runJson(runOf(w, ids));
  }],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances', (w, ids, q) => page(runOf(w, ids).tasks.map((task) => w.taskJson(runOf(w, ids), task)), q, 'task_instances')],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances/:task', (w, ids) => w.taskJson(runOf(w, ids), taskOf(w, ids))],
  ['PATCH', '/dags/:dag/dagRuns/:run/taskInstances/:task', (w, ids, _, body) => {
    w.setTask(runOf(w, ids), taskOf(w, ids), body.new_state);
    return w.taskJson(runOf(w, ids), taskOf(w, ids));
  }],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances/:task/tries', (w, ids) => {
    const task = taskOf(w, ids);
    return { task_instances: task.tries.map((_, at) => w.taskJson(runOf(w, ids), task, at + 1)), total_entries: task.tries.length };
  }],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances/:task/logs/:try', (w, ids, q, _, reply) => {
    const attempt = must(taskOf(w, ids).tries[Number(ids[3]) - 1]);
    const from = Number(q.get('token') ?? 0);
    const content = attempt.log.slice(from, from + logWindow);
    const token = attempt.end && from + content.length === attempt.log.length ? null : String(from + content.length);
    if (!reply.plain) return { content, continuation_token: token };
    if (token !== null) reply.headers['x-continuation-token'] = token;
    return content.map((line) => `${line.timestamp} ${line.level.toUpperCase()} ${line.event}\n`).join('');
  }],
  ['GET', '/api/batuta/dags/:dag/dagRuns/:run/taskInstances/:task/log', (w, ids, q) => {
    const task = q.has('allow_none') ? runOf(w, ids).tasks.find((one) => one.spec.task_id === ids[2]) : taskOf(w, ids);
    if (q.has('allow_none') && !task?.tries.length) return { content: [], start: 0, end: 0, size: 0, try_number: 0, is_ended: false };
    const tryNumber = Number(q.get('try_number') ?? task.tries.length);
    const attempt = must(task.tries[tryNumber - 1]);
    const number = (name) => (q.has(name) ? Number(q.get(name)) : null);
    let size = 0;
    const all = attempt.log.map((line) => ({ ...line, offset: size, end: (size += line.event.length + 30) }));
    const [from, before, bytes] = [number('from'), Math.min(size, number('before') ?? size), number('bytes') ?? 65536];
    const levels = q.getAll('level');
    const isSearch = q.has('q') || levels.length > 0;
    const fits = (line) => line.event.toLowerCase().includes((q.get('q') ?? '').toLowerCase()) && (levels.length === 0 || levels.includes(line.level));
    const rows = isSearch ? all.filter((line) => line.offset >= (from ?? 0) && fits(line)) : from !== null ? all.filter((line) => line.offset >= from && line.end <= from + bytes) : all.filter((line) => line.offset >= before - bytes && line.end <= before);
    const [start, end] = isSearch ? [from ?? 0, size] : from !== null ? [from, rows.at(-1)?.end ?? from] : [rows[0]?.offset ?? before, before];
    return { content: rows.map(({ end: _, ...line }) => line), start, end, size, try_number: tryNumber, is_ended: attempt.end !== null };
  }],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances/:task/dependencies', (w, ids) => ({
    dependencies: (taskOf(w, ids).spec.depends_on ?? []).map((id) => ({ name: 'Trigger Rule', reason: `all_success: ${id} has not ended` })),
  })],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances/:task/xcomEntries', (w, ids) => {
    const task = taskOf(w, ids);
    const rows = task.state === 'success' && task.spec.return ? [{ key: 'return_value', timestamp: new Date().toISOString(), map_index: -1 }] : [];
    return { xcom_entries: rows, total_entries: rows.length };
  }],
  ['GET', '/dags/:dag/dagRuns/:run/taskInstances/:task/xcomEntries/:key', (w, ids) => ({ key: ids[3], timestamp: '', map_index: -1, value: taskOf(w, ids).spec.return })],
  ['POST', '/dags/:dag/clearTaskInstances', (w, [dag], _, body) => {
    const run = runOf(w, [dag, body.dag_run_id]);
    const tasks = w.affected(run, body);
    const rows = tasks.map((task) => w.taskJson(run, task));
    if (!body.dry_run) w.clear(run, tasks);
    return { task_instances: rows, total_entries: rows.length };
  }],
  ['GET', '/pools', () => ({ pools: [{ name: 'default_pool', description: 'Default pool', slots: 128, occupied_slots: 40, running_slots: 24, queued_slots: 16, scheduled_slots: 3, open_slots: 88 }, { name: longName, description: null, slots: 1, occupied_slots: 0, running_slots: 0, queued_slots: 0, scheduled_slots: 0, open_slots: 1 }], total_entries: 2 })],
  ['GET', '/variables', () => ({ variables: [{ key: 'SLACK_ETL_ALERT_CHANNEL', value: '#alerts', description: 'Where alerts go' }, { key: longName, value: 'v'.repeat(5000), description: 'd'.repeat(300) }], total_entries: 2 })],
  ['GET', '/connections', () => ({ connections: [{ connection_id: 'quotes_api', conn_type: 'http', description: null, host: 'http://127.0.0.1', login: null, port: 9000, schema: null }, { connection_id: longName, conn_type: 'http', description: 'd'.repeat(300), host: `https://${'h'.repeat(200)}`, login: 'l'.repeat(100), port: 1, schema: null }], total_entries: 2 })],
  ['GET', '/eventLogs', (w, _, q) => page(w.audit.filter((row) => ['dag_id', 'event'].every((name) => !q.has(name) || row[name] === q.get(name))), q, 'event_logs')],
  ['GET', '/jobs', () => ({ jobs: [{ id: 1, job_type: 'SchedulerJob', state: 'running', hostname: 'localhost', start_date: new Date(Date.now() - 4e6).toISOString(), latest_heartbeat: new Date().toISOString() }], total_entries: 1 })],
  ['GET', '/monitor/health', () => ({ metadatabase: { status: 'healthy' }, scheduler: { status: 'healthy', latest_scheduler_heartbeat: new Date().toISOString() } })],
  ['GET', '/api/batuta/dags/:dag/grid', (w, [dag], q) => grid(w, must(w.dags.get(dag)), Number(q.get('runs') ?? 50))],
  ['GET', '/api/batuta/home', (w) => home(w)],
  ['GET', '/api/lake/branches', () => ({ branches: [], total_entries: 0 })],
  ['GET', '/api/lake/alerts', () => ({ alerts: [], total_entries: 0, counts: { open: 0, acknowledged: 0, closed: 0 }, domains: [], more: false })],
  ['GET', '/api/batuta/dags/:dag/dagRuns/:run/taskInstances/:task/report', (w, ids, q) => {
    const told = taskOf(w, ids).tries[Number(q.get('try_number')) - 1]?.report;
    if (!told) return { try_number: null, quality: [], lineage: [] };
    return { try_number: Number(q.get('try_number')), quality: told, lineage: [{ from: 'bronze/financial/quotes', from_version: 7, to: 'silver/financial/quotes' }] };
  }],
].map(([method, pattern, handler]) => {
  const full = pattern.startsWith('/api/') ? pattern : `/api/v2${pattern}`;
  return { method, handler, match: new RegExp(`^${full.replaceAll(/:\w+/g, '([^/]+)')}$`) };
});

const runOf = (w, [dag, run]) => must(w.runs.find((one) => one.dag_id === dag && one.dag_run_id === run));
const taskOf = (w, ids) => must(runOf(w, ids).tasks.find((one) => one.spec.task_id === ids[2]));

function stream(server, request, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': hello\n\n');
  const listener = (name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  server.world.listeners.add(listener);
  server.streams.add(response);
  request.on('close', () => {
    server.world.listeners.delete(listener);
    server.streams.delete(response);
  });
}

function login(server, body, response) {
  const byCode = body.code !== undefined && server.codes.delete(body.code);
  if (!byCode && !(body.username === 'admin' && body.password === 'admin-password')) {
    refuse(401, 'the user name, password or code is wrong');
  }
  response.setHeader('set-cookie', 'batuta_session=mock; Path=/; HttpOnly; SameSite=Strict');
  server.signedIn = true;
  return session;
}

async function answer(server, request, response) {
  const url = new URL(request.url, 'http://mock');
  const name = files[url.pathname.replace(/^\/a\/[0-9a-f]+(?=\/)/, '')]; // whichever hash they lie under
  if (name) {
    response.setHeader('content-type', types[name.split('.').pop()]);
    return response.end(readFileSync(join(server.dist, name)));
  }
  let text = '';
  for await (const chunk of request) text += chunk;
  const body = text ? JSON.parse(text) : {};
  response.setHeader('content-type', 'application/json');
  if (url.pathname === '/api/batuta/login' && request.method === 'GET') return response.end(JSON.stringify(server.methods ?? { password: true, provider: null }));
  if (url.pathname === '/api/batuta/login') return response.end(JSON.stringify(login(server, body, response)));
  const cookie = request.headers.cookie?.includes('batuta_session=mock');
  if (!cookie || !server.signedIn) refuse(401, 'sign in first');
  if (request.method !== 'GET' && request.headers['x-csrf-token'] !== csrf) refuse(403, 'the X-CSRF-Token header is missing or wrong');
  if (url.pathname === '/api/batuta/session') return response.end(JSON.stringify(session));
  if (url.pathname === '/api/batuta/events') return stream(server, request, response);
  if (url.pathname === '/api/batuta/logout') {
    server.signedIn = false;
    return response.writeHead(204).end();
  }
  for (const route of routes) {
    const match = route.method === request.method ? route.match.exec(url.pathname) : null;
    if (!match) continue;
    const ids = match.slice(1).map(decodeURIComponent);
    const reply = { plain: request.headers.accept === 'text/plain', headers: {} };
    const result = route.handler(server.world, ids, url.searchParams, body, reply);
    for (const [name, value] of Object.entries(reply.headers)) response.setHeader(name, value);
    return response.end(typeof result === 'string' ? result : exactJson(result));
  }
  server.lacks.add(`404 ${url.pathname}`);
  return refuse(404, 'no such resource');
}

/** Starts on a free port. `codes` are the one-time login codes; `dist` the built page. */
export async function startMock({ dist, codes }) {
  const server = { dist, codes: new Set(codes), world: new World(), streams: new Set(), signedIn: false, lacks: new Set() };
  const http = createServer((request, response) => {
    response.setHeader('content-security-policy', csp);
    answer(server, request, response).catch((error) => {
      const status = error.status ?? 500;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ detail: error.detail ?? String(error) }));
    });
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    world: server.world,
    lacks: server.lacks, // what was asked for and is no route here, as "404 <path>"
    /** Breaks every live stream, as a restart would. */
    cutStreams: () => server.streams.forEach((stream) => stream.destroy()),
    endSession: () => (server.signedIn = false),
    stop: () => {
      server.world.stop();
      http.closeAllConnections();
      http.close();
    },
  };
}
