import type { Dag, DagRun } from '../api/types';
import { Icon } from '../components/icon';
import { RunBars } from '../components/run_bars';
import { Ago } from '../components/time';
import { useApp } from '../lib/hooks';
import { dagLink } from '../lib/route';
import { PauseSwitch } from './pause_switch';

interface Props {
  dag: Dag;
  runs: readonly DagRun[] | undefined;
  now: number;
  onChange: (dag: Dag) => void;
  onTag: (tag: string) => void;
  onTrigger: () => void;
}

export function scheduleText(dag: Dag): string {
  return dag.timetable_summary ?? dag.timetable_description ?? 'Only when triggered';
}

export function DagRow({ dag, runs, now, onChange, onTag, onTrigger }: Props) {
  const { canOperate } = useApp();
  return (
    <li class={`dag-row ${dag.is_paused ? 'is-paused' : ''}`}>
      <PauseSwitch dag={dag} onChange={onChange} />
      <div class="dag-name">
        <a class="dag-link" href={dagLink(dag.dag_id)}>
          {dag.dag_display_name || dag.dag_id}
        </a>
        {dag.has_import_errors && (
          <p class="dag-broken">
            <Icon name="warning" /> Its file cannot be read; this is the last version that could.
          </p>
        )}
        {dag.description && <p class="muted dag-about">{dag.description}</p>}
        {dag.tags.length > 0 && (
          <p class="tags">
            {dag.tags.map((tag) => (
              <button type="button" key={tag.name} class="tag" onClick={() => onTag(tag.name)}>
                {tag.name}
              </button>
            ))}
          </p>
        )}
      </div>
      <div class="dag-when">
        <span class="dag-schedule" title={dag.timetable_description ?? undefined}>
          {scheduleText(dag)}
        </span>
        <span class="muted">
          {dag.is_paused || !dag.next_dagrun_run_after ? (
            dag.is_paused ? 'Paused' : ''
          ) : (
            <>
              Next <Ago at={dag.next_dagrun_run_after} now={now} />
            </>
          )}
        </span>
      </div>
      <div class="dag-runs">{runs && <RunBars runs={runs} now={now} />}</div>
      {canOperate && (
        <button type="button" class="button dag-trigger" aria-label={`Trigger ${dag.dag_id}`} onClick={onTrigger}>
          <Icon name="play" />
          <span>Trigger</span>
        </button>
      )}
    </li>
  );
}
