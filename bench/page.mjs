// The page with much in it, in a traced Chromium with a server of its own: how long until one sees it, what the main thread
// does meanwhile, what is moved. Medians over repetitions with the goal and the ratio to it beside them.
//   node page.mjs --build FOLDER [--repeats N] [--quick] [--only PART]
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const { values: options } = parseArgs({
  options: {
    build: { type: 'string', default: 'build' },
    repeats: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`./dev bench page [--repeats N] [--quick] [--only PART]
The page with 2,000 DAGs, a grid of 10,000 tasks x 50 runs, a graph of 1,000 boxes, a run of 20,000 tasks, a log of 200 MB,
1,000 tables and a live run of 5,000 tasks. --quick: a tenth of each, to see that it works. PART: dags, grid, graph, run, log, tables, live.`);
  process.exit(0);
}
const { chromium } = createRequire(join(root, 'tests', 'browser', 'package.json'))('playwright-core');
const build = resolve(options.build);
const share = options.quick ? 0.1 : 1;
const sized = (count) => Math.max(1, Math.round(count * share));
const size = { dags: sized(2000), gridTasks: sized(10_000), gridRuns: options.quick ? 5 : 50, boxes: sized(1000), tasks: sized(20_000), log: sized(200_000_000), tables: sized(1000), live: sized(5000) };
const repeats = Number(options.repeats);
const liveMs = 20_000;
const patience = 60_000;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const percentile = (values, of) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(of * values.length))] ?? 0;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- what there is to see

const folder = mkdtempSync(join(tmpdir(), 'batuta-page-bench-'));
const dagsFolder = join(folder, 'dags');
const base = { schedule: null, start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false, max_active_runs: 100, max_active_tasks: 20_000 };
const mock = (id, more = {}) => ({ task_id: id, type: 'mock', ...more });
const range = (count) => Array.from({ length: count }, (_, at) => at);
const wanted = (part) => options.only === undefined || options.only === part;

function writeDag(id, tasks, more = {}) {
  writeFileSync(join(dagsFolder, `${id}.json`), JSON.stringify({ dag_id: id, ...base, ...more, tasks }));
}

function prepare() {
  mkdirSync(dagsFolder, { recursive: true });
  writeDag('bench_one', [mock('only')]);
  if (wanted('dags')) for (const at of range(size.dags)) writeDag(`dag_${String(at).padStart(4, '0')}`, [mock('only')], { tags: [`tag_${at % 40}`] });
  if (wanted('grid')) writeDag('bench_grid', range(size.gridTasks).map((at) => mock(`t${at}`)));
  const wide = 25; // each box stands behind two of the column before it
  if (wanted('graph')) {
    writeDag('bench_graph', range(size.boxes).map((at) => mock(`t${at}`, { depends_on: at < wide ? [] : [...new Set([0, 7].map((aside) => `t${(Math.floor(at / wide) - 1) * wide + ((at * 3 + aside) % wide)}`))] })));
  }
  if (wanted('run')) writeDag('bench_run', range(size.tasks).map((at) => mock(`t${at}`)));
  if (wanted('log')) writeDag('bench_log', [{ task_id: 'talk', type: 'shell', command: `yes 'a line of a long log, as long as lines of logs are: 0123456789 0123456789' | head -c ${size.log}` }]);
  // Tasks that take a while each, so that the run lasts as long as one looks.
  if (wanted('live')) writeDag('bench_live', range(size.live).map((at) => mock(`t${at}`, { run_for: '20ms' })));
  if (wanted('tables')) {
    for (const at of range(size.tables)) {
      const log = join(folder, 'home', 'lake', 'gold', `domain_${at % 20}`, `table_${at}`, '_delta_log');
      mkdirSync(log, { recursive: true });
      const schema = JSON.stringify({ type: 'struct', fields: range(12).map((column) => ({ name: `c${column}`, type: 'long', nullable: true, metadata: {} })) });
      const actions = [
        { commitInfo: { timestamp: 1_700_000_000_000, operation: 'CREATE TABLE' } },
        { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
        { metaData: { id: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`, format: { provider: 'parquet', options: {} }, schemaString: schema, partitionColumns: [], configuration: {}, createdTime: 1_700_000_000_000 } },
      ];
      writeFileSync(join(log, '00000000000000000000.json'), `${actions.map((one) => JSON.stringify(one)).join('\n')}\n`);
    }
  }
}

// ---- the server

function start() {
  const args = ['standalone', '--home', join(folder, 'home'), '--dags', dagsFolder, '--plugins', join(build, 'plugins'), '--port', '0', '--slots', '2'];
  return spawn(join(build, 'batuta'), args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, BATUTA_LAKE_MAINTENANCE: 'off', BATUTA_LAKE_REPORT: 'off', BATUTA_LAKE_MONITORS: 'off' } });
}

const linkOf = (server) =>
  new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      const found = /(http:\/\/\S+)\/#login=(\S+)/.exec(line);
      if (found) resolve({ url: found[1], code: found[2] });
    });
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });

// ---- the browser

// A page whose main thread is watched from its first script on.
async function newPage(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.addInitScript(() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
      for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
    }).observe({ entryTypes: ['longtask'] });
  });
  return page;
}

// Milliseconds from going to an address until what it is for is there, and the longest task of the main thread (0: none above 50 ms).
async function opened(context, url, hash, ready) {
  const page = await newPage(context);
  const moved = await counting(page);
  await page.goto(`${url}/favicon.svg`);
  const begun = performance.now();
  await page.goto(`${url}/${hash}`, { waitUntil: 'commit' });
  await page.locator(ready).first().waitFor({ state: 'attached' });
  const ms = performance.now() - begun;
  await pause(300);
  return { page, ms, longest: await page.evaluate(() => window.longest), moved };
}

// Bytes that came over the network, streams too.
async function counting(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.dataReceived', ({ encodedDataLength, dataLength }) => (bytes += encodedDataLength > 0 ? encodedDataLength : dataLength));
  return { bytes: () => bytes, reset: () => (bytes = 0) };
}

// What a trace tells of the main thread while `act` goes on: its longest task, and script with layout of a frame at the 95th of 100.
async function traced(page, act) {
  const browser = page.context().browser();
  await browser.startTracing(page, { categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'toplevel', 'blink.user_timing', '__metadata'] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const main = traceEvents.filter((one) => one.name === 'thread_name' && one.args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`);
  const counts = new Map();
  for (const one of traceEvents) if (one.name === 'FunctionCall') counts.set(`${one.pid} ${one.tid}`, (counts.get(`${one.pid} ${one.tid}`) ?? 0) + 1);
  const thread = main.sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0))[0];
  const mine = traceEvents.filter((one) => `${one.pid} ${one.tid}` === thread && one.ph === 'X').sort((a, b) => a.ts - b.ts);
  const tasks = mine.filter((one) => one.name === 'RunTask' || one.name === 'ThreadControllerImpl::RunTask');
  const work = new Set(['FunctionCall', 'FireAnimationFrame', 'EventDispatch', 'Layout', 'UpdateLayoutTree', 'RunMicrotasks']);
  const frames = mine.filter((one) => one.name === 'FireAnimationFrame' || one.name === 'Commit').length;
  // Inner calls are within outer ones: only what is outermost counts.
  const perFrame = [];
  let [sum, end] = [0, 0];
  for (const one of mine) {
    if (one.name === 'Commit') {
      perFrame.push(sum / 1000);
      sum = 0;
    } else if (work.has(one.name) && one.ts >= end) {
      sum += one.dur ?? 0;
      end = one.ts + (one.dur ?? 0);
    }
  }
  return { longest: Math.max(0, ...tasks.map((one) => (one.dur ?? 0) / 1000)), p95: percentile(perFrame, 0.95), frames };
}

// ---- the parts

const rows = [];
const add = (name, values, unit, goal) => rows.push({ name, value: median(values), unit, goal });

async function several(act) {
  const found = [];
  for (let turn = 0; turn < repeats; turn += 1) found.push(await act());
  return found;
}

function makeParts({ url, context, ask }) {
  const begin = async (dag) => (await ask(`/api/v2/dags/${dag}/dagRuns`, { logical_date: null, conf: {} })).dag_run_id;
  const until = async (dag, run, states) => {
    for (;;) {
      const { state } = await ask(`/api/v2/dags/${dag}/dagRuns/${encodeURIComponent(run)}`);
      if (states.includes(state)) return;
      await pause(100);
    }
  };
  const runs = async (dag, count) => {
    const all = [];
    for (const _ of range(count)) {
      all.push(await begin(dag));
      await until(dag, all[all.length - 1], ['success', 'failed']);
    }
    return all;
  };
  const open = async (hash, ready) => {
    const { page, ...told } = await opened(context, url, hash, ready);
    await page.close();
    return { ...told, bytes: told.moved.bytes() };
  };
  return {
    dags: async () => {
      const found = await several(() => open('#/dags', '.dag-row'));
      add(`${size.dags} DAGs: first row`, found.map((one) => one.ms), 'ms', 300);
      add('  longest task', found.map((one) => one.longest), 'ms', 50);
    },
    grid: async () => {
      await runs('bench_grid', size.gridRuns);
      const answers = await several(async () => {
        const start = performance.now();
        await ask('/api/batuta/dags/bench_grid/grid?runs=50');
        return performance.now() - start;
      });
      add(`grid of ${size.gridTasks} tasks x ${size.gridRuns} runs: the answer`, answers, 'ms', 200);
      const found = await several(async () => {
        const { page, ms, longest } = await opened(context, url, '#/dags/bench_grid', '.grid-row[data-task]');
        const box = await page.getByRole('group', { name: 'Grid of tasks and runs' }).boundingBox();
        await page.mouse.move(box.x + box.width / 2, Math.min(box.y + 200, 700));
        const scrolled = await traced(page, async () => {
          for (let step = 0; step < 60; step += 1) {
            await page.mouse.wheel(0, 400);
            await pause(30);
          }
        });
        await page.close();
        return { ms, longest, scrolled };
      });
      add('  first row', found.map((one) => one.ms), 'ms');
      add('  longest task while it is scrolled', found.map((one) => one.scrolled.longest), 'ms', 50);
      add('  script and layout of a frame, p95', found.map((one) => one.scrolled.p95), 'ms', 8);
    },
    graph: async () => {
      const found = await several(() => open('#/dags/bench_graph?tab=tasks', '.graph-edge'));
      add(`graph of ${size.boxes} boxes: drawn`, found.map((one) => one.ms), 'ms', 1000);
      add('  longest task', found.map((one) => one.longest), 'ms');
    },
    run: async () => {
      const [run] = await runs('bench_run', 1);
      const found = await several(() => open(`#/dags/bench_run/runs/${encodeURIComponent(run)}`, '.task-row'));
      add(`run of ${size.tasks} tasks: first row`, found.map((one) => one.ms), 'ms');
      add('  longest task', found.map((one) => one.longest), 'ms');
      add('  moved', found.map((one) => one.bytes / 1e6), 'MB');
    },
    log: async () => {
      const [run] = await runs('bench_log', 1);
      const found = await several(() => open(`#/dags/bench_log/runs/${encodeURIComponent(run)}?task=talk&tab=log`, '.log-line'));
      add(`log of ${size.log / 1e6} MB: its end`, found.map((one) => one.ms), 'ms', 500);
      add('  moved', found.map((one) => one.bytes / 1e6), 'MB', 1);
    },
    tables: async () => {
      const found = await several(() => open('#/lake', '.lake-list tbody tr'));
      add(`${size.tables} tables: first row`, found.map((one) => one.ms), 'ms');
      add('  longest task', found.map((one) => one.longest), 'ms');
    },
    live: async () => {
      const found = await several(async () => {
        const run = await begin('bench_live');
        const { page, moved } = await opened(context, url, `#/dags/bench_live/runs/${encodeURIComponent(run)}`, '.task-row');
        moved.reset();
        await pause(liveMs);
        const bytes = moved.bytes();
        await page.close();
        await until('bench_live', run, ['success', 'failed']);
        return bytes;
      });
      add(`${liveMs / 1000} s of a live run of ${size.live} tasks: moved`, found.map((bytes) => bytes / 1e6), 'MB', 1);
    },
  };
}

function print() {
  console.log(`\n${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), medians of ${repeats}${options.quick ? ', a tenth of each' : ''}\n`);
  console.log(`| ${'what'.padEnd(52)} | measured | goal | ratio |\n| --- | --: | --: | --: |`);
  for (const { name, value, unit, goal } of rows) {
    const told = value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
    console.log(`| ${name.padEnd(52)} | ${told} ${unit} | ${goal === undefined ? '' : `${goal} ${unit}`} | ${goal === undefined ? '' : (value / goal).toFixed(2)} |`);
  }
}

prepare();
const server = start();
let browser;
try {
  const { url, code } = await linkOf(server);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'] });
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  const first = await newPage(context);
  await first.goto(`${url}/#login=${code}`);
  await first.locator('.who').waitFor();
  const { csrf_token: csrf } = await first.evaluate(async () => (await fetch('/api/batuta/session')).json());
  const ask = async (path, body) => {
    const answer = await context.request.fetch(`${url}${path}`, { timeout: patience, ...(body === undefined ? {} : { method: 'POST', data: body, headers: { 'x-csrf-token': csrf, origin: url } }) });
    if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
    return answer.json();
  };
  // Every DAG is there before anything is measured.
  const all = wanted('dags') ? size.dags : 0;
  while ((await ask('/api/v2/dags?limit=1')).total_entries < all + 1) await pause(100);
  await first.close();
  const parts = makeParts({ url, context, ask });
  for (const [name, part] of Object.entries(parts)) {
    if (!wanted(name)) continue;
    console.error(`${name}…`);
    await part();
  }
  print();
} finally {
  await browser?.close();
  const gone = new Promise((resolve) => server.on('exit', resolve));
  if (server.exitCode === null) {
    server.kill('SIGTERM');
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
}
