// Everything about one task of one run: its log, its results, its details, and what holds it back.
import { useState } from 'preact/hooks';
import type { TaskInstance } from '../api/types';
import { Icon } from '../components/icon';
import { StateBadge } from '../components/state_badge';
import { Tabs } from '../components/tabs';
import { countOf } from '../lib/address';
import { useApp, useSearch } from '../lib/hooks';
import { taskKey } from '../lib/timeline';
import { t } from '../lib/words';
import { ClearDialog } from './clear_dialog';
import { LogView } from './log_view';
import { MarkDialog, markButtons, marks, type Mark } from './mark_dialog';
import { QualityView } from './quality_view';
import { QuestionView } from './question_view';
import { TaskDetails } from './task_details';
import { TryPicker } from './try_picker';
import { WhyNot } from './why_not';
import { XComView } from './xcom_view';

const tabs = [
  { id: 'log', label: t('Log') },
  { id: 'xcom', label: t('XCom') },
  { id: 'details', label: t('Details') },
];

interface Props {
  task: TaskInstance;
  tab: string;
  now: number;
  onTab: (tab: string) => void;
  onClose: () => void;
  onChanged: () => void;
}

type Pending = 'clear' | Mark | null;

function Actions({ task, onChanged }: { task: TaskInstance; onChanged: () => void }) {
  const [pending, setPending] = useState<Pending>(null);
  const close = () => setPending(null);
  return (
    <div class="actions">
      <button type="button" class="button" onClick={() => setPending('clear')}>
        {t('Clear…')}
      </button>
      {marks.filter((state) => state !== task.state).map((state) => (
        <button key={state} type="button" class="button" onClick={() => setPending(state)}>
          {markButtons[state]}
        </button>
      ))}
      {pending === 'clear' && (
        <ClearDialog dag={task.dag_id} run={task.dag_run_id} task={task} onClose={close} onDone={onChanged} />
      )}
      {pending !== null && pending !== 'clear' && <MarkDialog mark={pending} task={task} onClose={close} onDone={onChanged} />}
    </div>
  );
}

export function TaskPanel({ task, tab, now, onTab, onClose, onChanged }: Props) {
  const { canOperate } = useApp();
  const [search, change] = useSearch();
  const picked = countOf(search, 'try', 0); // 0: always the newest
  const attempt = picked === 0 || picked > task.try_number ? task.try_number : picked;
  const asked = countOf(search, 'beside', 0);
  const beside = asked > task.try_number || asked === attempt ? 0 : asked;
  const current = tabs.some((one) => one.id === tab) ? tab : 'log';
  return (
    <section class="task-panel card" aria-label={t('Task {task}', { task: taskKey(task) })}>
      <header class="panel-head">
        <StateBadge state={task.state} />
        <h2>{taskKey(task)}</h2>
        {task.rendered_map_index && <span class="muted">{task.rendered_map_index}</span>}
        <button type="button" class="icon-button" aria-label={t('Close task')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <QuestionView key={`${taskKey(task)} ${attempt}`} task={task} attempt={attempt} onChanged={onChanged} />
      {canOperate && <Actions task={task} onChanged={onChanged} />}
      <WhyNot task={task} />
      <div class="panel-tabs">
        <Tabs tabs={tabs} current={current} label={t('About this task')} onChange={onTab} />
        <TryPicker task={task} attempt={attempt} beside={beside} now={now} onPick={(next) => change({ try: next, line: null })} onBeside={(next) => change({ beside: next, line2: null })} />
      </div>
      <QualityView task={task} attempt={attempt} />
      {current === 'log' && beside === 0 && <LogView key={attempt} task={task} attempt={attempt} />}
      {current === 'log' && beside > 0 && (
        <div class="tries-beside">
          {[attempt, beside].map((one, at) => (
            <section key={`${at} ${one}`} aria-label={t('Log of try {at}', { at: one })}>
              <h3>{t('Try {at} of at most {most}', { at: one, most: task.max_tries + 1 })}</h3>
              <LogView task={task} attempt={one} lineName={at === 0 ? 'line' : 'line2'} />
            </section>
          ))}
        </div>
      )}
      {current === 'xcom' && <XComView task={task} />}
      {current === 'details' && <TaskDetails task={task} now={now} />}
    </section>
  );
}
