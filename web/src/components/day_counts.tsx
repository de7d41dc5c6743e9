import { number } from '../lib/format';
import type { DayCount } from '../lib/trends';
import { t } from '../lib/words';

const slot = 20;
const gap = 4;
const tall = 80;
const least = 3;
const fewest = 16; // as in trend_chart.tsx

/** What ended on each day: those that failed below, cut across, those that succeeded on top. */
export function DayCounts({ days }: { days: readonly DayCount[] }) {
  const title = t('Failures by day');
  const most = Math.max(1, ...days.map((day) => day.success + day.failed + day.rest));
  const high = (count: number) => (count === 0 ? 0 : Math.max(least, (count / most) * (tall - 2 * least)));
  const width = Math.max(fewest, days.length) * slot;
  return (
    <figure class="trend" aria-label={title}>
      <figcaption>{title}</figcaption>
      <div class="trend-body">
        <ol class="trend-axis muted" aria-hidden="true">
          <li>{number(most)}</li>
          <li>0</li>
        </ol>
        <svg class="trend-bars trend-low" viewBox={`0 0 ${width} ${tall}`} preserveAspectRatio="none" role="img" aria-label={title}>
          {days.map((day, at) => {
            const [x, wide] = [at * slot + gap / 2, slot - gap];
            const [bad, good, rest] = [high(day.failed), high(day.success), high(day.rest)];
            return (
              <g key={day.day} data-day={day.day}>
                <title>{`${day.day}: ${t('{success} succeeded, {failed} failed', { success: number(day.success), failed: number(day.failed) })}`}</title>
                <rect class="run-bar-hit" x={at * slot} y={0} width={slot} height={tall} />
                <rect class="run-bar state-failed" x={x} y={tall - bad} width={wide} height={bad} />
                {bad > 0 && <path class="run-bar-cut" d={`M${x} ${tall - bad / 2}h${wide}`} />}
                <rect class="run-bar state-success" x={x} y={tall - bad - good} width={wide} height={good} />
                <rect class="run-bar state-skipped" x={x} y={Math.max(0, tall - bad - good - rest)} width={wide} height={rest} />
              </g>
            );
          })}
        </svg>
      </div>
      <p class="trend-ends muted">
        <span>{days[0]?.day}</span>
        <span>{days.at(-1)?.day}</span>
      </p>
    </figure>
  );
}
