import { localTime, relative } from '../lib/format';

/** A moment: how far away in the text, the exact local time on hover. */
export function Ago({ at, now }: { at: string | null; now: number }) {
  if (!at) return <span class="muted">–</span>;
  return (
    <time dateTime={at} title={localTime(at)}>
      {relative(at, now)}
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
