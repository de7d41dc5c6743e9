// What was chosen in a list, over its pages. What is chosen is known as it was seen last; another search begins anew.
import { useState } from 'preact/hooks';

export interface Picks<T> {
  chosen: readonly T[];
  has: (row: T) => boolean;
  pick: (rows: readonly T[], on: boolean) => void;
  clear: () => void;
}

/** The rows that were chosen, as they are now where they are in sight. Pure. */
export function chosenRows<T>(picked: ReadonlyMap<string, T>, rows: readonly T[], keyOf: (row: T) => string): T[] {
  const now = new Map(rows.map((row) => [keyOf(row), row]));
  return [...picked].map(([key, row]) => now.get(key) ?? row);
}

/** `scope`: what the list is narrowed by; with another one nothing is chosen. */
export function usePicks<T>(rows: readonly T[], keyOf: (row: T) => string, scope: string): Picks<T> {
  const [held, setHeld] = useState<{ scope: string; rows: ReadonlyMap<string, T> }>({ scope, rows: new Map() });
  const picked = held.scope === scope ? held.rows : new Map<string, T>();
  return {
    chosen: chosenRows(picked, rows, keyOf),
    has: (row) => picked.has(keyOf(row)),
    pick: (some, on) =>
      setHeld((old) => {
        const next = new Map(old.scope === scope ? old.rows : []);
        for (const row of some) {
          if (on) next.set(keyOf(row), row);
          else next.delete(keyOf(row));
        }
        return { scope, rows: next };
      }),
    clear: () => setHeld({ scope, rows: new Map() }),
  };
}
