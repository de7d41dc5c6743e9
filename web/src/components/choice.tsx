import { useSearch } from '../lib/hooks';
import { Icon } from './icon';
import { stateInfo } from '../lib/states';
import { t } from '../lib/words';

interface Props {
  label: string;
  value: string;
  choices: readonly { id: string; name: string }[];
  all: string; // what no choice means, as '' among the values
  onChange: (value: string) => void;
}

/** A filter of a list: one of some, or all. */
export function Choice({ label, value, choices, all, onChange }: Props) {
  const known = value === '' || choices.some((one) => one.id === value);
  return (
    <label>
      <span class="visually-hidden">{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{all}</option>
        {!known && <option value={value}>{t('other: {value}', { value })}</option>}
        {choices.map((one) => (
          <option key={one.id} value={one.id}>
            {one.name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The states of the address. Several at once come from a link alone; they stand first, as one choice. */
export function StateChoice({ states }: { states: readonly string[] }) {
  const [search, change] = useSearch();
  const several = search.getAll('state');
  const name = (of: readonly string[]) => of.map((one) => stateInfo(one).label).join(' + ');
  const choices = [...(several.length > 1 ? [several] : []), ...states.map((one) => [one])];
  return (
    <Choice
      label={t('State')}
      value={several.join('+')}
      all={t('All states')}
      choices={choices.map((of) => ({ id: of.join('+'), name: name(of) }))}
      onChange={(state) => change({ state })}
    />
  );
}

/** A text to be looked for. */
export function SearchBox({ label, text, onText }: { label: string; text: string; onText: (text: string) => void }) {
  return (
    <label class="search">
      <Icon name="search" />
      <span class="visually-hidden">{label}</span>
      <input type="search" placeholder={label} value={text} onInput={(event) => onText(event.currentTarget.value)} />
    </label>
  );
}

export const spanChoices = () =>
  [1, 6, 24, 72, 168].map((hours) => ({ id: String(hours), name: t('last {count} hours', { count: hours }) }));
