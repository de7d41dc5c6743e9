// What the list of DAGs is narrowed and sorted by. All of it stands in the address.
import * as api from '../api/endpoints';
import { Icon } from '../components/icon';
import { dagOrders, runStates } from '../lib/dag_list';
import { useResource, useSearch, useSearchText } from '../lib/hooks';
import { stateInfo } from '../lib/states';
import { t } from '../lib/words';

interface ChoiceProps {
  name: string;
  label: string;
  choices: readonly (readonly [value: string, words: string])[];
}

function Choice({ name, label, choices }: ChoiceProps) {
  const [search, change] = useSearch();
  return (
    <label>
      <span class="visually-hidden">{label}</span>
      <select value={search.get(name) ?? ''} onChange={(event) => change({ [name]: event.currentTarget.value })}>
        {choices.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

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
  const tag = search.get('tag') ?? '';
  const owner = search.get('owner');
  const known = tags.data?.rows ?? [];
  const choices = tag === '' || known.includes(tag) ? known : [tag, ...known];
  const favorite = search.get('favorite') === 'true';
  return (
    <div class="toolbar" role="search">
      <label class="search">
        <Icon name="search" />
        <span class="visually-hidden">{t('Search DAGs')}</span>
        <input type="search" placeholder={t('Search DAGs')} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <Choice name="tag" label={t('Tag')} choices={[['', t('All tags')], ...choices.map((one) => [one, one] as const)]} />
      <Choice name="paused" label={t('Active or paused')} choices={[['', t('Active and paused')], ['false', t('Active')], ['true', t('Paused')]]} />
      <Choice name="state" label={t('State of the last run')} choices={[['', t('Any last run')], ...runStates.map((one) => [one, stateInfo(one).label] as const)]} />
      <Choice name="order" label={t('Order')} choices={dagOrders.map((one) => [one === 'dag_id' ? '' : one, orderWords[one]] as const)} />
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
