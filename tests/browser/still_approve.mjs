// Records the still world from the built server and approves the pictures of its views: ./dev pictures --approve.
//   BATUTA_BUILD_DIR=build node still_approve.mjs             the world anew, then the pictures
//   BATUTA_WEB_DIST=… node still_approve.mjs --pictures       the pictures alone, of the world that is there; --world: the world alone
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { dags, exactJson } from './fixture_dags.mjs';
import { ask, linkOf, patience, until } from './picture_server.mjs';
import { approvedFile, keepPicture, largest, pictures } from './still_pictures.mjs';
import { openView, stillViews, widths } from './still_views.mjs';
import { answersFile, exactParse, exactText, keyOf, stillContext } from './still_world.mjs';

const onlyPictures = process.argv.includes('--pictures');
const onlyWorld = process.argv.includes('--world');
const begin = { schedule: null, start_date: '2024-01-01T00:00:00Z', is_paused_upon_creation: false };
const shown = ['demo', 'branchy', 'grouped', 'exact', 'halfyearly'];
const put = (path, value) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof value === 'string' ? value : exactJson(value));
};

function writeFiles(folder) {
  for (const dag of dags.filter((one) => shown.includes(one.dag_id))) put(join(folder, 'dags', `${dag.dag_id}.json`), dag);
  const task = (task_id, type, more = {}) => ({ task_id, type, contract: 'shop/orders', ...more });
  put(join(folder, 'dags', 'shop.json'), { dag_id: 'shop', ...begin, description: 'What the shop sold', tasks: [task('take', 'extract'), task('clean', 'transform', { depends_on: ['take'] })] });
  put(join(folder, 'dags', 'waits.json'), { dag_id: 'waits', ...begin, schedule: { assets: { stale: 'gold/shop/daily', of: ['silver/shop/orders', 's3://lake/rates'] } }, description: 'Makes the days of the shop', tasks: [{ task_id: 'go', type: 'mock' }] });
  put(join(folder, 'dags', 'broken.json'), '{ "dag_id": "broken", "tasks": [');
  put(join(folder, 'contracts', 'shop', 'orders.odcs.yaml'), {
    apiVersion: 'v3.1.0', kind: 'DataContract', id: 'shop-orders', version: '1.2.0', status: 'active', domain: 'shop', team: [{ username: 'ana', role: 'owner' }],
    slaProperties: [{ property: 'freshness', value: 1, unit: 'd' }],
    servers: [{ server: 'drop', type: 'local', path: join(folder, 'drop', 'orders.csv'), format: 'csv' }],
    schema: [{
      name: 'orders', description: 'Orders of the shop',
      properties: [
        { name: 'id', logicalType: 'integer', primaryKey: true, required: true, description: 'Number of the order', classification: 'public', tags: ['key'] },
        { name: 'day', logicalType: 'date', required: true, partitioned: true },
        { name: 'note', logicalType: 'string', description: 'What was said' },
        { name: 'total', logicalType: 'integer' },
      ],
      quality: [{ metric: 'rowCount', mustBeGreaterThan: 0 }],
    }],
  });
  put(join(folder, 'monitors', 'shop.json'), {
    monitors: [
      { name: 'fresh', kind: 'freshness', table: 'silver/shop/orders', within: '1d' },
      { name: 'late', kind: 'freshness', table: 'silver/shop/nothing', within: '1d', severity: 'critical' },
      { name: 'table_cost', kind: 'cost', table: 'silver/shop/orders', window: '7d', at_most: { runs: 100, bytes_stored: '20GiB' } },
      { name: 'cost', kind: 'cost', window: '7d', at_most: { cpu_seconds: 3600, bytes_stored: '1KiB' } },
    ],
  });
}
const orders = (...rows) => ['id,day,note,total', ...rows, ''].join('\n');

async function runOnce(page, dag) {
  const list = `/api/v2/dags/${dag}/dagRuns`;
  const run = await until(`a trigger of ${dag}`, () => ask(page, 'POST', list, { logical_date: null, conf: {} }));
  return until(`the run of ${dag}`, async () => {
    const now = await ask(page, 'GET', `${list}/${encodeURIComponent(run.dag_run_id)}`);
    return now && ['success', 'failed'].includes(now.state) ? now : null;
  });
}

// Of long lists the first are enough to be seen.
const mostRows = 12;
function shorter(body) {
  for (const name of ['task_instances', 'plugins', 'metrics']) if (Array.isArray(body[name])) body[name] = body[name].slice(0, mostRows);
  return body;
}

async function record(browser) {
  const build = resolve(process.env.BATUTA_BUILD_DIR);
  const folder = mkdtempSync(join(tmpdir(), 'batuta-still-'));
  writeFiles(folder);
  put(join(folder, 'drop', 'orders.csv'), orders('1,2024-05-06,fine,10', '2,2024-05-06,,20', '3,2024-05-07,fine,30', 'x,2024-05-07,no number,1', 'y,32/05/2024,neither,1'));
  const args = ['standalone', '--home', join(folder, 'home'), '--dags', join(folder, 'dags'), '--plugins', join(build, 'plugins'), '--port', '0', '--slots', '4'];
  const server = spawn(join(build, 'batuta'), args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, BATUTA_LAKE_MAINTENANCE: 'off', BATUTA_LAKE_REPORT: 'off' } });
  const gone = new Promise((done) => server.on('exit', done));
  try {
    const link = await linkOf(server);
    const first = await (await browser.newContext()).newPage();
    await first.goto(`${link.url}/#login=${link.code}`);
    await first.getByRole('heading', { name: 'DAGs' }).waitFor();
    let failed = '';
    for (const dag of ['demo', 'branchy', 'grouped', 'branchy', 'shop']) {
      const run = await runOnce(first, dag);
      if (dag === 'branchy') failed = run.dag_run_id;
      if (dag === 'shop' && run.state !== 'success') throw new Error('the run of shop failed');
    }
    put(join(folder, 'drop', 'orders.csv'), orders('1,2024-05-06,fine,11', '4,2024-05-08,later,40'));
    await runOnce(first, 'shop');
    execFileSync(join(build, 'batuta'), ['monitors', 'run', '--home', join(folder, 'home')], { stdio: 'ignore', env: { ...process.env, BATUTA_URL: undefined } });
    await ask(first, 'POST', '/api/v2/variables', { key: 'SLACK_ALERT_CHANNEL', value: '#alerts', description: 'Where alerts go' });
    await ask(first, 'POST', '/api/v2/connections', { connection_id: 'quotes_api', conn_type: 'http', host: 'http://127.0.0.1', port: 9000 });
    await ask(first, 'POST', '/api/v2/pools', { name: 'database', slots: 4, description: 'Connections to the database' });
    const cookies = await first.context().cookies();
    await first.close();
    const now = Date.now();
    const answers = {};
    const { context } = await stillContext(browser, { now }, 'en');
    await context.addCookies(cookies);
    const waiting = [];
    context.on('response', (response) => {
      const request = response.request();
      if (!new URL(request.url()).pathname.startsWith('/api/')) return;
      waiting.push(response.text().then((text) => {
        const hidden = text.replaceAll(folder, '/srv/batuta').replace(/"csrf_token":"[^"]*"/, '"csrf_token":"still"');
        answers[keyOf(request)] = { ...(response.ok() ? {} : { status: response.status() }), body: hidden === '' ? {} : shorter(exactParse(hidden)) };
      }, () => undefined));
    });
    context.setDefaultTimeout(patience / 4);
    // The page of this tree, whichever the server has.
    const dist = process.env.BATUTA_WEB_DIST;
    if (dist) await context.route(/\/(app|lake_views|editor|graph_worker)\.(js|css)$/, (route) => route.fulfill({ path: join(dist, basename(new URL(route.request().url()).pathname)) }));
    const page = await context.newPage();
    await page.goto(`${link.url}/#/dags`);
    await page.locator('.dag-row').first().waitFor();
    for (const view of stillViews({ failed, shop: true })) {
      for (const width of widths) {
        await page.setViewportSize({ width, height: 900 });
        if (width === widths[0]) await openView(page, view, 'en').catch((error) => console.error(`${view.name} cannot be opened: ${error.message}`));
        await page.waitForTimeout(width === widths[0] ? 500 : 80);
      }
      await page.reload();
      await page.locator('main').first().waitFor();
    }
    await Promise.all(waiting);
    const sorted = Object.fromEntries(Object.entries(answers).sort(([one], [other]) => (one < other ? -1 : 1)));
    writeFileSync(answersFile, `{"now":${now},"failed":${JSON.stringify(failed)},"answers":{\n${Object.entries(sorted).map(([key, value]) => `${JSON.stringify(key)}:${exactText(value)}`).join(',\n')}\n}}\n`);
    console.log(`${answersFile}: ${Object.keys(sorted).length} answers, ${Math.ceil(statSync(answersFile).size / 1024)} KiB`);
  } finally {
    server.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function approve(browser) {
  const taken = {};
  await pictures(browser, {
    // It stands still once two in a row are alike.
    seen: ({ name, colours, png }) => {
      const isStill = taken[name]?.join() === colours.join();
      taken[name] = colours;
      keepPicture(name, png); // to be looked at
      return isStill;
    },
  });
  writeFileSync(approvedFile, `{\n${Object.entries(taken).map(([name, lines]) => `${JSON.stringify(name)}: [\n${lines.map((line) => `  ${JSON.stringify(line)}`).join(',\n')}\n]`).join(',\n')}\n}\n`);
  const { size } = statSync(approvedFile);
  console.log(`${approvedFile}: ${Object.keys(taken).length} pictures, ${Math.ceil(size / 1024)} KiB`);
  if (size > largest) throw new Error(`${approvedFile} is larger than ${largest >> 10} KiB`);
}

mkdirSync(dirname(answersFile), { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none', '--disable-lcd-text'] });
try {
  if (!onlyPictures) await record(browser);
  if (!onlyWorld) await approve(browser);
} finally {
  await browser.close();
}
