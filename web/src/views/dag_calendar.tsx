// A month of a DAG: what ran, what is planned, which ticks had no run. The month and the day stand in the address, or a year.
import { useRef } from 'preact/hooks';
import * as api from '../api/endpoints';
import { Loaded } from '../components/loaded';
import { boundsOf, dayByKey, dayName, dayOf, daysOf, marksOf, monthName, monthOf, monthText, shiftMonth, weekdays, weeksOf, yearOf, type Day, type Month } from '../lib/calendar';
import { useLive, useResource, useSearch, useThrottled } from '../lib/hooks';
import { t } from '../lib/words';
import { partsOf } from '../lib/zone';
import { CalendarDay } from './calendar_day';
import { CalendarBar, CalendarNotes, MarkIcon } from './calendar_parts';
import { DagYear } from './dag_year';

const rereadMs = 2000;

interface GridProps {
  month: Month;
  days: readonly Day[];
  chosen: number;
  today: number; // 0: of another month
  onChoose: (day: number) => void;
}

function DayBox({ month, day, isChosen, isToday, isStop, onChoose }: { month: Month; day: Day; isChosen: boolean; isToday: boolean; isStop: boolean; onChoose: (day: number) => void }) {
  const marks = marksOf(day);
  const words = [dayName(month, day.at), ...(marks.length > 0 ? marks.map((mark) => mark.words) : [t('nothing')])].join(', ');
  return (
    <button type="button" class="day" data-day={day.at} aria-pressed={isChosen} aria-current={isToday ? 'date' : undefined} title={words} tabIndex={isStop ? 0 : -1} onClick={() => onChoose(day.at)}>
      <span class="visually-hidden">{words}</span>
      <span class="day-number" aria-hidden="true">
        {day.at}
      </span>
      <span class="day-marks" aria-hidden="true">
        {marks.map((mark) => (
          <MarkIcon key={mark.kind} mark={mark} />
        ))}
      </span>
    </button>
  );
}

function MonthGrid({ month, days, chosen, today, onChoose }: GridProps) {
  const box = useRef<HTMLTableElement>(null);
  const stop = chosen || today || 1;
  const names = weekdays('long');
  const onKeyDown = (event: KeyboardEvent) => {
    const from = event.target instanceof HTMLElement ? Number(event.target.dataset['day'] ?? 0) : 0;
    const next = from > 0 ? dayByKey(event.key, from, days.length) : null;
    if (next === null) return;
    event.preventDefault();
    box.current?.querySelector<HTMLElement>(`[data-day="${next}"]`)?.focus();
  };
  return (
    <table class="month" ref={box} onKeyDown={onKeyDown} aria-label={monthName(month)}>
      <thead>
        <tr>
          {weekdays('short').map((name, at) => (
            <th key={name} scope="col" abbr={names[at]}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeksOf(month).map((week) => (
          <tr key={week.join()}>
            {week.map((at, column) => {
              const day = days[at - 1];
              return <td key={column}>{day && <DayBox month={month} day={day} isChosen={at === chosen} isToday={at === today} isStop={at === stop} onChoose={onChoose} />}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function DagMonth({ dag }: { dag: string }) {
  const [search, change] = useSearch();
  const now = partsOf(Date.now());
  const month = monthOf(search.get('month'), Date.now());
  const chosen = dayOf(search.get('day'), month);
  const calendar = useResource((signal) => api.calendar(dag, boundsOf(month), signal), [dag, monthText(month)]);
  const reload = useThrottled(calendar.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.dags.includes(dag) || batch.runs.some((run) => run.dag_id === dag)) reload();
  });
  const current = { year: now.year, month: now.month };
  const isCurrent = monthText(current) === monthText(month);
  const go = (to: Month) => change({ month: monthText(to) === monthText(current) ? null : monthText(to), day: null });
  return (
    <section aria-label={t('Calendar')} class="calendar">
      <CalendarBar
        title={monthName(month)}
        before={t('The month before')}
        after={t('The month after')}
        onTurn={(by) => go(shiftMonth(month, by))}
        now={isCurrent ? null : t('This month')}
        onNow={() => go(current)}
        other={t('By months')}
        onOther={() => change({ year: String(month.year), month: null, day: null })}
      />
      <Loaded of={calendar}>
        {(data) => {
          const days = daysOf(month, data);
          const day = days[chosen - 1];
          return (
            <>
              <div class="card month-card">
                <MonthGrid month={month} days={days} chosen={chosen} today={isCurrent ? now.day : 0} onChoose={(at) => change({ day: at === chosen ? null : at })} />
              </div>
              <CalendarNotes data={data} />
              {day && <CalendarDay key={`${monthText(month)} ${chosen}`} dag={dag} month={month} day={day} />}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

export function DagCalendar({ dag }: { dag: string }) {
  const [search] = useSearch();
  const year = yearOf(search.get('year'));
  return year === null ? <DagMonth dag={dag} /> : <DagYear key={year} dag={dag} year={year} />;
}
