import { useMemo } from 'preact/hooks';
import type { DagRun, Task, TaskInstance } from '../api/types';
import { SearchBox } from '../components/choice';
import { Empty } from '../components/loaded';
import { StateBadge } from '../components/state_badge';
import { VirtualRows } from '../components/virtual_rows';
import { duration, elapsed, number } from '../lib/format';
import { layers } from '../lib/graph';
import { useSearchText } from '../lib/hooks';
import { stateInfo } from '../lib/states';
import { axisMarks, barOf, buildTimeline, taskKey, type Timeline } from '../lib/timeline';
import { useEarlierTries } from '../lib/use_tries';
import { t } from '../lib/words';

const rowHeight = 40; // as in css/run.css
const searchFrom = 12; // shorter lists need no search box

interface Props {
  tasks: readonly TaskInstance[];
  total: number; // how many the run has
  order: readonly Task[]; // the DAG's tasks, for the order of their dependencies
  run: DagRun;
  now: number;
  state: string;
  selected: string | null;
  onSelect: (task: string) => void;
}

function TimeBar({ task, timeline, now }: { task: TaskInstance; timeline: Timeline; now: number }) {
  const bar = timeline.bars.get(taskKey(task));
  const earlier = useEarlierTries(task);
  return (
    <svg class="time-bar" viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">
      {earlier.map((one) => {
        const before = barOf(one, timeline, now);
        if (!before) return null;
        return (
          <g key={one.try_number} data-try={one.try_number}>
            <rect class="time-queued" x={before.queuedFrom * 1000} y={7} width={Math.max(0, (before.from - before.queuedFrom) * 1000)} height={2} />
            <rect class={`time-run state-${stateInfo(one.state).name}`} x={Math.min(996, before.from * 1000)} y={5} width={Math.max(4, (before.to - before.from) * 1000)} height={6} />
          </g>
        );
      })}
      {bar && (
        <>
          <rect class="time-queued" x={bar.queuedFrom * 1000} y={7} width={Math.max(0, (bar.from - bar.queuedFrom) * 1000)} height={2} />
          <rect class={`time-run state-${stateInfo(task.state).name}`} x={Math.min(996, bar.from * 1000)} y={2} width={Math.max(4, (bar.to - bar.from) * 1000)} height={12} rx={2} />
        </>
      )}
    </svg>
  );
}

function Axis({ length }: { length: number }) {
  return (
    <svg class="time-axis" aria-hidden="true">
      {axisMarks(length, 4).map((at) => {
        const share = Math.min(1, at / length);
        const anchor = share === 0 ? 'start' : share > 0.85 ? 'end' : 'middle';
        return (
          <text key={at} x={`${share * 100}%`} y={12} text-anchor={anchor}>
            {at === 0 ? '0' : duration(at / 1000)}
          </text>
        );
      })}
    </svg>
  );
}

// Tasks in the order of the picture: by layer, then as the API lists them.
function inOrder(tasks: readonly TaskInstance[], order: readonly Task[]): TaskInstance[] {
  const layer = layers(order.map((task) => ({ id: task.task_id, downstream: task.downstream_task_ids ?? [] })));
  return [...tasks].sort((a, b) => (layer.get(a.task_id) ?? 0) - (layer.get(b.task_id) ?? 0));
}

export function TaskList({ tasks, total, order, run, now, state, selected, onSelect }: Props) {
  const [text, setText] = useSearchText('q');
  const sorted = useMemo(() => inOrder(tasks, order), [tasks, order]);
  const shown = sorted.filter(
    (task) =>
      (state === '' || (task.state ?? 'none') === state) &&
      (text === '' ||
        `${taskKey(task)} ${task.rendered_map_index ?? ''}`.toLowerCase().includes(text.toLowerCase())),
  );
  const timeline = useMemo(() => buildTimeline(tasks, run.start_date, now), [tasks, run.start_date, now]);
  return (
    <section class="task-list card" aria-label={t('Tasks')}>
      <div class="task-list-head">
        <h2>{t('Tasks')}</h2>
        {tasks.length >= searchFrom && (
          <SearchBox label={t('Search tasks')} text={text} onText={setText} />
        )}
        <Axis length={timeline.length} />
      </div>
      {tasks.length < total && (
        <p class="list-note">
          {t('The first {shown} of {total}; the API has all of them.', { shown: number(tasks.length), total: t('{count} tasks', { count: number(total) }) })}
        </p>
      )}
      {shown.length === 0 ? (
        <Empty>{t('No task matches.')}</Empty>
      ) : (
        <VirtualRows items={shown} rowHeight={rowHeight} label={t('Tasks')}>
          {(task) => {
            const key = taskKey(task);
            return (
              <div role="listitem" key={key} class="task-item">
                <button
                  type="button"
                  class={`task-row ${selected === key ? 'is-selected' : ''}`}
                  data-task={key}
                  data-state={task.state ?? 'none'}
                  aria-current={selected === key ? 'true' : undefined}
                  onClick={() => onSelect(key)}
                >
                  <StateBadge state={task.state} small />
                  <span class="task-name">
                    {key}
                    {task.task_display_name && task.task_display_name !== task.task_id && <span class="muted"> {task.task_display_name}</span>}
                    {task.rendered_map_index && <span class="muted"> {task.rendered_map_index}</span>}
                  </span>
                  <span class="task-tries" title={t('Try {at} of at most {most}', { at: task.try_number, most: task.max_tries + 1 })}>
                    {task.try_number > 1 ? t('try {at}', { at: task.try_number }) : ''}
                  </span>
                  <span class="task-time number">{duration(elapsed(task.start_date, task.end_date, now))}</span>
                  <TimeBar task={task} timeline={timeline} now={now} />
                </button>
              </div>
            );
          }}
        </VirtualRows>
      )}
    </section>
  );
}
