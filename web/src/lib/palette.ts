// What the palette finds for a text: places of the page, and what the server knows by that name. Pure.
import type { LakeTable, SearchAnswer } from '../api/types';
import type { Place } from './places';
import { dagLink, lakeLink, runLink, taskLink } from './route';

export interface Hit {
  kind: 'place' | 'dag' | 'task' | 'run' | 'table' | 'setting';
  name: string;
  about: string;
  href: string;
}

/** What the server knows of; tables and settings as far as the reader may see any. */
export interface Found extends SearchAnswer {
  tables: readonly Pick<LakeTable, 'layer' | 'domain' | 'table'>[];
  settings: readonly string[]; // "section.key"
}

/** Places by their beginning first; then as the server has ordered them. */
export function hitsOf(text: string, places: readonly Place[], answer: Found | undefined): Hit[] {
  const lower = text.trim().toLowerCase();
  const named = places.filter((place) => place.label.toLowerCase().includes(lower));
  named.sort((a, b) => Number(b.label.toLowerCase().startsWith(lower)) - Number(a.label.toLowerCase().startsWith(lower)));
  const hits: Hit[] = named.map((place) => ({ kind: 'place', name: place.label, about: '', href: place.href }));
  if (lower === '' || !answer) return hits;
  // A DAG of exactly that name is what is meant most often.
  const dags = [...answer.dags].sort((a, b) => Number(b.dag_id.toLowerCase() === lower) - Number(a.dag_id.toLowerCase() === lower));
  return [
    ...hits,
    ...dags.map((one): Hit => ({ kind: 'dag', name: one.dag_id, about: one.description, href: dagLink(one.dag_id) })),
    ...answer.tasks.map((one): Hit => ({ kind: 'task', name: one.task_id, about: one.dag_id, href: taskLink(one.dag_id, one.task_id) })),
    ...answer.runs.map((one): Hit => ({ kind: 'run', name: one.dag_run_id, about: one.dag_id, href: runLink(one.dag_id, one.dag_run_id) })),
    ...answer.tables.map((one): Hit => ({ kind: 'table', name: one.table, about: `${one.layer}/${one.domain}`, href: lakeLink(one) })),
    ...answer.settings.map((one): Hit => ({ kind: 'setting', name: one, about: '', href: `#/installation?${new URLSearchParams({ tab: 'settings', q: one }).toString()}` })),
  ];
}
