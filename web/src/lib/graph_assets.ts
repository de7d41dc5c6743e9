// The assets around the tasks of a graph: what starts the DAG before its first tasks, what a task reads before it, what it makes
// behind it. One that is read and made here is drawn twice, so that no edge leads back.
import type { DagDetails, Task } from '../api/types';
import { count } from './format';
import { fanId, mostBeside } from './graph_fans';
import type { GraphInput } from './graph_fold';
import { assetName, scheduleText, staleAsset, timesOf } from './schedule';
import type { GroupInfo } from './task_groups';
import { t } from './words';

/** What of the details of a DAG tells of its assets. */
export type AssetSchedule = Pick<DagDetails, 'asset_expression' | 'timetable_summary' | 'timetable_description'>;

export interface AssetBox {
  kind: 'asset' | 'gate'; // a gate: which of the assets before it have to change
  uri: string | null; // null: of a gate, of an alias
  name: string;
  note: string;
  title: string;
}

export interface AssetGraph {
  tasks: GraphInput[];
  groups: GroupInfo[]; // many assets beside each other
  boxes: Map<string, AssetBox>;
}

/** The same text as long as it tells the same; '' where the DAG waits for no asset. */
export const scheduleKey = ({ asset_expression, timetable_summary, timetable_description }: AssetSchedule): string =>
  asset_expression === null || asset_expression === undefined ? '' : JSON.stringify({ asset_expression, timetable_summary, timetable_description });

const object = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {});
const textOf = (value: unknown, name: string): string => {
  const text = object(value)[name];
  return typeof text === 'string' ? text : '';
};

/** `lake://gold/shop/daily` is the table daily of gold and shop; of other addresses the end tells most. */
function wordsOf(uri: string, more: string): AssetBox {
  const short = assetName(uri);
  const cut = short.lastIndexOf('/');
  const [before, name] = cut > 0 && cut < short.length - 1 ? [short.slice(0, cut).replace(/\/+$/, ''), short.slice(cut + 1)] : ['', short];
  const place = short === uri ? before : before.split('/').join(' · ');
  return { kind: 'asset', uri, name, note: [place, more].filter((one) => one !== '').join(' · ') || t('Asset'), title: [uri, more].filter((one) => one !== '').join('\n') };
}

class Assets {
  readonly boxes = new Map<string, AssetBox>();
  readonly edges = new Map<string, Set<string>>(); // what stands behind each box

  add(id: string, box: AssetBox): string {
    if (!this.boxes.has(id)) {
      this.boxes.set(id, box);
      this.edges.set(id, new Set());
    }
    return id;
  }

  gate(id: string, name: string, note: string, of: readonly string[], title = [name, note].join(' ')): string {
    this.add(id, { kind: 'gate', uri: null, name, note, title });
    for (const one of of) this.edges.get(one)?.add(id);
    return id;
  }

  read(uri: string): string {
    return this.add(`asset:in:${uri}`, wordsOf(uri, ''));
  }

  /** A condition of the schedule; null where it is none that is known. */
  condition(of: unknown, at: string): string | null {
    const { asset, alias, all, any } = object(of);
    if (asset !== undefined) {
      const uri = textOf(asset, 'uri');
      const name = textOf(asset, 'name');
      const box = wordsOf(uri, '');
      return this.add(`asset:in:${uri}`, name === '' || name === uri ? box : { ...box, name, title: `${name}\n${uri}` });
    }
    if (alias !== undefined) {
      const name = textOf(alias, 'name');
      return this.add(`alias:${name}`, { kind: 'asset', uri: null, name, note: t('Alias'), title: name });
    }
    const list = Array.isArray(all) ? (all as unknown[]) : Array.isArray(any) ? (any as unknown[]) : [];
    const parts = list.map((one, place) => this.condition(one, `${at}.${place}`)).filter((one) => one !== null);
    if (parts.length < 2) return parts[0] ?? null;
    return Array.isArray(all) ? this.gate(at, t('All of them'), t('have changed'), parts) : this.gate(at, t('Any of them'), t('has changed'), parts);
  }

  schedule(of: AssetSchedule): string | null {
    let last = this.condition(of.asset_expression, 'gate:');
    if (last === null) return null;
    const stale = staleAsset(of);
    if (stale !== null) last = this.gate('gate:stale', t('While it is older'), assetName(stale), [last], scheduleText(of));
    const times = timesOf(of);
    if (times === null) return last;
    const ticks = this.gate('gate:times', times, t('Schedule'), []);
    return this.gate('gate:either', t('Either of them'), t('starts the DAG'), [last, ticks]);
  }
}

/** Many assets that hang on the same boxes are one that unfolds. */
function fansOf(assets: Assets, above: ReadonlyMap<string, readonly string[]>, unitOf: (task: string) => string): { groups: GroupInfo[]; groupOf: Map<string, string> } {
  const alike = new Map<string, string[]>();
  for (const [id, box] of assets.boxes) {
    if (box.kind === 'gate') continue;
    const near = [[...(assets.edges.get(id) ?? [])], above.get(id) ?? []].map((side) => [...new Set(side.map(unitOf))].sort());
    const key = JSON.stringify(near);
    alike.set(key, [...(alike.get(key) ?? []), id]);
  }
  const groups: GroupInfo[] = [];
  const groupOf = new Map<string, string>();
  for (const ids of alike.values()) {
    const [first = ''] = ids;
    if (ids.length <= mostBeside) continue;
    groups.push({ id: fanId(first), parent: null, name: count(ids.length, 'asset') });
    for (const id of ids) groupOf.set(id, fanId(first));
  }
  return { groups, groupOf };
}

/**
 * `tasks` as they are drawn, fans folded, with the assets around them. `of`: the same tasks as the API has them; `first`: those of
 * the DAG that nothing stands before; `schedule`: by scheduleKey.
 */
export function withAssets(tasks: readonly GraphInput[], of: readonly Task[], first: ReadonlySet<string>, schedule: string): AssetGraph {
  const assets = new Assets();
  const told = schedule === '' ? null : (JSON.parse(schedule) as AssetSchedule);
  const start = told && of.some((task) => first.has(task.task_id)) ? assets.schedule(told) : null;
  const stale = told && staleAsset(told);
  const made = new Map<string, string[]>(); // the boxes behind a task
  const above = new Map<string, string[]>(); // the tasks before a box
  const make = (uri: string, task: string) => {
    const id = assets.add(`asset:out:${uri}`, wordsOf(uri, uri === stale ? t('kept fresh') : ''));
    made.set(task, [...(made.get(task) ?? []), id]);
    above.set(id, [...(above.get(id) ?? []), task]);
  };
  for (const { task_id: task, batuta } of of) {
    if (start !== null && first.has(task)) assets.edges.get(start)?.add(task);
    for (const uri of batuta.inlets) assets.edges.get(assets.read(uri))?.add(task);
    for (const uri of batuta.outlets) make(uri, task);
  }
  // A table that tasks publish need not be named by them: it is made by the last.
  if (stale !== null && !assets.boxes.has(`asset:out:${stale}`)) {
    for (const task of of) if (task.downstream_task_ids.length === 0) make(stale, task.task_id);
  }
  const drawnIn = new Map(tasks.map((task) => [task.id, task.group ?? null]));
  const { groups, groupOf } = fansOf(assets, above, (id) => drawnIn.get(id) ?? id);
  return {
    tasks: [
      ...tasks.map((task) => (made.has(task.id) ? { ...task, downstream: [...task.downstream, ...(made.get(task.id) ?? [])] } : task)),
      ...[...assets.edges].map(([id, behind]) => ({ id, downstream: [...behind], group: groupOf.get(id) ?? null })),
    ],
    groups,
    boxes: assets.boxes,
  };
}

/** The tasks that nothing stands before. */
export function firstTasks(tasks: readonly Task[]): Set<string> {
  const first = new Set(tasks.map((task) => task.task_id));
  for (const task of tasks) for (const below of task.downstream_task_ids) first.delete(below);
  return first;
}
