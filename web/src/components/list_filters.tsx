// Filters of a list, each bound to a name of the address.
import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { useSearch, useSearchText } from '../lib/hooks';
import { numberProblem } from '../lib/list_query';
import { t } from '../lib/words';
import { instantText, localInput } from '../lib/zone';
import { Choice, SearchBox } from './choice';
import { Icon } from './icon';

export function TextFilter({ name, label }: { name: string; label: string }) {
  const [text, setText] = useSearchText(name);
  return <SearchBox label={label} text={text} onText={setText} />;
}

interface NumberProps {
  name: string;
  label: string;
  least?: number;
  isWhole?: boolean;
}

/** A number. What is none, or less than `least`, is said under its box: no list goes by it. */
export function NumberFilter({ name, label, least = 0, isWhole = false }: NumberProps) {
  const [text, setText] = useSearchText(name, 400);
  const id = useId();
  const problem = numberProblem(text, least, isWhole);
  return (
    <div class="small-field">
      <label class="muted" for={id}>
        {label}
      </label>
      <input id={id} type="number" min={least} step={isWhole ? 1 : 'any'} value={text} aria-invalid={problem !== undefined} aria-describedby={`${id}-problem`} onInput={(event) => setText(event.currentTarget.value)} />
      <p class="field-problem" id={`${id}-problem`}>
        {problem}
      </p>
    </div>
  );
}

export function TimeFilter({ name, label }: { name: string; label: string }) {
  const [search, change] = useSearch();
  return (
    <label class="small-field">
      <span class="muted">{label}</span>
      <input type="datetime-local" value={localInput(search.get(name) ?? '')} onChange={(event) => change({ [name]: instantText(event.currentTarget.value) })} />
    </label>
  );
}

/** Both directions of each order. `names`: of the orders, for people. */
export function OrderChoice({ names, usual }: { names: Readonly<Record<string, string>>; usual: string }) {
  const [search, change] = useSearch();
  const both = Object.entries(names).flatMap(([id, name]) => [
    { id: `-${id}`, name: t('{what}, descending', { what: name }) },
    { id, name: t('{what}, ascending', { what: name }) },
  ]);
  const value = search.get('order') ?? '';
  return (
    <Choice
      label={t('Order')}
      value={value === usual ? '' : value}
      all={both.find((one) => one.id === usual)?.name ?? usual}
      choices={both.filter((one) => one.id !== usual)}
      onChange={(order) => change({ order })}
    />
  );
}

interface MoreProps {
  names: readonly string[]; // of the filters inside, in the address
  all: readonly string[]; // of all filters of the list
  children: ComponentChildren;
}

/** Those that are wanted seldom, open while one of them is set; and a button that takes all filters away. */
export function MoreFilters({ names, all, children }: MoreProps) {
  const [search, change] = useSearch();
  const set = names.filter((name) => search.get(name)).length;
  const [isOpen, setOpen] = useState(set > 0);
  return (
    <>
      {all.some((name) => search.get(name)) && (
        <button type="button" class="button" onClick={() => change(Object.fromEntries(all.map((name) => [name, null])))}>
          <Icon name="close" />
          {t('All filters off')}
        </button>
      )}
      <details class="more-filters" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{set > 0 ? t('More filters ({count})', { count: set }) : t('More filters')}</summary>
        <div class="toolbar">{children}</div>
      </details>
    </>
  );
}
