// What a view keeps behind the ? of its address: filters, the page of a list, the chosen try. So a
// reload or a link to a colleague shows the same.

export type Changes = Readonly<Record<string, string | number | null>>;

export function searchOf(hash: string): URLSearchParams {
  const at = hash.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : hash.slice(at + 1));
}

/** The address with `changes` in its search; '' and null take a name away. */
export function withSearch(hash: string, changes: Changes): string {
  const search = searchOf(hash);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') search.delete(name);
    else search.set(name, String(value));
  }
  const place = hash.split('?', 1)[0] || '#/';
  const text = search.toString();
  return text ? `${place}?${text}` : place;
}

/** A whole number from 1 on, else `otherwise`: an address is written by anybody. */
export function countOf(search: URLSearchParams, name: string, otherwise: number): number {
  const text = search.get(name) ?? '';
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : otherwise;
}

/** In place, without a step in the browser's history; those who follow the address are told. */
export function replaceSearch(changes: Changes): void {
  const next = withSearch(location.hash, changes);
  if (next === (location.hash || '#/')) return;
  history.replaceState(null, '', location.pathname + next);
  dispatchEvent(new HashChangeEvent('hashchange'));
}
