// The DAG files the browser tests run against, for the mock and for the real server alike.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const canary = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
export const wideTasks = 1200;
// JavaScript's numbers end at 2^53: this mark stands for 2^53 + 1 in what is written.
const largeAccount = '@9007199254740993';
export const exactJson = (value, indent) => JSON.stringify(value, null, indent).replace(/"@(\d+)"/g, '$1');

const begin = { schedule: null, start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false };

const demo = {
  dag_id: 'demo',
  description: 'Four tasks, every kind of param',
  ...begin,
  tags: ['demo', 'finance'],
  params: {
    tickers: { type: 'array', items: { type: 'string' }, default: ['PETR4', 'VALE3'], description: 'What to fetch' },
    rows: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
    ratio: { type: 'number', default: 0.5 },
    mode: { enum: ['fast', 'thorough'], default: 'fast' },
    full: { type: 'boolean', default: false, description: 'Read everything again' },
    label: { type: 'string', default: '', maxLength: 8 },
    options: { type: 'object', default: { depth: 2 } },
  },
  tasks: [
    { task_id: 'extract', type: 'shell', command: 'echo fetching; sleep 0.5; echo row 4' },
    { task_id: 'transform', type: 'mock', run_for: '300ms', return: { records: 42 }, depends_on: ['extract'] },
    { task_id: 'audit', type: 'mock', run_for: '200ms', depends_on: ['extract'] },
    { task_id: 'aggregate', type: 'mock', run_for: '200ms', depends_on: ['transform', 'audit'] },
  ],
};

const chatty = {
  dag_id: 'chatty',
  description: 'Writes its log slowly',
  ...begin,
  tasks: [{ task_id: 'talk', type: 'shell', command: 'for i in 1 2 3 4 5 6 7 8 9 10; do echo word $i; sleep 0.7; done' }],
};

const flaky = {
  dag_id: 'flaky',
  description: 'Fails once, then succeeds',
  ...begin,
  tags: ['demo'],
  default_args: { retries: 1, retry_delay: '1s' },
  tasks: [{ task_id: 'wobble', type: 'shell', command: 'echo try {{ ti.try_number }}; test {{ ti.try_number }} -gt 1' }],
};

const slow = {
  dag_id: 'slow',
  description: 'Runs until it is cancelled',
  ...begin,
  tasks: [
    { task_id: 'wait', type: 'mock', run_for: '10m' },
    { task_id: 'after', type: 'mock', depends_on: ['wait'] },
  ],
};

const hostile = {
  dag_id: 'hostile',
  description: canary,
  ...begin,
  params: { note: { type: 'string', title: canary, description: canary, default: canary } },
  tasks: [
    {
      task_id: 'shout',
      type: 'shell',
      command: `printf '%s\\n' '${canary}'; printf '\\033[31mred\\033[0m\\n'`,
    },
  ],
};

const wide = {
  dag_id: 'wide',
  description: `${wideTasks} tasks at once`,
  ...begin,
  tasks: Array.from({ length: wideTasks }, (_, at) => ({
    task_id: `task_${String(at).padStart(4, '0')}`,
    type: 'mock',
  })),
};

// Values that a form or JavaScript's numbers change when nobody looks; names that are not in the
// order of the alphabet.
const exact = {
  dag_id: 'exact',
  description: 'Params that must come through as they are',
  ...begin,
  params: {
    zeta: { type: 'string', default: 'first line\nsecond line' },
    account: { type: 'integer', default: largeAccount },
    middle: { type: 'integer', minimum: 1, default: 1 },
    alpha: { type: 'integer', maximum: 9, default: 2 },
    day: { type: 'string', format: 'date', default: '2026-03-10' },
    moment: { type: 'string', format: 'date-time', default: '2026-03-10T12:05:09.123456-03:00' },
    since: { type: ['string', 'null'], format: 'date-time', default: null },
  },
  tasks: [{ task_id: 'only', type: 'mock' }],
};

// As long as names may be, without a place to break a line.
export const longName = 'a_name_without_a_break_'.repeat(10).slice(0, 126);
const long = {
  dag_id: longName,
  description: 'x'.repeat(400),
  ...begin,
  tags: ['t'.repeat(100)],
  default_args: { owner: 'o'.repeat(120) },
  params: { [longName]: { type: 'string', default: 'y'.repeat(300), description: 'z'.repeat(300) } },
  tasks: [
    { task_id: longName, type: 'mock' },
    { task_id: `${longName}_b`, type: 'mock', depends_on: [longName] },
  ],
};

export const floodLines = 60_000; // more than the page shows, and than one answer of the server holds
const flood = {
  dag_id: 'flood',
  description: 'A log of many lines',
  ...begin,
  tasks: [{ task_id: 'flood', type: 'shell', command: `seq -f 'line %.0f' 1 ${floodLines}` }],
};

// Its file is rewritten, broken and removed by the tests.
export const changing = {
  dag_id: 'changing',
  description: 'Changes while one looks',
  ...begin,
  tasks: [
    { task_id: 'one', type: 'mock' },
    { task_id: 'two', type: 'mock', depends_on: ['one'] },
  ],
};

// The same for a test that looks at its versions.
export const edited = { ...changing, dag_id: 'edited' };

// People are asked before it goes on.
const asking = {
  dag_id: 'asking',
  description: 'Waits for an answer',
  ...begin,
  tasks: [
    {
      task_id: 'ask',
      type: 'approval',
      subject: 'Deploy 1.4?',
      body: `All *green*.\n${canary}`,
      defaults: 'Reject',
      response_timeout: '1h',
      params: { count: { type: 'integer', minimum: 1, default: 2, description: 'How many' } },
    },
    { task_id: 'deploy', type: 'mock', depends_on: ['ask'] },
  ],
};

// A diamond with an edge that would pass behind a box, a mapped task and a branch that fails.
const branchy = {
  dag_id: 'branchy',
  description: 'One of its branches fails',
  doc_md: '# Branchy\n\nSee *the* **docs** at [the site](https://example.org/a).\n\n- one\n- two\n\n<img src=x onerror="window.pwned=1">',
  ...begin,
  tasks: [
    { task_id: 'start', type: 'mock', run_for: '50ms' },
    { task_id: 'bad', type: 'shell', command: 'echo about to fail; exit 3', depends_on: ['start'] },
    { task_id: 'many', type: 'shell', command: 'echo part', expand: { env: [{ PART: 'a' }, { PART: 'b' }, { PART: 'c' }] }, depends_on: ['start'] },
    { task_id: 'end', type: 'mock', depends_on: ['start', 'bad', 'many'] },
  ],
};

// The same for a test that counts its runs.
const steady = { ...branchy, dag_id: 'steady', description: 'Its runs are counted' };

// Groups in a group, a task in them that fails, edges past boxes, labels, a setup and its teardown, names for people.
const grouped = {
  dag_id: 'grouped',
  description: 'Task groups, one in another',
  doc_md: 'Loads *prices* and tells of them.\n\n- orders first\n- then **prices**',
  ...begin,
  task_groups: {
    load: { display_name: 'Load everything', doc_md: 'All that is **read**.' },
    prices: { parent: 'load' },
  },
  tasks: [
    { task_id: 'open_store', type: 'mock', run_for: '50ms', setup: true },
    { task_id: 'orders', group: 'load', type: 'mock', run_for: '50ms', depends_on: ['open_store'], edge_labels: { open_store: 'when open' } },
    { task_id: 'customers', group: 'load', type: 'mock', run_for: '50ms', depends_on: ['orders'] },
    { task_id: 'spot', group: 'prices', type: 'shell', command: 'exit 1', depends_on: ['open_store'], display_name: 'Spot prices', doc_md: 'From the *market*.' },
    { task_id: 'futures', group: 'prices', type: 'mock', run_for: '50ms', depends_on: ['open_store'] },
    { task_id: 'report', type: 'mock', depends_on: ['load', 'open_store'] },
    { task_id: 'close_store', type: 'mock', depends_on: ['report'], teardown: ['open_store'] },
  ],
};

// Has a schedule, so that there is something to come; its runs are far apart, so that none starts while tests run.
const halfyearly = {
  dag_id: 'halfyearly',
  description: 'Runs twice a year',
  ...begin,
  schedule: '0 0 1 1,7 *',
  catchup: false,
  tasks: [{ task_id: 'count', type: 'mock', run_for: '20ms' }],
};

export const dags = [halfyearly, steady, demo, asking, branchy, grouped, chatty, flaky, slow, hostile, wide, exact, long, flood, changing, edited];

/** Writes the DAG files and one that is half a file. */
export function writeDags(folder) {
  mkdirSync(folder, { recursive: true });
  for (const dag of dags) writeFileSync(join(folder, `${dag.dag_id}.json`), exactJson(dag, 2));
  writeFileSync(join(folder, 'broken.json'), '{\n  "dag_id": "broken",\n  "tasks": [\n');
}

/** Files by name, as JSON, into a Git repository, which is made by the first commit. */
export function commit(repository, files, subject) {
  const git = (...args) => execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false', ...args], { stdio: 'pipe', env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1' } });
  mkdirSync(repository, { recursive: true });
  git('init', '--quiet', '--initial-branch', 'main');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(repository, name)), { recursive: true });
    writeFileSync(join(repository, name), JSON.stringify(content, null, 2));
  }
  git('add', '--all');
  git('commit', '--quiet', '--message', subject);
}
