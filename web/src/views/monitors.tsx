// Monitors of tables and tasks: alerts that stand first, then each monitor as it was judged last.
import * as api from '../api/endpoints';
import type { LakeMonitor } from '../api/types';
import { Choice } from '../components/choice';
import { Empty, Loaded } from '../components/loaded';
import { Pager } from '../components/pager';
import { PathName } from '../components/path_name';
import { SimpleTable, type Column } from '../components/simple_table';
import { Ago } from '../components/time';
import { number } from '../lib/format';
import { useLive, usePolled, usePage, useSearch, useThrottled, useTitle } from '../lib/hooks';
import { kindNames, severityNames, statusNames, valueText } from '../lib/monitors';
import { monitorsLink, watchedLink } from '../lib/route';
import { t } from '../lib/words';
import { AlertList, Severity } from './monitor_alerts';
import { MonitorHistory, MonitorStatus } from './monitor_history';

const alertSize = 25;
const monitorSize = 500;
const pollMs = 15_000;
const choicesOf = (names: Readonly<Record<string, string>>) => Object.entries(names).map(([id, name]) => ({ id, name }));

function Filters({ domains }: { domains: readonly string[] }) {
  const [search, change] = useSearch();
  const value = (name: string) => search.get(name) ?? '';
  const states = [
    { id: 'all', name: t('closed too') },
    { id: 'closed', name: t('closed') },
  ];
  return (
    <div class="toolbar" role="search">
      <Choice label={t('Alerts that are shown')} value={value('state')} all={t('Alerts that are open')} choices={states} onChange={(state) => change({ state })} />
      <Choice label={t('Domain')} value={value('domain')} all={t('All domains')} choices={domains.map((id) => ({ id, name: id }))} onChange={(domain) => change({ domain })} />
      <Choice label={t('Severity')} value={value('severity')} all={t('All severities')} choices={choicesOf(severityNames)} onChange={(severity) => change({ severity })} />
      <Choice label={t('Status')} value={value('status')} all={t('All statuses')} choices={choicesOf(statusNames)} onChange={(status) => change({ status })} />
    </div>
  );
}

function useAlerts(offset: number) {
  const [search] = useSearch();
  const state = search.get('state') ?? '';
  const query = {
    state: state === 'all' ? undefined : state === 'closed' ? ['closed'] : ['open', 'acknowledged'],
    domain: search.get('domain') || undefined,
    severity: search.get('severity') || undefined,
    monitor_id: search.get('monitor') || undefined,
    target: search.get('target') || undefined,
  };
  return usePolled((signal) => api.lakeAlerts({ ...query, limit: alertSize, offset }, signal), [query, offset], pollMs);
}

function useMonitors() {
  const [search] = useSearch();
  const query = { domain: search.get('domain') || undefined, severity: search.get('severity') || undefined, status: search.get('status') || undefined, target: search.get('target') || undefined };
  return usePolled((signal) => api.lakeMonitors({ ...query, limit: monitorSize }, signal), [query], pollMs);
}

const columns: readonly Column<LakeMonitor>[] = [
  {
    name: t('Monitor'),
    cell: (one) => (
      <div>
        <a href={monitorsLink({ monitor: one.monitor_id })}>{one.monitor_id}</a>
        {one.description !== null && <span class="muted alert-note">{one.description}</span>}
      </div>
    ),
  },
  { name: t('Watches'), cell: (one) => <a href={watchedLink(one.kind, one.target)}><PathName name={one.target} /></a> },
  { name: t('Kind'), cell: (one) => kindNames[one.kind] ?? one.kind },
  { name: t('Severity'), cell: (one) => <Severity of={one.severity} /> },
  {
    name: t('Status'),
    cell: (one) => (
      <div>
        <MonitorStatus of={one.status} />
        {one.message !== null && one.status !== 'well' && <span class="muted alert-note">{one.message}</span>}
      </div>
    ),
  },
  { name: t('Judged'), cell: (one) => <Ago at={one.evaluated_at} /> },
];

function One({ of }: { of: LakeMonitor }) {
  return (
    <section class="lake-panel" aria-label={of.monitor_id}>
      <h2>{of.monitor_id}</h2>
      {of.description !== null && <p class="lead">{of.description}</p>}
      <p class="monitor-facts">
        <MonitorStatus of={of.status} /> · {kindNames[of.kind] ?? of.kind} · <a href={watchedLink(of.kind, of.target)}>{of.target}</a> · {valueText(of.kind, of.value)}
      </p>
      {of.message !== null && <p class="muted">{of.message}</p>}
      <MonitorHistory of={of} />
    </section>
  );
}

export function MonitorsView() {
  const [search, change] = useSearch();
  const chosen = search.get('monitor') ?? '';
  const [offset, move] = usePage(alertSize);
  const alerts = useAlerts(chosen === '' ? offset : 0);
  const monitors = useMonitors();
  const reload = useThrottled(() => {
    alerts.reload();
    monitors.reload();
  }, 2000);
  // What judges them is a DAG as any other.
  useLive((batch) => {
    if (batch.resync || batch.runs.some((run) => run.dag_id === 'lake_monitors')) reload();
  });
  useTitle(t('Monitors'));
  const one = monitors.data?.monitors.find((monitor) => monitor.monitor_id === chosen);
  const isFiltered = ['domain', 'severity', 'status', 'target'].some((name) => search.has(name));
  return (
    <>
      <div class="page-head">
        <h1>{t('Monitors')}</h1>
        {chosen !== '' && (
          <button type="button" class="button" onClick={() => change({ monitor: null })}>
            {t('All monitors')}
          </button>
        )}
      </div>
      <Filters domains={[...new Set([...(alerts.data?.domains ?? []), ...(monitors.data?.domains ?? [])])].sort()} />
      <section aria-label={t('Alerts')} class="monitor-alerts">
        <h2>
          {t('Alerts')} {alerts.data && <span class="muted">{t('{open} open, {acked} acknowledged', { open: number(alerts.data.counts.open), acked: number(alerts.data.counts.acknowledged) })}</span>}
        </h2>
        <Loaded of={alerts}>
          {(page) =>
            page.total_entries === 0 ? (
              <Empty>{page.counts.open + page.counts.acknowledged === 0 ? t('No alert is open: every monitor that can be judged is well.') : t('No alert is like that.')}</Empty>
            ) : (
              <>
                <AlertList alerts={page.alerts} onChanged={reload} />
                <Pager offset={chosen === '' ? offset : 0} limit={alertSize} total={page.total_entries} noun="alert" onMove={move} />
              </>
            )
          }
        </Loaded>
      </section>
      {one ? (
        <One of={one} />
      ) : (
        <Loaded of={monitors}>
          {(page) =>
            page.monitors.length === 0 ? (
              <Empty>{isFiltered ? t('No monitor is like that.') : t('There are no monitors yet. Put monitors/<domain>.json beside the DAG folder: what is expected of tables and tasks.')}</Empty>
            ) : (
              <section aria-label={t('Monitors')} class="lake-panel">
                <h2>
                  {t('Monitors')} <span class="muted">{t('{well} well, {unwell} unwell, {unknown} unknown', { well: number(page.counts.well), unwell: number(page.counts.unwell), unknown: number(page.counts.unknown + page.counts.not_judged) })}</span>
                </h2>
                <SimpleTable rows={page.monitors} columns={columns} keyOf={(monitor) => monitor.monitor_id} empty="" />
                {page.total_entries > page.monitors.length && <p class="muted">{t('{shown} of {all}: choose a domain to see the others', { shown: number(page.monitors.length), all: number(page.total_entries) })}</p>}
              </section>
            )
          }
        </Loaded>
      )}
    </>
  );
}
