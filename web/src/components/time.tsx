import { useEffect, useState } from 'preact/hooks';
import { everySecond } from '../lib/clock';
import { localTime, relative } from '../lib/format';

/** A moment: how far away in the text, the exact local time on hover. It goes on by itself: what is around it is not drawn again. */
export function Ago({ at }: { at: string | null }) {
  const [, tell] = useState(''); // the text that was told last: the same one draws nothing
  useEffect(() => (at ? everySecond(() => tell(relative(at, Date.now()))) : undefined), [at]);
  if (!at) return <span class="muted">–</span>;
  return (
    <time dateTime={at} title={localTime(at)}>
      {relative(at, Date.now())}
    </time>
  );
}

/** A moment: the exact local time in the text. */
export function At({ at }: { at: string | null }) {
  if (!at) return <span class="muted">–</span>;
  return (
    <time dateTime={at} title={at}>
      {localTime(at)}
    </time>
  );
}
