import type { LakeVersion } from '../api/types';
import { localTime, number } from '../lib/format';
import { t } from '../lib/words';

const slot = 16;
const gap = 4;
const tall = 90;
const least = 2;
const fewest = 24; // bars that there is room for: of less, none gets wider

/** A bar for each version, the oldest to the left: how many rows the table had then. A table beside it has the numbers. */
export function VersionBars({ versions }: { versions: readonly LakeVersion[] }) {
  const known = versions.filter((one) => one.rows !== null);
  if (known.length < 2) return null;
  const most = Math.max(1, ...known.map((one) => one.rows ?? 0));
  const width = Math.max(fewest, versions.length) * slot;
  const title = t('Rows by version, the oldest to the left');
  return (
    <figure class="trend" aria-label={title}>
      <figcaption>{title}</figcaption>
      <svg class="trend-bars version-bars" viewBox={`0 0 ${width} ${tall}`} preserveAspectRatio="none" role="img" aria-label={title}>
        {versions.map((one, at) => {
          const high = Math.max(least, ((one.rows ?? 0) / most) * tall);
          if (one.rows === null) return null;
          return (
            <rect key={one.version} class="version-bar" data-version={one.version} x={at * slot + gap / 2} y={tall - high} width={slot - gap} height={high}>
              <title>{t('version {version}, {when}: {rows} rows', { version: one.version, when: localTime(one.time), rows: number(one.rows) })}</title>
            </rect>
          );
        })}
      </svg>
    </figure>
  );
}
