import { duration, localTime } from '../lib/format';
import { isEnded, stateInfo } from '../lib/states';
import { axisOf, type Point } from '../lib/trends';
import { t } from '../lib/words';

const slot = 20;
const gap = 4;
const tall = 120;
const least = 2; // what there is, is seen
const fewest = 16; // bars that there is room for: of less, none gets wider

interface Props {
  points: readonly Point[];
  title: string;
  of: (point: Point) => number | null; // seconds: how high
  above?: (point: Point) => number; // seconds on top of it, lighter
  aboveWords?: string;
  onOpen: (run: string) => void;
}

/** A bar for each run, the oldest to the left: its height a time, its colour and shape the state. A table beside it has the numbers. */
export function TrendChart({ points, title, of, above, aboveWords, onOpen }: Props) {
  const top = (point: Point) => (of(point) ?? 0) + (above?.(point) ?? 0);
  const axis = axisOf(Math.max(0.001, ...points.map(top)));
  const most = axis.at(-1) ?? 1;
  const high = (value: number) => (value <= 0 ? 0 : Math.max(least, (value / most) * tall));
  const width = Math.max(fewest, points.length) * slot;
  return (
    <figure class="trend" aria-label={title}>
      <figcaption>{title}</figcaption>
      <div class="trend-body">
        <ol class="trend-axis muted" aria-hidden="true">
          {[...axis].reverse().map((at) => (
            <li key={at}>{at === 0 ? '0' : duration(at)}</li>
          ))}
        </ol>
        <svg class="trend-bars" viewBox={`0 0 ${width} ${tall}`} preserveAspectRatio="none" role="img" aria-label={title}>
          {axis.map((at) => (
            <path key={at} class="trend-line" d={`M0 ${tall - (at / most) * tall}h${width}`} />
          ))}
          {points.map((point, at) => {
            const value = of(point);
            const { name, label } = stateInfo(point.state);
            const [x, wide] = [at * slot + gap / 2, slot - gap];
            const body = high(value ?? 0);
            const more = high(above?.(point) ?? 0);
            const words = [label, localTime(point.at), value === null ? '–' : duration(value), ...(more > 0 ? [`${aboveWords ?? ''} ${duration(above?.(point))}`] : [])].join(', ');
            return (
              <g key={point.run} class="trend-run" data-run={point.run} onClick={() => onOpen(point.run)}>
                <title>{words}</title>
                <rect class="run-bar-hit" x={at * slot} y={0} width={slot} height={tall} />
                {more > 0 && <rect class="trend-above" x={x} y={Math.max(0, tall - body - more)} width={wide} height={more} />}
                <rect class={`run-bar state-${name}`} data-state={name} x={x} y={tall - body} width={wide} height={body} />
                {name === 'failed' && <path class="run-bar-cut" d={`M${x} ${tall - Math.min(body, 6) / 2}h${wide}`} />}
                {!isEnded(point.state as 'running') && body > 6 && <rect class="run-bar-open" x={x + wide / 4} y={tall - body + 2} width={wide / 2} height={body - 4} />}
              </g>
            );
          })}
        </svg>
      </div>
      <p class="trend-ends muted">
        <span>{localTime(points[0]?.at)}</span>
        <span>{localTime(points.at(-1)?.at)}</span>
      </p>
      {above && (
        <p class="trend-key muted">
          <svg width="12" height="12" aria-hidden="true">
            <rect class="trend-above" width="12" height="12" />
          </svg>{' '}
          {aboveWords ?? t('waited')}
        </p>
      )}
    </figure>
  );
}
