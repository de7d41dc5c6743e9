// What a month and a year of a DAG have in common: the marks, what they mean, and what the numbers leave out.
import type { Calendar } from '../api/types';
import { Icon } from '../components/icon';
import { marksOf, type Mark } from '../lib/calendar';
import { number } from '../lib/format';
import { t } from '../lib/words';

export function MarkIcon({ mark }: { mark: Mark }) {
  return (
    <span class={`day-mark ${mark.kind === 'planned' || mark.kind === 'skips' ? `day-${mark.kind}` : `state-${mark.kind}`}`}>
      <span class="badge-mark">
        <Icon name={mark.icon} />
      </span>
      {mark.count > 0 && <span class="number">{number(mark.count)}</span>}
    </span>
  );
}

const legend: readonly Mark[] = marksOf({
  at: 0,
  part: { from: '', failed: 1, running: 1, queued: 1, success: 1, planned: 1 },
  skips: [{ from: '', to: '', count: 1, more: false, why: '' }],
}).map((mark) => ({ ...mark, count: 0, words: mark.words.replace(/^1 /, '') }));

export function CalendarNotes({ data }: { data: Calendar }) {
  return (
    <>
      <ul class="month-legend muted" aria-label={t('What the marks mean')}>
        {legend.map((mark) => (
          <li key={mark.kind}>
            <MarkIcon mark={mark} /> {mark.words}
          </li>
        ))}
      </ul>
      {data.is_paused && <p class="muted">{t('The DAG is paused: nothing is planned.')}</p>}
      {data.planned_more && <p class="muted">{t('More is planned than the server counts: later days show less than there will be.')}</p>}
      {data.skipped_more && <p class="muted">{t('Not all ticks without a run are shown: the event log has them.')}</p>}
    </>
  );
}

interface BarProps {
  title: string;
  before: string; // what the buttons lead to
  after: string;
  onTurn: (by: number) => void;
  now: string | null; // null: this is it
  onNow: () => void;
  other: string; // the other view
  onOther: () => void;
}

export function CalendarBar({ title, before, after, onTurn, now, onNow, other, onOther }: BarProps) {
  return (
    <div class="month-bar">
      <button type="button" class="icon-button" aria-label={before} title={before} onClick={() => onTurn(-1)}>
        <span class="turn-left">
          <Icon name="right" />
        </span>
      </button>
      <h2 aria-live="polite">{title}</h2>
      <button type="button" class="icon-button" aria-label={after} title={after} onClick={() => onTurn(1)}>
        <Icon name="right" />
      </button>
      <button type="button" class="button" onClick={onOther}>
        {other}
      </button>
      {now !== null && (
        <button type="button" class="button" onClick={onNow}>
          {now}
        </button>
      )}
    </div>
  );
}
