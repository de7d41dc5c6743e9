// Starts the built server with the fixture DAGs in a temporary home, runs the page's tests against it
// and ends it. Exit code: that of the tests.
//   node against_server.mjs                  every file of tests
//   node against_server.mjs FILE...          these alone
//   node against_server.mjs --but FILE...    every other one: ctest has two servers, and a new file is in one of them
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { commit, writeDags } from './fixture_dags.mjs';

const words = process.argv.slice(2);
const build = process.env.BATUTA_BUILD_DIR;
const startLimitMs = 30_000;
const stopLimitMs = 15_000;

// A bundle of a repository, which has no DAG until a test gives it one.
function writeBundle(folder) {
  commit(join(folder, 'teams'), { 'dags/about/notes.txt': 'no DAG yet' }, 'The first of it');
  mkdirSync(join(folder, 'home'), { mode: 0o700 });
  writeFileSync(join(folder, 'home', 'batuta.json'), JSON.stringify({ bundles: [{ name: 'teams', git: join(folder, 'teams'), every: '0s' }] }), { mode: 0o600 });
}

function start(folder) {
  const args = ['standalone', '--home', join(folder, 'home'), '--dags', join(folder, 'dags'), '--plugins', join(build, 'plugins'), '--port', '0', '--slots', '4'];
  return spawn(join(build, 'batuta'), args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, BATUTA_LAKE_MAINTENANCE: 'off', BATUTA_LAKE_REPORT: 'off', BATUTA_PAGE_EDIT_DAGS: 'true', BATUTA_CONNECTIONS_TEST: 'true' } });
}

// The link that the start prints, with its one-time code.
function link(server) {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error('the server printed no link')), startLimitMs);
    createInterface({ input: server.stdout }).on('line', (line) => {
      const found = /(http:\/\/\S+)\/#login=(\S+)/.exec(line);
      if (!found) return;
      clearTimeout(limit);
      resolve({ url: found[1], code: found[2] });
    });
    server.on('error', reject);
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

async function untilDagsAreRead(url) {
  for (const end = Date.now() + startLimitMs; Date.now() < end; ) {
    const health = await fetch(`${url}/api/v2/monitor/health`).catch(() => null);
    if (health?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the server did not become healthy');
}

function stop(server) {
  return new Promise((resolve) => {
    if (server.exitCode !== null) return resolve();
    const limit = setTimeout(() => server.kill('SIGKILL'), stopLimitMs);
    server.on('exit', () => {
      clearTimeout(limit);
      resolve();
    });
    server.kill('SIGTERM');
  });
}

// The mock's alone: streams cut and sessions ended need a server under the test's control; a world that stands still needs none.
const withoutServer = ['reconnect.test.mjs', 'still.test.mjs'];

function filesOf([first, ...others]) {
  const all = readdirSync('.').filter((name) => name.endsWith('.test.mjs') && !withoutServer.includes(name)).sort();
  if (first === '--but') return all.filter((name) => !others.includes(name));
  return first ? [first, ...others] : all;
}

function runTests(file, env) {
  return new Promise((resolve) => {
    spawn(process.execPath, ['--test', file], { env, stdio: 'inherit' }).on('exit', (code) => resolve(code ?? 1));
  });
}

const folder = mkdtempSync(join(tmpdir(), 'batuta-browser-'));
let status = 0;
try {
  writeDags(join(folder, 'dags'));
  writeBundle(folder);
  const server = start(folder);
  try {
    const { url, code } = await link(server);
    await untilDagsAreRead(url);
    const { username, password } = JSON.parse(readFileSync(join(folder, 'home', 'admin.json'), 'utf8'));
    const env = { ...process.env, BATUTA_URL: url, BATUTA_DAGS: join(folder, 'dags'), BATUTA_USERNAME: username, BATUTA_PASSWORD: password };
    // The code works once; the others sign in with the password.
    for (const file of filesOf(words)) {
      const first = file === 'page.test.mjs' ? { BATUTA_LOGIN_CODE: code } : {};
      status = (await runTests(file, { ...env, ...first })) || status;
    }
  } finally {
    await stop(server);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = status;
