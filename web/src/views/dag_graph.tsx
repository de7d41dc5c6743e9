// The graph of a DAG or of a run, with what one does to it: groups folded, a part of it, a search, larger and smaller.
import { useCallback, useMemo, useState } from 'preact/hooks';
import * as api from '../api/endpoints';
import type { Task, TaskGroup, TaskInstance } from '../api/types';
import { SearchBox } from '../components/choice';
import { FoldButtons } from '../components/fold_buttons';
import { GraphMap } from '../components/graph_map';
import { GraphPicture, type BoxWords } from '../components/graph_picture';
import { Icon } from '../components/icon';
import { ZoomButtons } from '../components/zoom_buttons';
import { unitCount } from '../lib/graph';
import { firstTasks, withAssets, type AssetBox } from '../lib/graph_assets';
import { countsText, partOf, worstState, type Part } from '../lib/graph_view';
import { withFans } from '../lib/graph_fans';
import { number } from '../lib/format';
import { useSearch, useSearchText } from '../lib/hooks';
import { useGraphBox } from '../lib/use_graph_box';
import { useLayout } from '../lib/use_layout';
import { useOpenGroups } from '../lib/use_open_groups';
import { keep, readKept } from '../lib/kept';
import { assetLink } from '../lib/route';
import { taskMarks } from '../lib/task_marks';
import { t } from '../lib/words';

/** More boxes than this make a picture nobody can read. */
const mostBoxes = 1000;
const downKept = 'batuta-graph-down';
const assetsKept = 'batuta-graph-assets';
const noAssets: ReadonlyMap<string, AssetBox> = new Map();
const parts: readonly Part[] = ['all', 'up', 'down', 'both'];

interface Props {
  dag: string;
  tasks: readonly Task[];
  groups: readonly TaskGroup[];
  states?: ReadonlyMap<string, TaskInstance>;
  schedule?: string; // by scheduleKey
  selected: string | null;
  onSelect: (task: string) => void;
}

// A reader's habit, not the address's.
function useSwitch(name: string, usual: boolean): [boolean, () => void] {
  const [isOn, setOn] = useState(() => (readKept(name) ?? (usual ? 'yes' : 'no')) === 'yes');
  const turn = () => {
    keep(name, isOn ? 'no' : 'yes');
    setOn(!isOn);
  };
  return [isOn, turn];
}

function wordsOf(task: Task): BoxWords {
  const name = task.task_display_name || task.task_id;
  const marks = taskMarks(task);
  const title = [name, ...(name === task.task_id ? [] : [task.task_id]), ...marks, ...(task.doc_md ? ['', task.doc_md.slice(0, 400)] : [])];
  return { name, note: [task.operator_name, ...marks].join(' · '), title: title.join('\n') };
}

// Assets have numbers of their own; where that of one is not told, the list is narrowed to it.
async function openAsset(uri: string) {
  const found = await api.assets({ uri_pattern: uri, limit: 50 }).catch(() => null);
  const id = found?.assets.find((one) => one.uri === uri)?.id;
  location.hash = id === undefined ? `#/assets?${new URLSearchParams({ q: uri })}` : assetLink(id);
}

export function DagGraph({ dag, tasks, groups, states, schedule = '', selected, onSelect }: Props) {
  const [search, change] = useSearch();
  const [text, setText] = useSearchText('find');
  const { open, turn, setAll } = useOpenGroups(dag);
  const [down, turnDown] = useSwitch(downKept, false);
  const [assetsShown, turnAssets] = useSwitch(assetsKept, true);
  const asked = search.get('part') as Part;
  const part = parts.includes(asked) ? asked : 'all';
  const shown = useMemo(() => partOf(tasks, selected, part), [tasks, selected, part]);
  const folded = useMemo(
    () =>
      withFans(
        shown.map((task) => ({ id: task.task_id, downstream: task.downstream_task_ids, group: task.batuta.group, labels: task.batuta.edge_labels })),
        groups.map((group) => ({ id: group.group_id, parent: group.parent, name: group.display_name })),
      ),
    [shown, groups],
  );
  const around = useMemo(() => withAssets(folded.tasks, shown, firstTasks(tasks), schedule), [folded, shown, tasks, schedule]);
  const whole = useMemo(() => ({ tasks: around.tasks, groups: [...folded.groups, ...around.groups], fans: [...folded.fans, ...around.groups] }), [around, folded]);
  const allBoxes = useMemo(() => unitCount(whole.tasks, whole.groups, open), [whole, open]);
  const hasAssets = assetsShown && around.boxes.size > 0;
  const [input, assets] = hasAssets && allBoxes <= mostBoxes ? [whole, around.boxes] : [folded, noAssets];
  const boxes = useMemo(() => unitCount(input.tasks, input.groups, open), [input, open]);
  const isDrawn = boxes <= mostBoxes;
  const graph = useLayout(input.tasks, { groups: input.groups, open, down }, isDrawn ? boxes : null);
  const byId = useMemo(() => new Map(tasks.map((task) => [task.task_id, task])), [tasks]);
  const names = useMemo(() => {
    const all = new Map<string, Pick<TaskGroup, 'display_name' | 'doc_md'>>(groups.map((group) => [group.group_id, group]));
    for (const fan of input.fans) all.set(fan.id, { display_name: fan.name, doc_md: null });
    return all;
  }, [groups, input]);
  const { box, zoom, setZoom, fit, pan } = useGraphBox(graph);
  const statesOf = (members: readonly string[]) => members.map((id) => states?.get(id)?.state ?? null);
  const stateOf = useCallback(
    (id: string, members: readonly string[]) => {
      if (!states || assets.has(members[0] ?? id)) return undefined;
      return members.length > 0 ? worstState(members.map((one) => states.get(one)?.state ?? null)) : (states.get(id)?.state ?? null);
    },
    [states, assets],
  );
  const found = useMemo(() => {
    if (text === '' || !graph) return null;
    const nameOf = (id: string) => byId.get(id)?.task_display_name ?? assets.get(id)?.title ?? names.get(id)?.display_name ?? '';
    const fits = (id: string) => `${assets.has(id) ? '' : id} ${nameOf(id)}`.toLowerCase().includes(text.toLowerCase());
    return new Set(graph.nodes.filter((node) => fits(node.id) || node.members.some(fits)).map((node) => node.id));
  }, [text, graph, byId, names, assets]);
  const used = useMemo(() => new Set(folded.tasks.map((task) => task.group)), [folded]);
  const select = (id: string) => {
    const asset = assets.get(id);
    if (!asset) onSelect(id);
    else if (asset.uri !== null) void openAsset(asset.uri);
  };
  // Nothing can be folded or left out: the list of tasks serves better, and what is missing here is said.
  if (!isDrawn && used.size === 1 && used.has(null) && selected === null) {
    return <p class="muted">{t('{count} boxes are too many for a picture: fold groups, or choose a task and what comes before or behind it.', { count: number(boxes) })}</p>;
  }
  return (
    <section class="graph-card card" aria-label={t('Graph')}>
      <div class="graph-bar">
        <SearchBox label={t('Find in the graph')} text={text} onText={setText} />
        {found !== null && <span class="muted" role="status">{t('{count} found', { count: found.size })}</span>}
        {selected !== null && (
          <label>
            <span class="visually-hidden">{t('Which part')}</span>
            <select value={part} onChange={(event) => change({ part: event.currentTarget.value === 'all' ? null : event.currentTarget.value })}>
              <option value="all">{t('All tasks')}</option>
              <option value="up">{t('What comes before it')}</option>
              <option value="down">{t('What comes behind it')}</option>
              <option value="both">{t('Before and behind')}</option>
            </select>
          </label>
        )}
        {hasAssets && assets === noAssets && <span class="muted">{t('Assets are left out: with them {count} boxes would be too many.', { count: number(allBoxes) })}</span>}
        <span class="graph-tools">
          {input.groups.length > 0 && used.size > 0 && (
            <FoldButtons count={input.groups.length} open={input.groups.filter((group) => open.has(group.id)).length} onAll={(all) => setAll(all ? input.groups.map((group) => group.id) : [])} />
          )}
          {around.boxes.size > 0 && (
            <button type="button" class="icon-button" aria-pressed={assetsShown} aria-label={t('Assets')} title={t('Assets that start it, and that tasks read and make')} onClick={turnAssets}>
              <Icon name="asset" />
            </button>
          )}
          <button type="button" class="icon-button" aria-pressed={down} aria-label={t('From top to bottom')} title={t('From top to bottom')} onClick={turnDown}>
            <Icon name="turn" />
          </button>
          <ZoomButtons zoom={zoom} setZoom={setZoom} fit={fit} />
        </span>
      </div>
      {graph ? (
        <div class="graph-place">
          <div class="graph-box" ref={box} tabIndex={-1} {...pan}>
            <GraphPicture
              graph={graph}
              zoom={zoom}
              found={found}
              selected={selected}
              onSelect={select}
              onTurn={turn}
              stateOf={stateOf}
              box={box}
              wordsOf={(id, members) => {
                const task = byId.get(id);
                if (task && members.length === 0) return wordsOf(task);
                const asset = assets.get(id);
                if (asset) return asset;
                const group = names.get(id);
                const name = group?.display_name ?? id;
                const note = assets.has(members[0] ?? '') ? t('Assets') : states ? countsText(statesOf(members)) : t('{count} tasks', { count: number(members.length) });
                return { name, note, title: [name, ...(name === id ? [] : [id]), note, ...(group?.doc_md ? ['', group.doc_md.slice(0, 400)] : [])].join('\n') };
              }}
            />
          </div>
          <GraphMap graph={graph} zoom={zoom} box={box} stateOf={stateOf} />
        </div>
      ) : isDrawn ? (
        <p class="muted graph-none" role="status">
          {t('{count} boxes are put into their places…', { count: number(boxes) })}
        </p>
      ) : (
        <p class="muted graph-none">
          {t('{count} boxes are too many for a picture: fold groups, or choose a task and what comes before or behind it.', { count: number(boxes) })}
        </p>
      )}
    </section>
  );
}
