// Every view once, at addresses of the still world (still_world.mjs), and how each of them is looked at.
// `ready`: what is there once the view is; `first`: what is done before a picture is taken.

const button = (name) => (page) => page.getByRole('button', { name, exact: true }).first().click();
const sql = 'SELECT day, count(*) AS orders FROM silver.shop.orders GROUP BY day ORDER BY day';

export const stillViews = ({ failed, shop }) => [
  { name: 'home', hash: '#/home', ready: '.card' },
  { name: 'dags', hash: '#/dags', ready: '.dag-row' },
  { name: 'dag', hash: '#/dags/branchy', ready: '.grid-row[data-task] .grid-fill' },
  { name: 'graph', hash: '#/dags/grouped?tab=tasks', ready: '.graph-edge' },
  { name: 'calendar', hash: '#/dags/halfyearly?tab=calendar', ready: '.calendar, table' },
  { name: 'trends', hash: '#/dags/branchy?tab=trends', ready: '.trend-bars' },
  { name: 'source', hash: '#/dags/branchy?tab=source', ready: '.code-line, .code li, pre' },
  { name: 'details', hash: '#/dags/waits?tab=details', ready: '.lake-panel dl, .facts' },
  { name: 'run', hash: `#/dags/branchy/runs/${encodeURIComponent(failed)}`, ready: '.graph [data-unit]' },
  { name: 'task', hash: `#/dags/branchy/runs/${encodeURIComponent(failed)}?task=bad&tab=log`, ready: '.log-line' },
  { name: 'trigger', hash: '#/dags/exact', ready: '.dialog .pick', first: { key: 'trigger' } },
  { name: 'runs', hash: '#/runs', ready: 'tbody tr' },
  { name: 'tasks', hash: '#/tasks', ready: 'tbody tr' },
  { name: 'backfills', hash: '#/backfills', ready: '.empty, tbody tr' },
  { name: 'deadlines', hash: '#/deadlines', ready: '.empty, tbody tr' },
  { name: 'xcoms', hash: '#/xcoms', ready: '.empty, tbody tr' },
  { name: 'assets', hash: '#/assets', ready: 'tbody tr' },
  { name: 'lake', hash: '#/lake', ready: '.lake-list tbody tr' },
  { name: 'table', hash: '#/lake/silver/shop/orders', ready: '.facts [data-badge]' },
  { name: 'versions', hash: '#/lake/silver/shop/orders?tab=versions', ready: '.version-bar' },
  { name: 'diff', hash: '#/lake/silver/shop/orders?tab=versions&from=0&to=1', ready: '.version-diff .facts', needs: '/diff' },
  { name: 'quality', hash: '#/lake/silver/shop/orders?tab=quality', ready: '.lake-panel table' },
  { name: 'lineage', hash: '#/lake/silver/shop/orders?tab=lineage', ready: '.graph [data-unit]' },
  { name: 'rows', hash: '#/lake/silver/shop/orders?tab=rows', ready: '.lake-rows tbody tr' },
  { name: 'rejected', hash: '#/lake/quarantine/shop/orders', ready: '.lake-rows tbody tr' },
  { name: 'sql', hash: `#/lake/sql?${new URLSearchParams({ sql, chart: 'bars', up: 'orders' })}`, ready: '.sql-rows tbody tr', first: { key: 'sql' } },
  { name: 'plan', hash: `#/lake/sql?${new URLSearchParams({ sql })}`, ready: '.plan-operator', first: { key: 'plan' }, needs: 'explain' },
  { name: 'monitors', hash: '#/lake/monitors', ready: 'tbody tr' },
  { name: 'domains', hash: '#/lake/domains', ready: 'h1' },
  { name: 'branches', hash: '#/lake/branches', ready: '.empty, tbody tr' },
  { name: 'erasures', hash: '#/lake/erasures', ready: '.empty, tbody tr' },
  { name: 'problems', hash: '#/problems', ready: '.problem' },
  { name: 'pools', hash: '#/pools', ready: 'tbody tr' },
  { name: 'variables', hash: '#/variables', ready: 'tbody tr' },
  { name: 'connections', hash: '#/connections', ready: '.empty, tbody tr' },
  { name: 'access', hash: '#/access', ready: 'tbody tr' },
  { name: 'audit', hash: '#/audit', ready: 'tbody tr' },
  { name: 'health', hash: '#/health', ready: '.health' },
  { name: 'installation', hash: '#/installation', ready: '.plugin' },
  { name: 'metrics', hash: '#/installation?tab=metrics', ready: '.metric', needs: '/metrics' },
].filter((view) => shop || !view.hash.includes('shop'));

const acts = {
  trigger: { en: button('Trigger'), pt: button('Disparar') },
  sql: { en: button('Run it'), pt: button('Executar') },
  plan: { en: button('Explain'), pt: button('Explicar') },
};

/** Opens a view in the still world, in the language that its page has. */
export async function openView(page, view, language) {
  // By way of an address where nothing is: what is waited for is then of this view, not of the one before.
  await page.evaluate(() => (location.hash = '#/nowhere'));
  await page.locator('main .nowhere').waitFor();
  await page.evaluate((to) => (location.hash = to), view.hash);
  await page.locator('main .nowhere').waitFor({ state: 'detached' });
  await page.locator('main h1').first().waitFor();
  if (view.first) await acts[view.first.key][language](page);
  await page.locator(view.ready).first().waitFor();
  await page.locator('main .loading').first().waitFor({ state: 'detached' });
}

export const widths = [390, 768, 1280, 1440];
const looks = [['en', 'light'], ['pt', 'dark'], ['en', 'dark'], ['pt', 'light']];

/**
 * How the view at place `at` of the list is looked at: at every width, in both languages, in both themes, in each language with each theme.
 * The next view has them by other widths, so that over four of them every width has met every look.
 */
export const pairsOf = (at) => widths.map((width, place) => { const [language, theme] = looks[(place + at) % looks.length]; return { width, language, theme }; });

/** All of them, for `./dev test long`. */
export const allLooks = widths.flatMap((width) => looks.map(([language, theme]) => ({ width, language, theme })));
