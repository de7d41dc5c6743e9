// A year of a DAG by its months: what ran, what is planned. Each leads to its days.
import * as api from '../api/endpoints';
import { Loaded } from '../components/loaded';
import { withSearch } from '../lib/address';
import { marksOf, monthName, monthsOf, monthText, yearBounds, type Day } from '../lib/calendar';
import { useLive, useResource, useSearch, useThrottled } from '../lib/hooks';
import { t } from '../lib/words';
import { partsOf } from '../lib/zone';
import { CalendarBar, CalendarNotes, MarkIcon } from './calendar_parts';

const rereadMs = 10_000; // a year has more to count than a month

function MonthBox({ year, of, isNow }: { year: number; of: Day; isNow: boolean }) {
  const month = { year, month: of.at - 1 };
  const marks = marksOf(of);
  const words = [monthName(month), ...(marks.length > 0 ? marks.map((mark) => mark.words) : [t('nothing')])].join(', ');
  return (
    <a class="day year-month" data-month={of.at} aria-current={isNow ? 'date' : undefined} title={words} href={withSearch(location.hash, { year: null, month: monthText(month), day: null })}>
      <span class="visually-hidden">{words}</span>
      <span class="day-number" aria-hidden="true">
        {monthName(month, 'short')}
      </span>
      <span class="day-marks" aria-hidden="true">
        {marks.map((mark) => (
          <MarkIcon key={mark.kind} mark={mark} />
        ))}
      </span>
    </a>
  );
}

export function DagYear({ dag, year }: { dag: string; year: number }) {
  const [, change] = useSearch();
  const now = partsOf(Date.now());
  const calendar = useResource((signal) => api.calendar(dag, yearBounds(year), signal), [dag, year]);
  const reload = useThrottled(calendar.reload, rereadMs);
  useLive((batch) => {
    if (batch.resync || batch.dags.includes(dag) || batch.runs.some((run) => run.dag_id === dag)) reload();
  });
  const turn = (to: number) => change({ year: String(Math.max(1970, to)) });
  const toMonths = () => change({ year: null, month: year === now.year ? null : monthText({ year, month: 0 }) });
  return (
    <section aria-label={t('Calendar')} class="calendar">
      <CalendarBar
        title={String(year)}
        before={t('The year before')}
        after={t('The year after')}
        onTurn={(by) => turn(year + by)}
        now={year === now.year ? null : t('This year')}
        onNow={() => turn(now.year)}
        other={t('By days')}
        onOther={toMonths}
      />
      <Loaded of={calendar}>
        {(data) => (
          <>
            <ol class="card month-card year">
              {monthsOf(year, data).map((one) => (
                <li key={one.at}>
                  <MonthBox year={year} of={one} isNow={year === now.year && one.at === now.month + 1} />
                </li>
              ))}
            </ol>
            <CalendarNotes data={data} />
          </>
        )}
      </Loaded>
    </section>
  );
}
