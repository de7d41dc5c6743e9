import { useCallback, useEffect, useState } from 'preact/hooks';
import { openGroups } from './task_groups';

export interface OpenGroups {
  open: ReadonlySet<string>;
  turn: (group: string) => void;
  setAll: (groups: readonly string[]) => void;
}

/** Which groups of a DAG are unfolded: the same in the grid and in the graph. */
export function useOpenGroups(dag: string): OpenGroups {
  const [open, setOpen] = useState(() => openGroups.of(dag));
  useEffect(() => {
    const read = () => setOpen(openGroups.of(dag));
    read();
    return openGroups.listen(read);
  }, [dag]);
  const turn = useCallback(
    (group: string) => {
      const next = new Set(openGroups.of(dag));
      if (!next.delete(group)) next.add(group);
      openGroups.set(dag, next);
    },
    [dag],
  );
  const setAll = useCallback((groups: readonly string[]) => openGroups.set(dag, new Set(groups)), [dag]);
  return { open, turn, setAll };
}
