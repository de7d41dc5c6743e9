import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { TaskInstance } from '../api/types';
import { EditDialog } from '../components/edit_dialog';
import { Fact } from '../components/fact';
import { Loaded } from '../components/loaded';
import { At } from '../components/time';
import type { EditField } from '../lib/edit_form';
import { bytes, duration, elapsed, number, prettyJson } from '../lib/format';
import { useApp, useResource } from '../lib/hooks';
import { t } from '../lib/words';

/** The most that the newest try had, and what its task asks for. */
function memoryOf(told: Record<string, unknown>): string {
  const size = (kib: unknown) => (typeof kib === 'number' && kib > 0 ? bytes(kib * 1024) : null);
  const [peak, asked] = [size(told.peak_rss_kib) ?? '–', size(told.memory_asked_kib)];
  return asked ? t('{peak} of {asked}', { peak, asked }) : peak;
}

const noteFields: readonly EditField[] = [{ name: 'note', title: t('Note'), kind: 'area' }];

export function TaskDetails({ task, now }: { task: TaskInstance; now: number }) {
  const { canOperate } = useApp();
  const [noting, setNoting] = useState(false);
  const full = useResource(
    (signal) => api.taskInstance(task.dag_id, task.dag_run_id, task.task_id, signal, task.map_index),
    [task.dag_id, task.dag_run_id, task.task_id, task.map_index, task.state, task.try_number],
  );
  return (
    <Loaded of={full}>
      {(data) => (
        <>
          <dl class="facts facts-block">
            <Fact name={t('Type')}>{data.operator_name ?? '–'}</Fact>
            <Fact name={t('Try')}>
              {t('{at} of at most {most}', { at: data.try_number, most: data.max_tries + 1 })}
            </Fact>
            <Fact name={t('Queued')}>
              <At at={data.queued_when} />
            </Fact>
            <Fact name={t('Started')}>
              <At at={data.start_date} />
            </Fact>
            <Fact name={t('Ended')}>
              <At at={data.end_date} />
            </Fact>
            <Fact name={t('Duration')}>{duration(elapsed(data.start_date, data.end_date, now))}</Fact>
            <Fact name={t('Pool')}>{data.pool}</Fact>
            <Fact name={t('Priority')}>{data.priority_weight ?? '–'}</Fact>
            <Fact name={t('Peak memory')}>{memoryOf(data.batuta)}</Fact>
            {typeof data.batuta.cpu_asked === 'number' && <Fact name={t('Processors asked for')}>{number(data.batuta.cpu_asked)}</Fact>}
            <Fact name={t('Worker')}>
              {data.hostname ?? '–'}
              {data.pid ? t(', process {pid}', { pid: data.pid }) : ''}
            </Fact>
            {typeof data.batuta.reason === 'string' && <Fact name={t('Reason')}>{data.batuta.reason}</Fact>}
            {data.note && <Fact name={t('Note')}>{data.note}</Fact>}
          </dl>
          {canOperate && (
            <div class="actions">
              <button type="button" class="button" onClick={() => setNoting(true)}>
                {t('Note…')}
              </button>
            </div>
          )}
          {noting && (
            <EditDialog
              title={t('Note of this task')}
              fields={() => noteFields}
              before={{ note: data.note ?? '' }}
              save={(body) => api.setTaskNote(data.dag_id, data.dag_run_id, data.task_id, typeof body['note'] === 'string' ? body['note'] : (data.note ?? ''), data.map_index)}
              onClose={() => setNoting(false)}
              onDone={full.reload}
            />
          )}
          {data.rendered_fields && Object.keys(data.rendered_fields).length > 0 && (
            <>
              <h3>{t('Rendered fields')}</h3>
              <pre class="code">{prettyJson(data.rendered_fields)}</pre>
            </>
          )}
        </>
      )}
    </Loaded>
  );
}
