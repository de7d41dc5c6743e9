import { useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Dag } from '../api/types';
import { Icon } from '../components/icon';
import { RunBars } from '../components/run_bars';
import { Ago } from '../components/time';
import type { Changes } from '../lib/address';
import { useApp } from '../lib/hooks';
import { dagLink } from '../lib/route';
import { scheduleText } from '../lib/schedule';
import { t } from '../lib/words';
import { PauseSwitch } from './pause_switch';

const tagsShown = 4;

interface Props {
  dag: Dag;
  picked: boolean;
  onPick: ((on: boolean) => void) | undefined;
  onChange: (dag: Dag) => void;
  onFilter: (changes: Changes) => void;
  onTrigger: () => void;
}

// The first few; the others behind one button, so that forty tags are not forty stops of the tab key.
function Tags({ dag, onFilter }: Pick<Props, 'dag' | 'onFilter'>) {
  const [all, setAll] = useState(false);
  const names = dag.tags.map((tag) => tag.name);
  const shown = all ? names : names.slice(0, tagsShown);
  if (names.length === 0) return null;
  return (
    <p class="tags">
      {shown.map((name) => (
        <button type="button" key={name} class="tag" onClick={() => onFilter({ tag: name })}>
          {name}
        </button>
      ))}
      {names.length > tagsShown && (
        <button type="button" class="tag tag-more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t('fewer') : t('{count} more', { count: names.length - tagsShown })}
        </button>
      )}
    </p>
  );
}

function Star({ dag, onChange }: Pick<Props, 'dag' | 'onChange'>) {
  const { notify } = useApp();
  const isOne = dag.batuta?.is_favorite ?? false;
  const turn = async () => {
    try {
      await api.setFavorite(dag.dag_id, !isOne);
      onChange({ ...dag, batuta: { ...dag.batuta, is_favorite: !isOne } });
    } catch (error) {
      notify((error as Error).message, 'error');
    }
  };
  const label = t('Favourite: {dag}', { dag: dag.dag_id });
  return (
    <button type="button" class={`icon-button star ${isOne ? 'is-on' : ''}`} aria-pressed={isOne} aria-label={label} title={label} onClick={turn}>
      <Icon name="star" />
    </button>
  );
}

function When({ dag }: { dag: Dag }) {
  const last = dag.latest_dag_runs?.[0];
  return (
    <div class="dag-when">
      <span class="dag-schedule" title={dag.timetable_description || undefined}>
        {scheduleText(dag)}
      </span>
      {dag.is_paused ? (
        <span class="muted">{t('Paused')}</span>
      ) : (
        dag.next_dagrun_run_after && (
          <span class="muted">
            {t('Next')} <Ago at={dag.next_dagrun_run_after} />
          </span>
        )
      )}
      {last && (
        <span class="muted">
          {t('Last')} <Ago at={last.start_date ?? last.run_after} />
        </span>
      )}
    </div>
  );
}

export function DagRow({ dag, picked, onPick, onChange, onFilter, onTrigger }: Props) {
  const { canOperate } = useApp();
  return (
    <li class={`dag-row ${dag.is_paused ? 'is-paused' : ''}`}>
      <div class="dag-marks">
        {onPick && <input type="checkbox" aria-label={t('Choose {dag}', { dag: dag.dag_id })} checked={picked} onChange={(event) => onPick(event.currentTarget.checked)} />}
        <PauseSwitch dag={dag} onChange={onChange} />
      </div>
      <div class="dag-name">
        <span class="dag-head">
          <a class="dag-link" href={dagLink(dag.dag_id)}>
            {dag.dag_display_name || dag.dag_id}
          </a>
          <Star dag={dag} onChange={onChange} />
        </span>
        {dag.has_import_errors && (
          <p class="dag-broken">
            <Icon name="warning" /> {t('Its file cannot be read; this is the last version that could.')}
          </p>
        )}
        {dag.description && <p class="muted dag-about">{dag.description}</p>}
        <Tags dag={dag} onFilter={onFilter} />
        {dag.owners.length > 0 && (
          <p class="dag-owners">
            {dag.owners.map((owner) => (
              <button type="button" key={owner} class="link-button" aria-label={t('DAGs of {owner}', { owner })} onClick={() => onFilter({ owner })}>
                {owner}
              </button>
            ))}
          </p>
        )}
      </div>
      <When dag={dag} />
      <div class="dag-runs">{dag.latest_dag_runs && <RunBars runs={dag.latest_dag_runs} />}</div>
      {canOperate && (
        <button type="button" class="button dag-trigger" aria-label={t('Trigger {dag}', { dag: dag.dag_id })} onClick={onTrigger}>
          <Icon name="play" />
          <span>{t('Trigger')}</span>
        </button>
      )}
    </li>
  );
}
