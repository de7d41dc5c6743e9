// Takes the pictures of README and docs from the running demo, so that they never go stale: ./dev pictures.
//   node pictures.mjs FOLDER    writes FOLDER/<name>.png; BATUTA_BUILD_DIR says where the built server is
// Light, English, 1280 by 800, UTC, and "now" a minute after the last run has ended. pngquant makes them small.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { ask, linkOf, patience, until } from './picture_server.mjs';

const [out] = process.argv.slice(2);
const build = process.env.BATUTA_BUILD_DIR;
if (!out || !build) throw new Error('usage: BATUTA_BUILD_DIR=build node pictures.mjs FOLDER');
const runs = 4; // that the grid has to show
const largest = 150 << 10; // bytes of a picture: they are kept in the repository
const sql = 'SELECT * FROM gold.financial.financial_data_hour ORDER BY ALL LIMIT 8';

// The demo's run and some more, one after another; the newest comes back.
async function runAll(page) {
  const list = '/api/v2/dags/financial/dagRuns';
  const ended = (least) => async () => {
    const all = (await ask(page, 'GET', `${list}?order_by=-run_after`))?.dag_runs; // none before its file is read
    return all && all.length >= least && all.every((one) => one.state === 'success' || one.state === 'failed') ? all : null;
  };
  const trigger = () => ask(page, 'POST', list, { logical_date: null, conf: {} });
  let all = await until('the DAG financial', ended(0));
  while (all.length < runs) {
    await until('a trigger', trigger); // a DAG whose plugins are not there yet is refused
    all = await until(`run ${all.length + 1} of financial`, ended(all.length + 1));
  }
  return all[0];
}

async function take(page, url) {
  const picture = async (name, hash, ready, first = async () => undefined) => {
    await page.goto(`${url}/${hash}`);
    await page.reload();
    await first();
    await page.locator(ready).first().waitFor({ timeout: 30_000 });
    await page.evaluate(() => document.activeElement?.blur?.());
    await page.waitForTimeout(300); // what fades in
    const file = join(out, `${name}.png`);
    await page.screenshot({ path: file, animations: 'disabled' });
    execFileSync('pngquant', ['--force', '--strip', '--speed', '1', '--quality', '60-95', '--output', file, file]);
    const { size } = statSync(file);
    console.log(`${file}: ${Math.ceil(size / 1024)} KiB`);
    if (size > largest) throw new Error(`${file} is larger than ${largest >> 10} KiB`);
  };
  const run = await runAll(page);
  await page.clock.setFixedTime(new Date(Date.parse(run.end_date) + 60_000));
  const runHash = `#/dags/financial/runs/${encodeURIComponent(run.dag_run_id)}`;
  await picture('home', '#/home', 'h1');
  await picture('grid', '#/dags/financial', '.grid-row[data-task] .grid-fill');
  await picture('run', runHash, '.graph [data-unit]');
  await picture('edit', '#/dags/financial?tab=source&edit=yes', '.cm-line');
  await picture('lineage', '#/lake/gold/financial/financial_data_hour?tab=lineage&depth=3', '.graph [data-unit]');
  await picture('table', '#/lake/gold/financial/financial_data_hour', '.facts [data-badge]', () => page.locator('.trust-why summary').click());
  await picture('quarantine', '#/lake/quarantine/financial/quotes', '.lake-rows tbody tr');
  await picture('sql', `#/lake/sql?${new URLSearchParams({ sql })}`, '.sql-rows tbody tr', () => page.getByRole('button', { name: 'Run it' }).click());
}

const home = mkdtempSync(join(tmpdir(), 'batuta-pictures-'));
mkdirSync(out, { recursive: true });
const server = spawn(join(resolve(build), 'batuta'), ['standalone', '--demo', '--home', home, '--port', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, BATUTA_PAGE_EDIT_DAGS: 'true', BATUTA_LAKE_MAINTENANCE: 'off', BATUTA_LAKE_REPORT: 'off', BATUTA_LAKE_MONITORS: 'off' },
});
const gone = new Promise((done) => server.on('exit', done));
try {
  const { url, code } = await linkOf(server);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', locale: 'en-US', timezoneId: 'UTC', reducedMotion: 'reduce' });
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    await page.goto(`${url}/#login=${code}`);
    await page.getByRole('heading', { name: 'DAGs' }).waitFor();
    await take(page, url);
  } finally {
    await browser.close();
  }
} finally {
  server.kill('SIGTERM');
  await gone;
  rmSync(home, { recursive: true, force: true });
}
