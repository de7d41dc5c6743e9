export interface Refused<T> {
  item: T;
  error: Error;
}

/** Does something with each, `atOnce` at a time; one that fails keeps none of the others from its turn. */
export async function eachOf<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<void>): Promise<Refused<T>[]> {
  const refused: Refused<T>[] = [];
  const rest = [...items];
  const work = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      try {
        await act(item);
      } catch (error) {
        refused.push({ item, error: error as Error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  return refused;
}
