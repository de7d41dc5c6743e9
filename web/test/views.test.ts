// What the views ask of the server and when, drawn without a browser; how they look is for tests/browser.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ComponentType } from 'preact';
import type { Batch } from '../src/api/events';
import { openDocument } from './small_dom';

const now = Date.parse('2026-11-20T12:00:30Z');
const nothing: Batch = { runs: [], tasks: [], dags: [], listChanged: false, resync: false };
const run = (id: string, state: string) => ({
  dag_id: 'd', dag_run_id: id, state, run_type: 'manual', run_after: '2026-11-20T11:00:00Z', queued_at: '2026-11-20T11:00:00Z', start_date: null, end_date: null,
});
const instance = (index: number) => ({
  id: `i${index}`, dag_id: 'd', dag_run_id: 'r', task_id: 'm', map_index: index, rendered_map_index: null, state: 'success', try_number: 1, start_date: null, end_date: null,
});
const home = {
  now: '', hours: 24, from: '', history: [], failed: { runs: [], total: 0 }, running: { runs: [], total: 1234 }, queued: { runs: [], total: 0 },
  tasks: { running: 0, queued: 0, scheduled: 0, up_for_retry: 0, deferred: 0 }, dags: { active: 1, paused: 0 },
  late: { dags: [], total: 0 }, upcoming: { dags: [], total: 0 }, import_errors: 0, warnings: 0,
};

const asking = { ...instance(-1), id: 'a', task_id: 'ask', map_index: -1, operator: 'approval', state: 'deferred' };
const asked = (more: object) => ({
  subject: 'Deploy?', body: 'to *production*', options: ['Approve', 'Reject'], defaults: ['Reject'], multiple: false, params: {}, assigned_users: [],
  created_at: '2026-11-20T11:00:00Z', responded_by_user: null, responded_at: null, chosen_options: null, params_input: {}, response_received: false,
  task_instance: asking, batuta: { deadline: '2026-11-20T13:00:00Z', on_reject: 'skip_next', may_answer: true }, ...more,
});

const never = new Promise<never>(() => undefined);

// A page with one view, a server that answers with what `answers` holds, and the live stream's end.
async function open(hash: string, view: string, props: object, answers: Record<string, unknown>, languages = ['en']) {
  const page = openDocument(hash, languages);
  const asked: { method: string; url: URL; body: unknown }[] = [];
  vi.stubGlobal('fetch', (address: string, init: RequestInit) => {
    const url = new URL(address, 'http://server');
    asked.push({ method: init.method ?? 'GET', url, body: typeof init.body === 'string' ? JSON.parse(init.body) : null });
    return Promise.resolve(answers[url.pathname] ?? {}).then((body) => new Response(JSON.stringify(body)));
  });
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe(): void {}
      disconnect(): void {}
    },
  );
  const { h, render } = await import('preact');
  const { AppContext } = await import('../src/lib/hooks');
  const views = {
    home: async () => (await import('../src/views/home')).HomeView,
    runs: async () => (await import('../src/views/runs')).RunsView,
    tasks: async () => (await import('../src/views/tasks')).TasksView,
    bulk: async () => (await import('../src/views/bulk_runs')).BulkRuns,
    dagRuns: async () => (await import('../src/views/dag_runs')).DagRuns,
    grid: async () => (await import('../src/views/grid')).GridPane,
    gridTask: async () => (await import('../src/views/grid_task')).GridTask,
    question: async () => (await import('../src/views/question_view')).QuestionView,
    lakeRows: async () => (await import('../src/views/lake_rows')).LakeRowsView,
    runAssets: async () => (await import('../src/views/run_assets')).RunAssets,
    maker: async () => (await import('../src/views/lake_versions')).Maker,
    shell: async () => (await import('../src/components/shell')).Shell,
  };
  const component = (await views[view as keyof typeof views]()) as ComponentType<object>;
  const listeners = new Set<(batch: Batch) => void>();
  const live = {
    state: 'live',
    listen: (one: (batch: Batch) => void) => (listeners.add(one), () => listeners.delete(one)),
    watch: () => () => undefined,
  };
  const app = { session: { username: 'ana', role: 'admin' }, live, canOperate: true, notify: vi.fn() };
  const draw = (next: object) => render(h(AppContext.Provider, { value: app as never, children: h(component, next) }), page.root);
  draw(props);
  const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  await wait(500);
  return { ...page, asked, answers, wait, draw, tell: (batch: Partial<Batch>) => listeners.forEach((one) => one({ ...nothing, ...batch })) };
}

beforeEach(() => {
  vi.useFakeTimers({ now });
  vi.resetModules();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('home', () => {
  test('is read again every fifteen seconds, for what is late and who works is told by no event', async () => {
    const page = await open('#/home', 'home', {}, { '/api/batuta/home': home });
    const reads = () => page.asked.filter((one) => one.url.pathname === '/api/batuta/home');
    expect(reads()).toHaveLength(1);
    page.answers['/api/batuta/home'] = { ...home, late: { dags: [{ dag_id: 'behind', run_after: '2026-11-20T11:00:00Z' }], total: 1 } };
    await page.wait(15_000);
    expect(reads()).toHaveLength(2);
    expect(page.root.text).toContain('behind');
  });
  test('names what waits for an answer, and leads to where one answers', async () => {
    const answers = { '/api/batuta/home': home, '/api/v2/dags/~/dagRuns/~/hitlDetails': { hitl_details: [asked({})], total_entries: 1 } };
    const page = await open('#/home', 'home', {}, answers);
    const link = page.root.all('a').find((one) => one.text === 'Deploy?');
    expect(link?.attributes.get('href')).toBe('#/dags/d/runs/r?task=ask');
    const [list] = page.asked.filter((one) => one.url.pathname.endsWith('/hitlDetails'));
    expect(list?.url.search).toBe('?response_received=false&state=deferred&limit=10');
    page.answers['/api/v2/dags/~/dagRuns/~/hitlDetails'] = { hitl_details: [], total_entries: 0 };
    page.tell({ resync: true });
    await page.wait(2500);
    expect(page.root.text).not.toContain('Waiting for an answer');
  });
  test('leads from the runs that ended to those that ended in the same span', async () => {
    const page = await open('#/home', 'home', {}, { '/api/batuta/home': home });
    const link = page.root.all('a').find((one) => one.text === 'Runs that ended');
    expect(link?.attributes.get('href')).toBe('#/runs?state=success&state=failed&hours=24');
  });
  test('writes its numbers as the language does', async () => {
    expect((await open('#/home', 'home', {}, { '/api/batuta/home': home }, ['pt-BR'])).root.text).toContain('1.234');
  });
});

describe('who made a version', () => {
  const made = (dag_id: string | null, dag_run_id: string | null) => open('#/', 'maker', { of: { dag_id, dag_run_id, task_id: 't' } }, {});
  test('leads to the run', async () => {
    const page = await made('d', 'r');
    expect(page.root.all('a').map((one) => one.attributes.get('href'))).toEqual(['#/dags/d/runs/r?task=t']);
  });
  test('is the command line where no run did it, and then leads nowhere', async () => {
    const page = await made('command_line', null);
    expect(page.root.text).toContain('Command line');
    expect(page.root.all('a')).toEqual([]);
  });
  test('is not told of a DAG that one may not see', async () => {
    expect((await made(null, null)).root.text).toContain('–');
  });
});

test('the assets of a run are those that it took, with who told of them, and those that its tasks told of', async () => {
  const event = (id: number, name: string, source_task_id: string | null) => ({
    id, asset_id: id, name, uri: name, group: 'asset', extra: {}, source_dag_id: source_task_id && 'maker', source_run_id: source_task_id && 'm', source_task_id, source_map_index: -1, created_dagruns: [], timestamp: '2026-11-20T11:00:00Z', partition_key: null,
  });
  const page = await open('#/', 'runAssets', { dag: 'd', run: 'r' }, {
    '/api/v2/dags/d/dagRuns/r/upstreamAssetEvents': { asset_events: [event(3, 's3://in', 'load'), event(4, 's3://by_hand', null)], total_entries: 2 },
    '/api/v2/assets/events': { asset_events: [event(5, 's3://out', 'write')], total_entries: 120 },
  });
  expect(page.root.all('a').map((one) => one.attributes.get('href'))).toEqual(['#/assets/3', '#/dags/maker/runs/m?task=load', '#/assets/4', '#/assets/5']);
  expect(page.root.text).toContain('somebody, over the API');
  expect(page.root.text).toContain('and 119 more');
  expect(page.asked.find((one) => one.url.pathname === '/api/v2/assets/events')?.url.searchParams.get('source_run_id')).toBe('r');
});

describe('a question to people', () => {
  const url = '/api/v2/dags/d/dagRuns/r/taskInstances/ask/-1/hitlDetails';
  const props = { task: asking, attempt: 1, onChanged: vi.fn() };
  const see = (question: object, more: object = {}) => open('#/', 'question', { ...props, ...more }, { [`${url}/tries/1`]: question });

  test('shows what is asked and until when, and its options are buttons that answer', async () => {
    const onChanged = vi.fn();
    const page = await see(asked({}), { onChanged });
    expect(page.root.text).toContain('Deploy?');
    expect(page.root.text).toContain('to production');
    expect(page.root.text).toContain('then Reject is taken');
    page.root.button('Approve').fire('click');
    await page.wait(100);
    const deed = page.asked.find((one) => one.method === 'PATCH');
    expect(deed?.url.pathname).toBe(url);
    expect(deed?.body).toEqual({ chosen_options: ['Approve'], params_input: {}, try_number: 1 });
    expect(onChanged).toHaveBeenCalledOnce();
  });

  test('has the form of its params, and sends nothing that the form cannot be', async () => {
    const params = { n: { value: 2, description: null, schema: { type: 'integer', minimum: 1 } }, why: { value: null, description: null, schema: { type: 'string' } } };
    const page = await see(asked({ params }));
    page.root.button('Approve').fire('click');
    await page.wait(100);
    expect(page.root.text).toContain('Needs a value.');
    expect(page.asked.some((one) => one.method === 'PATCH')).toBe(false);
    const why = page.root.all('input').find((one) => one.attributes.get('name') === 'param-why');
    if (why) why.value = 'because';
    why?.fire('Input');
    await page.wait(100);
    page.root.button('Reject').fire('click');
    await page.wait(100);
    expect(page.asked.find((one) => one.method === 'PATCH')?.body).toEqual({ chosen_options: ['Reject'], params_input: { n: 2, why: 'because' }, try_number: 1 });
  });

  test('tells who answered what, or that its default was taken', async () => {
    const given = { response_received: true, responded_at: '2026-11-20T11:30:00Z', chosen_options: ['Approve'], params_input: { n: 3 } };
    const done = { task: { ...asking, state: 'success' } };
    const page = await see(asked({ ...given, responded_by_user: { id: 'rita', name: 'rita' } }), done);
    expect(page.root.text).toContain('was chosen by rita');
    expect(page.root.text).toContain('"n": 3');
    expect(page.root.all('button')).toHaveLength(0);
    expect((await see(asked(given), done)).root.text).toContain('nobody answered in time');
  });

  test('has no buttons for who may not answer, and nothing at all for other tasks', async () => {
    const page = await see(asked({ assigned_users: [{ id: 'rita', name: 'rita' }], batuta: { deadline: null, on_reject: 'fail', may_answer: false } }));
    expect(page.root.text).toContain('To be answered by rita');
    expect(page.root.all('button')).toHaveLength(0);
    const other = await see(asked({}), { task: { ...asking, operator: 'shell' } });
    expect(other.root.text).toBe('');
    expect(other.asked).toHaveLength(0);
  });
});

const runList = '/api/v2/dags/~/dagRuns';
const runPage = (...runs: object[]) => ({ dag_runs: runs, total_entries: runs.length });

describe('the list of runs', () => {
  test('changes the runs that were chosen, whatever becomes of the list under the dialog', async () => {
    const page = await open('#/runs?state=queued', 'runs', {}, { [runList]: runPage(run('one', 'queued'), run('two', 'queued'), run('three', 'failed')) });
    const everything = page.root.all('input').find((one) => one.attributes.get('type') === 'checkbox');
    if (everything) everything.checked = true;
    everything?.fire('change');
    await page.wait(100);
    page.root.button('Mark failed…').fire('click');
    await page.wait(200);
    page.answers[runList] = runPage(run('other', 'queued'));
    page.tell({ runs: [run('one', 'failed') as never] });
    await page.wait(2000);
    const [dialog] = page.root.all('dialog');
    expect(page.root.all('table')[0]?.text).toContain('other');
    expect(dialog?.text).toContain('Mark 2 runs as failed?');
    expect(dialog?.all('li').map((one) => one.text)).toEqual(['Queuedd one', 'Queuedd two']);
    expect(dialog?.text).toContain('1 of those that were chosen stay as they are.');
    page.root.button('Do it').fire('click');
    await page.wait(100);
    const deed = page.asked.find((one) => one.method === 'PATCH');
    expect(deed?.body).toMatchObject({ actions: [{ entities: [{ dag_run_id: 'one' }, { dag_run_id: 'two' }] }] });
  });

  test('clears those runs whose tasks were counted', async () => {
    const props = { act: 'clear', runs: [run('one', 'failed')], onClose: vi.fn(), onDone: vi.fn() };
    const page = await open('#/runs', 'bulk', props, { '/api/v2/dags/~/clearDagRuns': { total_entries: 3 } });
    page.draw({ ...props, runs: [run('two', 'failed')] });
    await page.wait(500);
    page.root.button('Do it').fire('click');
    await page.wait(100);
    const runs = [{ dag_id: 'd', dag_run_id: 'one' }];
    expect(page.asked.map((one) => one.body)).toEqual([
      { dag_runs: runs, dry_run: true, only_failed: true },
      { dag_runs: runs, dry_run: false, only_failed: true },
    ]);
  });

  test('stays in sight while a minute passes', async () => {
    const page = await open('#/runs?hours=24', 'runs', {}, { [runList]: runPage(run('one', 'running')) });
    page.answers[runList] = never;
    await page.wait(70_000);
    page.tell({ resync: true });
    await page.wait(2000);
    expect(page.asked).toHaveLength(2);
    const [first, second] = page.asked.map((one) => Date.parse(one.url.searchParams.get('run_after_gte') ?? ''));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(70_000);
    expect(page.root.all('td').length).toBeGreaterThan(0);
  });

  test('asks for other runs when its address changes', async () => {
    const page = await open('#/runs', 'runs', {}, { [runList]: runPage(run('one', 'running')) });
    page.go('#/runs?state=success&state=failed&hours=24');
    await page.wait(200);
    expect(page.asked[1]?.url.searchParams.getAll('state')).toEqual(['success', 'failed']);
    expect(page.root.all('option').map((one) => one.text)).toContain('Success + Failed');
  });
});

const taskList = '/api/v2/dags/~/dagRuns/~/taskInstances';

test.each([
  ['runs', runList, runPage(run('one', 'success'))],
  ['tasks', taskList, { task_instances: [instance(0)], total_entries: 1 }],
  ['dagRuns', '/api/v2/dags/d/dagRuns', runPage(run('one', 'success'))],
])('the list of %s is read again when a DAG changes, for so a deleted run is told', async (view, path, answer) => {
  const page = await open('#/', view, { dag: 'd', now }, { [path]: answer });
  page.tell({ dags: ['d'] });
  await page.wait(3000);
  expect(page.asked.filter((one) => one.url.pathname === path)).toHaveLength(2);
});

describe('the list of task instances', () => {
  test('stays in sight while a minute passes', async () => {
    const page = await open('#/tasks?hours=24', 'tasks', {}, { [taskList]: { task_instances: [{ ...instance(0), state: 'running' }], total_entries: 1 } });
    page.answers[taskList] = never;
    await page.wait(70_000);
    expect(page.asked).toHaveLength(1);
    expect(page.root.all('td').length).toBeGreaterThan(0);
  });
  test('says its pages in the language of the reader', async () => {
    const page = await open('#/tasks', 'tasks', {}, { [taskList]: { task_instances: [instance(0)], total_entries: 1200 } }, ['pt-BR']);
    expect(page.root.all('nav').at(-1)?.text).toBe('1–50 de 1.200 tarefasAnteriorPróxima');
  });
});

describe('the instances of a mapped task', () => {
  const list = '/api/v2/dags/d/dagRuns/r/taskInstances';
  const props = { dag: 'd', run: 'r', task: 'm', tab: 'log', onTab: vi.fn(), onClose: vi.fn() };
  const [first, second] = [instance(0), instance(1)];
  const page = (more: object) => ({ task_instances: [first, second], total_entries: 2500, total_entries_limit: null, ...more });
  test('are a table that the server pages and sorts, and a link leads to the list of all tasks', async () => {
    const view = await open('#/dags/d?order=-duration&state=failed', 'gridTask', props, { [list]: page({}) });
    expect(view.root.text).toContain('1–50 of 2,500 tasks');
    expect(view.root.all('tr')).toHaveLength(3);
    const link = view.root.all('a').find((one) => one.text === 'In the list of tasks');
    expect(link?.attributes.get('href')).toBe('#/tasks?dag=d&run=r&q=m');
    const [look, asked] = view.asked;
    expect(look?.url.search).toBe('?task_id=m&limit=2&order_by=map_index');
    expect(asked?.url.search).toBe('?task_id=m&state=failed&order_by=-duration&limit=50&offset=0');
  });
  test('are at least so many where the server stopped counting', async () => {
    const view = await open('#/dags/d', 'gridTask', props, { [list]: page({ total_entries_limit: 2500 }) });
    expect(view.root.text).toContain('of at least 2,500 tasks');
  });
  test('are changed many at once, each by its number', async () => {
    const view = await open('#/dags/d', 'gridTask', props, { [list]: page({ total_entries: 2 }) });
    const box = view.root.all('input').find((one) => one.attributes.get('type') === 'checkbox');
    if (box) box.checked = true;
    box?.fire('change');
    await view.wait(100);
    view.root.button('Mark failed…').fire('click');
    await view.wait(500);
    view.root.button('Do it').fire('click');
    await view.wait(100);
    const deed = view.asked.find((one) => one.method === 'PATCH');
    expect(deed?.url.pathname).toBe('/api/v2/dags/~/dagRuns/~/taskInstances');
    expect(deed?.body).toMatchObject({ actions: [{ action: 'update', entities: [{ task_id: 'm', map_index: 0, new_state: 'failed' }, { task_id: 'm', map_index: 1 }] }] });
  });
});

describe('the grid', () => {
  const grid = '/api/batuta/dags/d/grid';
  const cell = (cells: string) => ({ dag_id: 'd', groups: [], tasks: [{ task_id: 'a', operator_name: 'shell', is_mapped: false, is_gone: false }], runs: [{ ...run('r', 'running'), cells, mapped: {} }], total_runs: 1 });
  const event = { ...instance(-1), dag_run_id: 'r', task_id: 'a', state: 'success', duration: null } as never;
  const props = { dag: 'd', run: null, task: null, onChoose: vi.fn() };
  const cells = (page: Awaited<ReturnType<typeof open>>) => page.root.all('div').find((one) => one.attributes.has('data-cells'))?.attributes.get('data-cells');
  test('begins at its newest runs, and stays where it was scrolled to', async () => {
    const page = await open('#/dags/d', 'grid', props, { [grid]: cell('-') });
    const box = page.root.all('div').find((one) => one.attributes.get('class') === 'grid-box');
    expect(box?.scrollLeft).toBe(900);
    if (box) box.scrollLeft = 10;
    page.tell({ tasks: [event] });
    await page.wait(200);
    expect([cells(page), box?.scrollLeft, box?.listens('scroll')]).toEqual(['s', 10, true]);
  });
  test('shows an event that came before the first answer', async () => {
    let answer: (grid: object) => void = () => undefined;
    const page = await open('#/dags/d', 'grid', props, { [grid]: new Promise((resolve) => (answer = resolve)) });
    page.tell({ tasks: [event], runs: [run('new', 'queued') as never] });
    page.answers[grid] = never;
    answer(cell('r'));
    await page.wait(200);
    expect(cells(page)).toBe('s');
    expect(page.asked).toHaveLength(2);
  });
  test('shows an event that came while it was read again, and is read once more for a run it does not show', async () => {
    const page = await open('#/dags/d', 'grid', props, { [grid]: cell('-') });
    let answer: (grid: object) => void = () => undefined;
    page.answers[grid] = new Promise((resolve) => (answer = resolve));
    page.tell({ dags: ['d'] });
    await page.wait(2500);
    page.tell({ tasks: [event] });
    answer(cell('r'));
    await page.wait(200);
    expect(cells(page)).toBe('s');
    page.answers[grid] = cell('s');
    for (let at = 0; at < 3; at += 1) {
      page.tell({ runs: [run('older', 'running') as never] });
      await page.wait(3000);
    }
    expect(page.asked.map((one) => one.url.search)).toEqual(['?runs=50', '?runs=50', '?runs=50']);
  });
});

describe('some rows of a table', () => {
  const path = '/api/lake/tables/silver/shop/orders/rows';
  const props = { of: { layer: 'silver', domain: 'shop', table: 'orders' }, newest: 3 };
  const answer = { version: 3, columns: ['id'], rows: [[71]], cut: false, cut_by: null };
  const see = (version: string) => open(`#/lake/silver/shop/orders?tab=rows&version=${version}`, 'lakeRows', props, { [path]: answer });
  test.each(['-1', '1.5', 'x'])('of the version %s are none: that is said at the field, and no other rows pass for them', async (version) => {
    const page = await see(version);
    expect(page.asked).toHaveLength(0);
    expect(page.root.text).not.toContain('71');
    expect(page.root.text).toContain(`${version} is no whole number from 0 on.`);
    expect(page.root.all('input')[0]?.attributes.get('aria-invalid')).toBe('true');
  });
  test('are asked for of the version that is named, or of the newest', async () => {
    const page = await see('2');
    expect(page.root.text).toContain('71');
    page.go('#/lake/silver/shop/orders?tab=rows');
    await page.wait(1000);
    expect(page.asked.map((one) => one.url.searchParams.get('version'))).toEqual(['2', null]);
  });
  test('are lines: what is too long for one has a button that opens it, and a number has none', async () => {
    const hash = 'ab'.repeat(32);
    const page = await open('#/lake/silver/shop/orders?tab=rows', 'lakeRows', props, { [path]: { ...answer, columns: ['n', 'hash'], rows: [[9007199254740991, hash], [2, null]] } });
    const values = () => page.root.all('span').filter((one) => (one.attributes.get('class') ?? '').startsWith('lake-value'));
    expect(values().map((one) => [one.text, one.attributes.get('title')])).toEqual([['9007199254740991', undefined], [hash, hash], ['2', undefined]]);
    expect(page.root.all('th').map((one) => one.attributes.get('class'))).toEqual(['number', undefined]);
    page.root.button('Show all of it').fire('click');
    await page.wait(100);
    expect(values()[1]?.attributes.get('class')).toContain('is-open');
    expect(page.root.button('Show less of it').attributes.get('aria-expanded')).toBe('true');
  });
});

describe('the language', () => {
  const props = { route: { view: 'home' }, onLogout: vi.fn(), children: null };
  test('is switched by a button that is named in the other one', async () => {
    const page = await open('#/home', 'shell', props, {});
    page.root.button('PT Português').fire('click');
    expect(page.kept.get('batuta-language')).toBe('pt');
    expect(page.place.reload).toHaveBeenCalledTimes(1);
  });
  test('is that of all words around the views', async () => {
    const page = await open('#/home', 'shell', props, {}, ['pt-BR']);
    expect(page.root.button('EN English').attributes.get('lang')).toBe('en');
    expect(page.root.button('Sair')).toBeDefined();
    expect(page.root.text).toContain('Ao vivo');
  });
  test.each([['pt-PT', 'pt-BR'], ['fr', 'en']])('of a browser that speaks %s is told to the document as %s', async (offered, told) => {
    openDocument('#/home', [offered]);
    await import('../src/main');
    expect(document.documentElement.lang).toBe(told);
  });
});
