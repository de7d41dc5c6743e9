// The step from all of a page to all that a list's filters find, up to as many as one change may be about.
import { useState } from 'preact/hooks';
import { number } from '../lib/format';
import { useApp } from '../lib/hooks';
import type { Picks } from '../lib/picks';
import { t } from '../lib/words';

const most = 1000;

interface Props<T> {
  picks: Picks<T>;
  shown: number; // on this page
  total: number;
  read: (limit: number) => Promise<readonly T[]>;
}

export function ChooseAll<T>({ picks, shown, total, read }: Props<T>) {
  const { notify } = useApp();
  const [busy, setBusy] = useState(false);
  const count = picks.chosen.length;
  const reach = Math.min(most, total);
  const choose = async () => {
    setBusy(true);
    try {
      picks.pick(await read(reach), true);
    } catch (error) {
      notify((error as Error).message, 'error');
    }
    setBusy(false);
  };
  return (
    <>
      {count >= shown && count < reach && (
        <button type="button" class="link-button" disabled={busy} onClick={() => void choose()}>
          {total > most ? t('Choose the first {count} that match', { count: number(most) }) : t('Choose all {count} that match', { count: number(total) })}
        </button>
      )}
      {count > 0 && (
        <button type="button" class="link-button" onClick={picks.clear}>
          {t('Choose none')}
        </button>
      )}
    </>
  );
}
