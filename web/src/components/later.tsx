import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../lib/words';
import { Empty, ErrorBox } from './loaded';

interface Props<T> {
  load: () => Promise<T>; // the same at each drawing
  children: (loaded: T) => ComponentChildren;
}

/** Draws what is in another file of the page, once that is here. */
export function Later<T>({ load, children }: Props<T>) {
  const [loaded, setLoaded] = useState<T | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let isGone = false;
    load()
      .then((one) => !isGone && setLoaded(one))
      .catch(() => !isGone && setFailed(true));
    return () => {
      isGone = true;
    };
  }, [load]);
  if (failed) return <ErrorBox error={new Error(t('This part of the page could not be loaded: load the page anew, as the server may have a newer one.'))} />;
  return loaded === null ? <Empty>{t('Loading…')}</Empty> : <>{children(loaded)}</>;
}
