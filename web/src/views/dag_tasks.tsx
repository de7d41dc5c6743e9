// The tasks of a DAG: their graph, and a table of what is set for each.
import { useEffect, useRef } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Task, TaskGroup } from '../api/types';
import { Markdown } from '../components/markdown';
import { Loaded } from '../components/loaded';
import { countOf } from '../lib/address';
import { number } from '../lib/format';
import { useResource, useSearch } from '../lib/hooks';
import { taskMarks } from '../lib/task_marks';
import { t } from '../lib/words';
import { DagGraph } from './dag_graph';
import { useVersions, VersionChoice } from './version_choice';

const tableLimit = 500;

function Doc({ text, isOpen }: { text: string; isOpen: boolean }) {
  return (
    <details class="task-doc" open={isOpen}>
      <summary>{t('Documentation')}</summary>
      <Markdown text={text} />
    </details>
  );
}

interface RowProps {
  task: Task;
  upstream: readonly string[];
  isSelected: boolean;
}

function TaskRow({ task, upstream, isSelected }: RowProps) {
  const row = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (isSelected) row.current?.scrollIntoView({ block: 'nearest' });
  }, [isSelected]);
  const { group } = task.batuta;
  const kinds = taskMarks(task);
  const name = task.task_display_name || task.task_id;
  return (
    <tr ref={row} class={isSelected ? 'is-selected' : ''} data-task={task.task_id} aria-current={isSelected ? 'true' : undefined}>
      <td class="cell-main" data-label={t('Task')}>
        <div>
          {name}
          {name !== task.task_id && <span class="muted"> {task.task_id}</span>}
          {kinds.length > 0 && <span class="muted"> ({kinds.join(', ')})</span>}
          {task.doc_md && <Doc text={task.doc_md} isOpen={isSelected} />}
        </div>
      </td>
      <td data-label={t('Type')}>{task.operator_name || '–'}</td>
      <td data-label={t('Group')}>{group ?? <span class="muted">–</span>}</td>
      <td data-label={t('Depends on')}>{upstream.length > 0 ? upstream.join(', ') : <span class="muted">–</span>}</td>
      <td data-label={t('Trigger rule')}>{task.trigger_rule || '–'}</td>
      <td data-label={t('Pool')}>{task.pool || '–'}</td>
      <td class="number" data-label={t('Retries')}>{task.retries}</td>
    </tr>
  );
}

function upstreamOf(tasks: readonly Task[]): Map<string, string[]> {
  const upstream = new Map<string, string[]>();
  for (const task of tasks) {
    for (const to of task.downstream_task_ids) {
      const list = upstream.get(to);
      if (list) list.push(task.task_id);
      else upstream.set(to, [task.task_id]);
    }
  }
  return upstream;
}

function GroupDocs({ groups }: { groups: readonly TaskGroup[] }) {
  const told = groups.filter((group) => group.doc_md);
  if (told.length === 0) return null;
  return (
    <ul class="group-docs" aria-label={t('Groups')}>
      {told.map((group) => (
        <li key={group.group_id}>
          <strong>{group.display_name}</strong>
          <Doc text={group.doc_md ?? ''} isOpen={false} />
        </li>
      ))}
    </ul>
  );
}

export function DagTasks({ dag, version, schedule }: { dag: string; version: number | undefined; schedule: string }) {
  const [search, change] = useSearch();
  const newest = version ?? 0;
  const shown = countOf(search, 'version', newest);
  const isNewest = shown === newest;
  const choices = useVersions(dag, newest);
  const tasks = useResource((signal) => api.dagTasks(dag, isNewest ? undefined : shown, signal), [dag, version, shown]);
  const selected = search.get('node');
  const heads = [t('Task'), t('Type'), t('Group'), t('Depends on'), t('Trigger rule'), t('Pool')];
  return (
    <Loaded of={tasks}>
      {(data) => {
        const upstream = upstreamOf(data.tasks);
        return (
          <section aria-label={t('Tasks')}>
            {choices.length > 1 && (
              <div class="toolbar">
                <VersionChoice choices={choices} shown={shown} newest={newest} onChange={(id) => change({ version: id, node: null, part: null })} />
              </div>
            )}
            <DagGraph dag={dag} tasks={data.tasks} groups={data.batuta.groups} schedule={isNewest ? schedule : ''} selected={selected} onSelect={(id) => change({ node: id === selected ? null : id, part: id === selected ? null : search.get('part') })} />
            <GroupDocs groups={data.batuta.groups} />
            <div class="table-box">
              <table class="table table-stack">
                <thead>
                  <tr>
                    {heads.map((head) => (
                      <th key={head} scope="col">
                        {head}
                      </th>
                    ))}
                    <th scope="col" class="number">
                      {t('Retries')}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.tasks.slice(0, tableLimit).map((task) => (
                    <TaskRow key={task.task_id} task={task} upstream={upstream.get(task.task_id) ?? []} isSelected={task.task_id === selected} />
                  ))}
                </tbody>
              </table>
            </div>
            {data.tasks.length > tableLimit && (
              <p class="muted">{t('The first {shown} of {total} tasks; the source tab has all of them.', { shown: tableLimit, total: number(data.tasks.length) })}</p>
            )}
          </section>
        );
      }}
    </Loaded>
  );
}
