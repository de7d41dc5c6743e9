// What this installation consists of: plugins with their parameters, those that no worker offers and why, the settings, the
// numbers that it tells of itself, its bundles of DAGs, and what it has still to send.
import * as api from '../api/endpoints';
import type { Plugin, PluginFault } from '../api/types';
import { SearchBox } from '../components/choice';
import { Empty, Loaded } from '../components/loaded';
import { SimpleTable, type Column } from '../components/simple_table';
import { Tabs } from '../components/tabs';
import { withSearch } from '../lib/address';
import { useResource, useSearch, useSearchText, useTitle } from '../lib/hooks';
import { foundPlugins, paramOf, type PluginParam } from '../lib/installation';
import { t } from '../lib/words';
import { Bundles } from './bundles';
import { Metrics } from './metrics';
import { Outbox } from './outbox';
import { Settings } from './settings';

const paramColumns: readonly Column<PluginParam>[] = [
  { name: t('Parameter'), cell: (one) => <span class="mono">{one.name}</span> },
  { name: t('Type'), cell: (one) => one.type },
  { name: t('If it is not given'), cell: (one) => (one.required ? t('it is needed') : <span class="mono">{one.usual}</span>) },
  { name: t('Description'), cell: (one) => one.help },
];

const faultColumns: readonly Column<PluginFault>[] = [
  { name: t('Plugin'), cell: (one) => <strong>{one.name}</strong> },
  { name: t('Why'), cell: (one) => <span class="lake-problem">{one.reason}</span> },
];

function PluginEntry({ of }: { of: Plugin }) {
  return (
    <details class="plugin">
      <summary>
        <strong>{of.name}</strong> <span class="muted">{[of.version, of.kind].filter((one) => one !== '').join(' · ')}</span> {of.summary}
      </summary>
      <SimpleTable rows={of.params.map(paramOf)} columns={paramColumns} keyOf={(one) => one.name} empty={t('It takes no parameters.')} />
      {of.sha256 !== '' && (
        <p class="muted lake-about">
          SHA-256 <span class="mono">{of.sha256}</span>
        </p>
      )}
    </details>
  );
}

function Plugins({ q }: { q: string }) {
  const plugins = useResource((signal) => api.plugins(signal), []);
  return (
    <Loaded of={plugins}>
      {(page) => {
        const found = foundPlugins(page.plugins, q);
        return (
          <>
            {page.not_offered.length > 0 && (
              <section aria-label={t('Not offered')}>
                <h2>{t('In a folder of plugins, and offered by no worker')}</h2>
                <SimpleTable rows={page.not_offered} columns={faultColumns} keyOf={(one) => one.name} empty="" />
              </section>
            )}
            {page.plugins.length === 0 && <Empty>{t('No worker is connected that offers a plugin.')}</Empty>}
            {page.plugins.length > 0 && found.length === 0 && <Empty>{t('No plugin matches.')}</Empty>}
            {found.map((one) => (
              <PluginEntry key={one.name} of={one} />
            ))}
          </>
        );
      }}
    </Loaded>
  );
}

const tabs = [
  { id: 'plugins', label: t('Plugins') },
  { id: 'settings', label: t('Settings') },
  { id: 'metrics', label: t('Metrics') },
  { id: 'bundles', label: t('Bundles') },
  { id: 'outbox', label: t('Outbox') },
];
const searchLabels: Readonly<Record<string, string>> = { plugins: t('Search plugins'), settings: t('Search settings'), metrics: t('Search metrics') };

export function InstallationView({ tab }: { tab: string }) {
  const [search] = useSearch();
  const [text, setText] = useSearchText('q');
  const current = tabs.some((one) => one.id === tab) ? tab : 'plugins';
  const q = search.get('q') ?? '';
  useTitle(t('Installation'));
  return (
    <>
      <div class="page-head">
        <h1>{t('Installation')}</h1>
      </div>
      <Tabs tabs={tabs} current={current} label={t('Parts of the installation')} onChange={(next) => void (location.hash = withSearch('#/installation', { tab: next }))} />
      <section class="lake-panel" aria-label={tabs.find((one) => one.id === current)?.label}>
        {current in searchLabels && (
          <div class="toolbar" role="search">
            <SearchBox label={searchLabels[current] ?? ''} text={text} onText={setText} />
          </div>
        )}
        {current === 'plugins' && <Plugins q={q} />}
        {current === 'settings' && <Settings q={q} />}
        {current === 'metrics' && <Metrics q={q} />}
        {current === 'bundles' && <Bundles />}
        {current === 'outbox' && <Outbox />}
      </section>
    </>
  );
}
