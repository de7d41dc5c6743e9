// What the list of DAGs is narrowed and sorted by. All of it stands in the address.
import * as api from '../api/endpoints';
import { Choice, SearchBox } from '../components/choice';
import { Icon } from '../components/icon';
import { dagOrders, runStates } from '../lib/dag_list';
import { useResource, useSearch, useSearchText } from '../lib/hooks';
import { stateInfo } from '../lib/states';
import { t } from '../lib/words';

const orderWords: Record<(typeof dagOrders)[number], string> = {
  dag_id: t('By name'),
  next_dagrun: t('By next run'),
  '-last_run_start_date': t('By last run'),
  last_run_state: t('By last state'),
  '-is_paused': t('Paused first'),
};

export function DagFilterBar() {
  const [search, change] = useSearch();
  const [text, setText] = useSearchText('q');
  const tags = useResource((signal) => api.dagTags(signal), []);
  const of = (name: string) => ({ value: search.get(name) ?? '', onChange: (value: string) => change({ [name]: value }) });
  const owner = search.get('owner');
  const favorite = search.get('favorite') === 'true';
  return (
    <div class="toolbar" role="search">
      <SearchBox label={t('Search DAGs')} text={text} onText={setText} />
      <Choice label={t('Tag')} all={t('All tags')} choices={(tags.data?.rows ?? []).map((id) => ({ id, name: id }))} {...of('tag')} />
      <Choice label={t('Active or paused')} all={t('Active and paused')} choices={[{ id: 'false', name: t('Active') }, { id: 'true', name: t('Paused') }]} {...of('paused')} />
      <Choice label={t('State of the last run')} all={t('Any last run')} choices={runStates.map((id) => ({ id, name: stateInfo(id).label }))} {...of('state')} />
      <Choice label={t('Order')} all={orderWords.dag_id} choices={dagOrders.slice(1).map((id) => ({ id, name: orderWords[id] }))} {...of('order')} />
      <button type="button" class={`button star-filter ${favorite ? 'is-on' : ''}`} aria-pressed={favorite} onClick={() => change({ favorite: favorite ? null : 'true' })}>
        <Icon name="star" />
        {t('Favourites')}
      </button>
      {owner !== null && (
        <button type="button" class="button" aria-label={t('Owner: {owner}; all owners', { owner })} onClick={() => change({ owner: null })}>
          {owner}
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
