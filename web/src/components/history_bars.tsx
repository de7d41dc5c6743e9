import type { Home } from '../api/types';
import { localTime } from '../lib/format';
import { t } from '../lib/words';

const slot = 40;
const gap = 8;
const tallest = 90;
const least = 3; // what there is, is seen

/** Ended runs by time: those that failed stand below a line of their own, and are cut across. */
export function HistoryBars({ bars }: { bars: Home['history'] }) {
  const most = Math.max(1, ...bars.map((bar) => bar.success + bar.failed));
  const tall = (count: number) => (count === 0 ? 0 : Math.max(least, (count / most) * tallest));
  const words = (bar: Home['history'][number]) =>
    t('from {time}: {success} succeeded, {failed} failed', { time: localTime(bar.from), success: bar.success, failed: bar.failed });
  const sum = bars.reduce((all, bar) => ({ success: all.success + bar.success, failed: all.failed + bar.failed }), { success: 0, failed: 0 });
  return (
    <figure class="history">
      <svg class="history-bars" viewBox={`0 0 ${bars.length * slot} ${tallest + 4}`} preserveAspectRatio="none" role="img" aria-label={t('{success} succeeded, {failed} failed', sum)}>
        {bars.map((bar, at) => {
          const [x, width] = [at * slot + gap / 2, slot - gap];
          const [good, bad] = [tall(bar.success), tall(bar.failed)];
          const foot = tallest + 2;
          return (
            <g key={bar.from}>
              <title>{words(bar)}</title>
              <rect class="run-bar-hit" x={at * slot} y={0} width={slot} height={foot} />
              <rect class="run-bar state-failed" x={x} y={foot - bad} width={width} height={bad} />
              {bad > 0 && <path class="run-bar-cut" d={`M${x} ${foot - bad / 2}h${width}`} />}
              <rect class="run-bar state-success" x={x} y={Math.max(0, foot - bad - good)} width={width} height={good} />
              <path class="history-foot" d={`M${x} ${tallest + 3.5}h${width}`} />
            </g>
          );
        })}
      </svg>
      <figcaption class="history-ends muted">
        <span>{localTime(bars[0]?.from)}</span>
        <span>{t('{success} succeeded, {failed} failed', sum)}</span>
        <span>{t('now')}</span>
      </figcaption>
    </figure>
  );
}
