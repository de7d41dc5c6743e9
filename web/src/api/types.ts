// The parts of Airflow's stable REST API v2 that the page reads. Field names are the API's.

export type RunState = 'queued' | 'running' | 'success' | 'failed';

export type TaskState =
  | 'scheduled'
  | 'queued'
  | 'running'
  | 'success'
  | 'failed'
  | 'up_for_retry'
  | 'up_for_reschedule'
  | 'upstream_failed'
  | 'skipped'
  | 'restarting'
  | 'deferred'
  | 'removed'
  | null;

export interface Session {
  username: string;
  role: 'viewer' | 'operator' | 'admin';
  csrf_token: string;
}

export interface Dag {
  dag_id: string;
  dag_display_name: string;
  description: string | null;
  is_paused: boolean;
  is_stale: boolean;
  has_import_errors: boolean;
  tags: { name: string }[];
  owners: string[];
  timetable_summary: string | null;
  timetable_description: string | null;
  next_dagrun_run_after: string | null;
  max_active_runs: number | null;
  relative_fileloc: string | null;
}

export interface DagDetails extends Dag {
  catchup: boolean;
  start_date: string | null;
  timezone: string | null;
  params: Record<string, unknown> | null;
  latest_dag_version: { version_number: number } | null;
}

export interface DagRun {
  dag_id: string;
  dag_run_id: string;
  state: RunState;
  run_type: string;
  logical_date: string | null;
  data_interval_start: string | null;
  data_interval_end: string | null;
  run_after: string;
  queued_at: string | null;
  start_date: string | null;
  end_date: string | null;
  triggered_by: string | null;
  triggering_user_name: string | null;
  conf: Record<string, unknown> | null;
  note: string | null;
  dag_versions: { version_number: number }[];
}

export interface Task {
  task_id: string;
  task_display_name: string | null;
  operator_name: string | null;
  owner: string | null;
  trigger_rule: string | null;
  pool: string | null;
  retries: number | null;
  downstream_task_ids: string[] | null;
}

export interface TaskInstance {
  dag_id: string;
  dag_run_id: string;
  task_id: string;
  map_index: number;
  state: TaskState;
  try_number: number;
  max_tries: number;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
  queued_when: string | null;
  operator_name: string | null;
  pool: string;
  priority_weight: number | null;
  hostname: string | null;
  pid: number | null;
  rendered_fields: Record<string, unknown> | null;
  note: string | null;
}

export interface LogRecord {
  timestamp: string | null;
  level?: string | null;
  event: string;
}

export interface LogPage {
  content: (LogRecord | string)[];
  continuation_token: string | null;
}

export interface XComHead {
  key: string;
  timestamp: string;
  map_index: number;
}

export interface XCom extends XComHead {
  value: unknown;
}

/** One rule's result, as plugins report it; a plugin of one's own may leave things out. */
export interface QualityResult {
  rule?: string;
  table?: string;
  dimension?: string;
  severity?: string;
  checked?: number;
  failed?: number;
  passed?: boolean;
}

export interface AttemptReport {
  try_number: number;
  quality: QualityResult[];
  lineage: unknown[];
}

export interface Dependency {
  name: string;
  reason: string;
}

export interface ImportProblem {
  import_error_id: number;
  timestamp: string;
  filename: string;
  stack_trace: string;
}

export interface DagWarning {
  dag_id: string;
  warning_type: string;
  message: string;
  batuta: { kind: string };
  timestamp: string;
}

export interface Pool {
  name: string;
  description: string | null;
  slots: number;
  occupied_slots: number;
  running_slots: number;
  queued_slots: number;
  scheduled_slots: number;
  open_slots: number;
}

export interface Variable {
  key: string;
  value: string;
  description: string | null;
}

export interface Connection {
  connection_id: string;
  conn_type: string;
  description: string | null;
  host: string | null;
  login: string | null;
  port: number | null;
  schema: string | null;
}

export interface EventLog {
  event_log_id: number;
  when: string;
  event: string;
  owner: string | null;
  dag_id: string | null;
  run_id: string | null;
  task_id: string | null;
  extra: string | null;
}

export interface Job {
  id: number;
  job_type: string | null;
  state: string | null;
  hostname: string | null;
  start_date: string | null;
  latest_heartbeat: string | null;
}

export interface Health {
  metadatabase: { status: string | null };
  scheduler: { status: string | null; latest_scheduler_heartbeat: string | null };
}

export interface RunEvent {
  dag_id: string;
  dag_run_id: string;
  state: RunState;
  run_type: string;
  start_date: string | null;
  end_date: string | null;
  queued_at: string | null;
}

export interface TaskEvent {
  dag_id: string;
  dag_run_id: string;
  task_id: string;
  map_index: number;
  state: TaskState;
  try_number: number;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
}
