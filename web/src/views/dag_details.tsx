// A DAG with every field that the API has of it, also those that the page has no words for.
import type { ComponentChildren } from 'preact';
import type { DagDetails } from '../api/types';
import { At } from '../components/time';
import { number, prettyJson } from '../lib/format';
import { t } from '../lib/words';
import { DagActs } from './dag_acts';

const names = (): Readonly<Record<string, string>> => ({
  active_runs_count: t('Runs that are active'),
  allowed_run_types: t('Types of runs that are allowed'),
  asset_expression: t('Assets that it waits for'),
  bundle_name: t('Bundle'),
  bundle_version: t('Version of the bundle'),
  catchup: t('Catch-up'),
  concurrency: t('Concurrency'),
  dag_display_name: t('Name'),
  dag_id: t('DAG id'),
  dag_run_timeout: t('Time-out of a run'),
  default_args: t('Default arguments'),
  description: t('Description'),
  doc_md: t('Documentation'),
  end_date: t('Last date'),
  exclude: t('Days without ticks'),
  file_token: t('Token of the file'),
  fileloc: t('Whole path of the file'),
  has_import_errors: t('Has import errors'),
  has_task_concurrency_limits: t('Has tasks with limits of their own'),
  is_backfillable: t('May be backfilled'),
  is_favorite: t('Favourite'),
  is_paused: t('Paused'),
  is_paused_upon_creation: t('Paused when it is new'),
  is_stale: t('File is gone'),
  last_expired: t('Last expired'),
  last_parse_duration: t('Seconds that reading took'),
  last_parsed: t('Last read'),
  last_parsed_time: t('Time of the last reading'),
  latest_dag_runs: t('Latest runs'),
  latest_dag_version: t('Newest version'),
  max_active_runs: t('Active runs at most'),
  max_active_tasks: t('Active tasks at most'),
  max_consecutive_failed_dag_runs: t('Failed runs in a row, at most'),
  next_dagrun_data_interval_end: t('End of the next data interval'),
  next_dagrun_data_interval_start: t('Start of the next data interval'),
  next_dagrun_logical_date: t('Logical date of the next run'),
  next_dagrun_run_after: t('Next run'),
  owner_links: t('Links of the owners'),
  owners: t('Owner'),
  params: t('Params'),
  relative_fileloc: t('File'),
  render_template_as_native_obj: t('Templates give native objects'),
  start_date: t('First date'),
  tags: t('Tags'),
  template_search_path: t('Where templates are looked for'),
  timetable_description: t('Timetable in words'),
  timetable_partitioned: t('Timetable is of partitions'),
  timetable_periodic: t('Timetable is periodic'),
  timetable_summary: t('Timetable'),
  timezone: t('Time zone'),
});

const isTime = (text: string) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text);
const isPlainList = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((one) => typeof one === 'string');
const isEmpty = (value: unknown) => value === null || value === undefined || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);

/** What stands beside a name; null: it needs a block of its own. */
function shortOf(value: unknown): ComponentChildren {
  if (isEmpty(value)) return '–';
  if (typeof value === 'boolean') return value ? t('yes') : t('no');
  if (typeof value === 'number') return number(value);
  if (typeof value === 'string') return isTime(value) ? <At at={value} /> : value.includes('\n') ? null : value;
  return isPlainList(value) ? value.join(', ') : null;
}

export function DagDetailsView({ of }: { of: DagDetails }) {
  const known = names();
  const fields = Object.entries(of).map(([field, value]) => ({
    field,
    name: known[field] ?? field,
    value: field === 'tags' ? of.tags.map((tag) => tag.name) : (value as unknown),
  }));
  const blocks = fields.filter(({ value }) => shortOf(value) === null);
  return (
    <section class="dag-details" aria-label={t('Details')}>
      <DagActs of={of} />
      <dl class="facts facts-block">
        {fields
          .filter((one) => !blocks.includes(one))
          .map(({ field, name, value }) => (
            <div key={field} class="fact" data-field={field}>
              <dt title={field}>{name}</dt>
              <dd>{shortOf(value)}</dd>
            </div>
          ))}
      </dl>
      {blocks.map(({ field, name, value }) => (
        <section key={field} data-field={field} aria-label={name}>
          <h2 class="dag-field" title={field}>
            {name}
          </h2>
          <pre class="code" tabIndex={0}>
            {typeof value === 'string' ? value : prettyJson(value)}
          </pre>
        </section>
      ))}
    </section>
  );
}
