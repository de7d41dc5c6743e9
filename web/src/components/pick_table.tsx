// A list of which some are chosen, and changed many at once; its columns sort it.
import type { ComponentChildren } from 'preact';
import type { Picks } from '../lib/picks';
import { number } from '../lib/format';
import { t } from '../lib/words';
import { Icon } from './icon';
import type { Column } from './simple_table';

export interface PickColumn<T> extends Column<T> {
  order?: string; // what the API calls it where it can sort by it
  isMain?: boolean; // it gets the room that there is
}

interface Props<T> {
  rows: readonly T[];
  columns: readonly PickColumn<T>[];
  keyOf: (row: T) => string;
  labelOf: (row: T) => string; // for who cannot see the row
  picks: Picks<T> | null; // null: who looks may change nothing
  isSmall?: boolean; // few columns: it stays a table where there is less room
  order: string; // a minus before it: the largest first
  onOrder: (order: string) => void;
  children: ComponentChildren; // what is done with those that were chosen
}

function Head<T>({ column, order, onOrder }: { column: PickColumn<T> } & Pick<Props<T>, 'order' | 'onOrder'>) {
  const { name, order: field } = column;
  const kind = column.number ? 'number' : undefined;
  if (field === undefined) {
    return (
      <th scope="col" class={kind}>
        {name}
      </th>
    );
  }
  const isDown = order === `-${field}`;
  const isOn = isDown || order === field;
  return (
    <th scope="col" class={kind} aria-sort={isOn ? (isDown ? 'descending' : 'ascending') : undefined}>
      <button type="button" class={`sort ${isOn ? 'is-on' : ''}`} onClick={() => onOrder(isOn && !isDown ? `-${field}` : isDown ? field : column.number ? `-${field}` : field)}>
        {name}
        {isOn && <Icon name={isDown ? 'down' : 'up'} />}
      </button>
    </th>
  );
}

// From a row's box or link to that of the row above or below.
function walk(event: KeyboardEvent): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  const from = event.target instanceof HTMLElement ? event.target : null;
  const row = from?.closest('tr');
  if (step === 0 || !from || !row) return;
  const stops = (one: Element) => [...one.querySelectorAll<HTMLElement>('input, a[href], button')];
  const beside = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  const next = beside && stops(beside)[stops(row).indexOf(from)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** How many are chosen; one box for all of the page. */
export function PickAll<T>({ rows, picks }: Pick<Props<T>, 'rows'> & { picks: Picks<T> }) {
  const here = rows.filter(picks.has).length;
  const { length } = picks.chosen;
  return (
    <label class="check">
      <input type="checkbox" checked={rows.length > 0 && here === rows.length} onChange={(event) => picks.pick(rows, event.currentTarget.checked)} />
      <span>{length === 0 ? t('All of this page') : t('{count} chosen', { count: number(length) })}</span>
    </label>
  );
}

export function PickTable<T>({ rows, columns, keyOf, labelOf, picks, isSmall, order, onOrder, children }: Props<T>) {
  return (
    <div class="table-box">
      {picks && (
        <div class="bulk-bar">
          <PickAll rows={rows} picks={picks} />
          {children}
        </div>
      )}
      <table class={`table table-stack ${isSmall === true ? 'table-small' : ''}`}>
        <thead>
          <tr>
            {picks && (
              <th scope="col">
                <span class="visually-hidden">{t('Chosen')}</span>
              </th>
            )}
            {columns.map((column) => (
              <Head key={column.name} column={column} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody onKeyDown={walk}>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-row={labelOf(row)} class={picks?.has(row) ? 'is-picked' : undefined}>
              {picks && (
                <td class="cell-pick">
                  <input type="checkbox" checked={picks.has(row)} aria-label={t('Choose {run}', { run: labelOf(row) })} onChange={(event) => picks.pick([row], event.currentTarget.checked)} />
                </td>
              )}
              {columns.map((column) => (
                <td key={column.name} class={column.number ? 'number' : column.isMain ? 'cell-main' : undefined} data-label={column.name}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
