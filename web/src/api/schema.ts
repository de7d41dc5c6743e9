// The API's objects. Made by api_types.mjs out of the server's OpenAPI document: not to be edited, but
// renewed by `./dev build web_api_types` whenever the document has changed (a test says so).

export interface AirflowPlugin {
  appbuilder_menu_items: Record<string, unknown>[]; appbuilder_views: Record<string, unknown>[]; batuta: Plugin;
  external_views: Record<string, unknown>[]; fastapi_apps: Record<string, unknown>[];
  fastapi_root_middlewares: Record<string, unknown>[]; flask_blueprints: string[];
  global_operator_extra_links: string[]; listeners: string[]; macros: string[]; name: string;
  operator_extra_links: string[]; react_apps: Record<string, unknown>[]; source: string; timetables: string[];
}

export interface AirflowPluginCollection {
  plugins: AirflowPlugin[]; total_entries: number;
}

export interface AliasedAsset {
  id: number; uri: string;
}

export interface Asset {
  aliases: AssetAlias[]; consuming_tasks: AssetTask[]; created_at: string; extra: Record<string, unknown>;
  group: string; id: number; last_asset_event: LastAssetEvent | null; name: string; producing_tasks: AssetTask[];
  scheduled_dags: AssetSchedule[]; updated_at: string; uri: string; watchers: AssetWatcher[];
}

export interface AssetAlias {
  group: string; id: number; name: string;
}

export interface AssetAliasCollection {
  asset_aliases: AssetAliasDetails[]; total_entries: number;
}

export interface AssetAliasDetails {
  batuta: AssetAliasExtra; group: string; id: number; name: string;
}

export interface AssetAliasExtra {
  assets: AliasedAsset[];
}

export interface AssetCollection {
  assets: Asset[]; total_entries: number;
}

export interface AssetConsumer {
  dag_id: string; data_interval_end: string | null; data_interval_start: string | null; end_date: string | null;
  logical_date: string | null; partition_key: string | null; run_id: string; start_date: string; state: string;
  triggering: boolean;
}

export interface AssetEvent {
  asset_id: number; created_dagruns: AssetConsumer[]; extra: Record<string, unknown>; group: string; id: number;
  name: string; partition_key: string | null; source_dag_id: string | null; source_map_index: number;
  source_run_id: string | null; source_task_id: string | null; timestamp: string; uri: string;
}

export interface AssetEventCollection {
  asset_events: AssetEvent[]; total_entries: number;
}

export interface AssetSchedule {
  created_at: string; dag_id: string; updated_at: string;
}

export interface AssetStateCollection {
  asset_state_store: Record<string, unknown>[]; total_entries: number;
}

export interface AssetTask {
  created_at: string; dag_id: string; task_id: string; updated_at: string;
}

export interface AssetWatcher {
  batuta: AssetWatcherExtra; created_date: string; name: string; trigger_id: number;
}

export interface AssetWatcherExtra {
  looks_at: Record<string, unknown>; message: string | null; poke_interval: number; seen: string | null;
}

export interface AttemptReport {
  lineage: Record<string, unknown>[]; quality: Record<string, unknown>[]; try_number: number | null;
}

export interface AwaitedAsset {
  asset_id: number | null; queued_at: string | null; queued_events: number; uri: string;
}

export interface AwaitedAssets {
  asset_expression: unknown; assets: AwaitedAsset[]; condition_met: boolean; dag_id: string; is_paused: boolean;
  reason: string;
}

export interface AwaitedDeadlineCollection {
  deadlines: Deadline[]; more: boolean; total_entries: number;
}

export interface Backfill {
  batuta: BackfillExtra; completed_at: string | null; created_at: string; dag_display_name: string; dag_id: string;
  dag_run_conf: Record<string, unknown> | null; from_date: string; id: number; is_paused: boolean;
  max_active_runs: number; reprocess_behavior: string; to_date: string; updated_at: string;
}

export interface BackfillCollection {
  backfills: Backfill[]; total_entries: number;
}

export interface BackfillExtra {
  branch: string | null; cancelled: boolean; done: number; ended: boolean; outcomes?: Record<string, unknown>;
  run_backwards: boolean; run_on_latest_version: boolean; runs?: Record<string, unknown>; ticks: number;
  triggering_user_name: string | null;
}

export interface BackfillPlan {
  backfills: PlannedRun[]; batuta: BackfillPlanExtra; total_entries: number;
}

export interface BackfillPlanExtra {
  left_alone: LeftAlone[]; ticks: number;
}

export interface BackfillTick {
  dag_run_id: string | null; logical_date: string; ordinal: number; outcome: string; state: string | null;
}

export interface BackfillTickCollection {
  ticks: BackfillTick[]; total_entries: number;
}

export interface Backup {
  path: string;
}

export interface BulkAnswer {
  create: BulkDone | null; delete: BulkDone | null; update: BulkDone | null;
}

export interface BulkDone {
  errors: Record<string, unknown>[]; success: string[];
}

export interface Bundle {
  dags: number; import_errors: number; kind: string; name: string; place: string; problem: string | null;
  ref: string | null; revision: string | null; revisions: BundleRevision[]; tip: string | null;
}

export interface BundleCollection {
  bundles: Bundle[]; total_entries: number;
}

export interface BundleDiff {
  added: string[]; bundle_name: string; changed: string[]; errors: string[]; files: BundleFile[]; from: string | null;
  removed: string[]; subject: string; to: string;
}

export interface BundleFile {
  change: string; path: string;
}

export interface BundleRevision {
  revision: string; subject: string; switched_at: string; switched_by: string | null;
}

export interface BundleSwitch {
  added: string[]; bundle_name: string; changed: string[]; errors: string[]; files: BundleFile[]; from: string | null;
  removed: string[]; subject: string; switched: boolean; to: string;
}

export interface Calendar {
  dag_id: string; is_paused: boolean; now: string; parts: CalendarPart[]; planned_more: boolean;
  skipped: CalendarSkip[]; skipped_more: boolean;
}

export interface CalendarPart {
  failed: number; from: string; planned: number; queued: number; running: number; success: number;
}

export interface CalendarSkip {
  count: number; from: string; more: boolean; to: string; why: string;
}

export interface Config {
  sections: ConfigSection[];
}

export interface ConfigOption {
  key: string; value: string;
}

export interface ConfigSection {
  name: string; options: ConfigOption[];
}

export interface Connection {
  conn_type: string; connection_id: string; description: string | null; extra: string | null; host: string | null;
  login: string | null; password: string | null; port: number | null; schema: string | null; team_name: string | null;
}

export interface ConnectionCollection {
  connections: Connection[]; total_entries: number;
}

export interface ConnectionTest {
  references: SecretReference[];
}

export interface ConnectionTestResponse {
  message: string; status: boolean;
}

export interface DAG {
  allowed_run_types: unknown; batuta?: DAGExtra; bundle_name: string; bundle_version: string | null;
  dag_display_name: string; dag_id: string; description: string | null; file_token: string; fileloc: string;
  has_import_errors: boolean; has_task_concurrency_limits: boolean; is_backfillable: boolean; is_paused: boolean;
  is_stale: boolean; last_expired: string | null; last_parse_duration: number | null; last_parsed_time: string | null;
  latest_dag_runs?: DAGRun[]; max_active_runs: number; max_active_tasks: number;
  max_consecutive_failed_dag_runs: number; next_dagrun_data_interval_end: string | null;
  next_dagrun_data_interval_start: string | null; next_dagrun_logical_date: string | null;
  next_dagrun_run_after: string | null; owners: string[]; relative_fileloc: string | null; tags: DAGTag[];
  timetable_description: string; timetable_partitioned: boolean; timetable_periodic: boolean;
  timetable_summary: string | null;
}

export interface DAGCollection {
  dags: DAG[]; total_entries: number;
}

export interface DAGDetails {
  active_runs_count: number; allowed_run_types: unknown; asset_expression: unknown; batuta?: DAGExtra;
  bundle_name: string; bundle_version: string | null; catchup: boolean; concurrency: number; dag_display_name: string;
  dag_id: string; dag_run_timeout: string | null; default_args: Record<string, unknown> | null;
  description: string | null; doc_md: string | null; end_date: string | null; exclude?: unknown; file_token: string;
  fileloc: string; has_import_errors: boolean; has_task_concurrency_limits: boolean; is_backfillable: boolean;
  is_favorite: boolean; is_paused: boolean; is_paused_upon_creation: boolean; is_stale: boolean;
  last_expired: string | null; last_parse_duration: number | null; last_parsed: string | null;
  last_parsed_time: string | null; latest_dag_runs?: DAGRun[]; latest_dag_version: DagVersion | null;
  max_active_runs: number; max_active_tasks: number; max_consecutive_failed_dag_runs: number;
  next_dagrun_data_interval_end: string | null; next_dagrun_data_interval_start: string | null;
  next_dagrun_logical_date: string | null; next_dagrun_run_after: string | null; owner_links: Record<string, unknown>;
  owners: string[]; params: Record<string, unknown>; relative_fileloc: string | null;
  render_template_as_native_obj: boolean; start_date: string | null; tags: DAGTag[]; template_search_path: unknown;
  timetable_description: string; timetable_partitioned: boolean; timetable_periodic: boolean;
  timetable_summary: string | null; timezone: string;
}

export interface DAGExtra {
  is_favorite: boolean;
}

export interface DAGFile {
  bundle_name: string; content: string | null; dag_id: string; editable: boolean; hash: string | null;
  reason: string | null; relative_fileloc: string;
}

export interface DAGFileCheck {
  errors: DAGFileProblem[]; groups: TaskGroup[]; task_count: number; tasks: Task[]; warnings: DAGFileProblem[];
}

export interface DAGFileProblem {
  column: number; line: number; message: string; pointer: string;
}

export interface DAGFileSaved {
  dag_id: string; hash: string;
}

export interface DAGRun {
  batuta: Record<string, unknown>; bundle_version: string | null; conf: Record<string, unknown> | null;
  dag_display_name: string; dag_id: string; dag_run_id: string; dag_versions: DagVersion[];
  data_interval_end: string | null; data_interval_start: string | null; duration: number | null;
  end_date: string | null; last_scheduling_decision: string | null; logical_date: string | null; note: string | null;
  partition_date: string | null; partition_key: string | null; queued_at: string; run_after: string; run_type: string;
  start_date: string | null; state: 'queued' | 'running' | 'success' | 'failed'; triggered_by: string | null;
  triggering_user_name: string | null;
}

export interface DAGRunCollection {
  dag_runs: DAGRun[]; next_cursor: string | null; previous_cursor: string | null; total_entries: number;
  total_entries_limit: number | null;
}

export interface DAGSource {
  content: string; dag_display_name: string; dag_id: string; version_number: number;
}

export interface DAGTag {
  dag_display_name: string; dag_id: string; name: string;
}

export interface DAGTagCollection {
  tags: string[]; total_entries: number;
}

export interface DAGVersionCollection {
  dag_versions: DagVersion[]; total_entries: number;
}

export interface DAGWarning {
  batuta: DAGWarningExtra; dag_display_name: string; dag_id: string; message: string; timestamp: string;
  warning_type: string;
}

export interface DAGWarningCollection {
  dag_warnings: DAGWarning[]; total_entries: number;
}

export interface DAGWarningExtra {
  kind: string;
}

export interface DagStats {
  dag_display_name: string; dag_id: string; stats: DagStatsState[];
}

export interface DagStatsCollection {
  dags: DagStats[]; total_entries: number;
}

export interface DagStatsState {
  count: number; state: string;
}

export interface DagVersion {
  bundle_name: string; bundle_url: string | null; bundle_version: string; created_at: string; dag_display_name: string;
  dag_id: string; id: string; version_number: number;
}

export interface Deadline {
  alert_description: string | null; alert_id: string; alert_name: string | null; dag_id: string; dag_run_id: string;
  deadline_time: string | null; id: string; missed: boolean;
}

export interface DeadlineAlert {
  datetime: string | null; description: string | null; id: string; interval: number; max_runs: number | null;
  min_runs: number | null; name: string | null; reference_type: string;
}

export interface DeadlineAlertCollection {
  deadline_alerts: DeadlineAlert[]; total_entries: number;
}

export interface DeadlineCollection {
  deadlines: Deadline[]; total_entries: number;
}

export interface Domain {
  dag_ids: string[]; domain: string; problem: string | null; schedule: string | null; tables: string[];
  unfinished: boolean;
}

export interface DomainCollection {
  domains: Domain[]; total_entries: number;
}

export interface DomainDetails {
  contract: string | null; dag_ids: string[]; domain: string; problem: string | null; removal: DomainPlan;
  schedule: string | null; tables: string[]; unfinished: boolean;
}

export interface DomainPlan {
  changes: number; conflicts: string[]; digest: string; domain: string; done: boolean; errors: DomainProblem[];
  not_carried_out: string[]; steps: DomainStep[];
}

export interface DomainProblem {
  column: number; line: number; message: string; pointer: string;
}

export interface DomainStep {
  action: string; conflict: string; kind: string; name: string;
}

export interface EventLog {
  dag_display_name: string | null; dag_id: string | null; event: string; event_log_id: number; extra: string | null;
  logical_date: string | null; map_index: number | null; owner: string | null; run_id: string | null;
  task_display_name: string | null; task_id: string | null; try_number: number | null; when: string;
}

export interface EventLogCollection {
  event_logs: EventLog[]; total_entries: number;
}

export interface ExtraLinkCollection {
  extra_links: Record<string, unknown>; total_entries: number;
}

export interface Grid {
  dag_id: string; groups: GridGroup[]; runs: GridRun[]; tasks: GridTask[]; total_runs: number;
}

export interface GridGroup {
  display_name?: string; group_id: string; parent: string | null;
}

export interface GridRun {
  cells: string; dag_run_id: string; end_date: string | null; logical_date: string | null;
  mapped: Record<string, unknown>; queued_at: string; run_after: string; run_type: string; start_date: string | null;
  state: 'queued' | 'running' | 'success' | 'failed'; version_number: number | null;
}

export interface GridTask {
  display_name?: string; group: string | null; is_gone: boolean; is_mapped: boolean; operator_name: string;
  task_id: string;
}

export interface Group {
  description: string; name: string; roles: string[]; users: string[];
}

export interface GroupCollection {
  groups: Group[]; total_entries: number;
}

export interface HealthInfo {
  dag_processor: Record<string, unknown>; metadatabase: Record<string, unknown>; scheduler: Record<string, unknown>;
  triggerer: Record<string, unknown>;
}

export interface Home {
  dags: HomeDags; failed: HomeRuns; from: string; history: HomeBar[]; hours: number; import_errors: number;
  late: HomeNexts; now: string; pools?: Pool[]; queued: HomeRuns; running: HomeRuns; tasks: HomeTasks;
  upcoming: HomeNexts; warnings: number; workers?: HomeWorker[];
}

export interface HomeBar {
  failed: number; from: string; success: number;
}

export interface HomeDags {
  active: number; paused: number;
}

export interface HomeNext {
  dag_id: string; run_after: string;
}

export interface HomeNexts {
  dags: HomeNext[]; total: number;
}

export interface HomeRun {
  dag_id: string; dag_run_id: string; end_date: string | null; queued_at: string; run_after: string; run_type: string;
  start_date: string | null; state: 'queued' | 'running' | 'success' | 'failed';
}

export interface HomeRuns {
  runs: HomeRun[]; total: number;
}

export interface HomeTasks {
  deferred: number; queued: number; running: number; scheduled: number; up_for_retry: number;
}

export interface HomeWorker {
  agent_id: string; attempts: number; connected: boolean; drained: boolean; hostname: string; last_seen: string;
  slots: number;
}

export interface HookAnswer {
  dag_id: string; dag_run_id: string; repeated: boolean; state: string;
}

export interface ImportError {
  bundle_name: string; filename: string; import_error_id: number; stack_trace: string; timestamp: string;
}

export interface ImportErrorCollection {
  import_errors: ImportError[]; total_entries: number;
}

export interface IssuedToken {
  access_token: string; expires_at: string; purpose: string; scope: string[]; username: string;
}

export interface Job {
  batuta?: Record<string, unknown>; dag_display_name: string | null; dag_id: string | null; end_date: string | null;
  executor_class: string; hostname: string; id: number; job_type: string; latest_heartbeat: string;
  start_date: string | null; state: string; unixname: string | null;
}

export interface JobCollection {
  jobs: Job[]; total_entries: number;
}

export interface JobConfig {
  bucket_name: string | null; created_at: string; interval: string | null; job_name: string; overlap: string | null;
  params: unknown; updated_at: string; updated_by: string | null;
}

export interface JobConfigCollection {
  job_configs: JobConfig[]; total_entries: number;
}

export interface JobExecution {
  bucket_name: string | null; created_at: string; end_time: string | null; error: string | null; execution_id: string;
  filename: unknown; heartbeat_at: string | null; id: number; interval: string | null; job_name: string;
  overlap: string | null; params: unknown; records: number; start_time: string | null; status: string;
  try_number: number; updated_at: string;
}

export interface JobExecutionCollection {
  job_executions: JobExecution[]; total_entries: number;
}

export interface LakeAlert {
  ack_note: string | null; acked_at: string | null; acked_by: string | null; alert_id: number;
  close_note: string | null; closed_at: string | null; closed_by: string | null; domain: string; kind: string;
  may_change: boolean; message: string; monitor_id: string; opened_at: string; severity: string; state: string;
  target: string;
}

export interface LakeAlertCollection {
  alerts: LakeAlert[]; counts: LakeAlertCounts; domains: string[]; more: boolean; total_entries: number;
}

export interface LakeAlertCounts {
  acknowledged: number; closed: number; open: number;
}

export interface LakeBranch {
  created_at: string; created_by: string; is_dropping: boolean; name: string; note: string | null;
}

export interface LakeBranchCollection {
  branches: LakeBranch[]; total_entries: number;
}

export interface LakeBranchDetails {
  created_at: string; created_by: string; hidden: number; is_dropping: boolean; name: string; note: string | null;
  tables: LakeBranchTable[];
}

export interface LakeBranchDiff {
  added: number | null; branch: string; changed: number | null; columns_added: string[]; columns_removed: string[];
  compared: string[]; cut: boolean; key: string[]; lake: LakeBranchSide | null; masked: string[];
  on_branch: LakeBranchSide; removed: number | null; rows: LakeBranchRow[]; table: string; unchanged: number | null;
}

export interface LakeBranchRow {
  key: Record<string, unknown>; values: Record<string, unknown>; what: string;
}

export interface LakeBranchSide {
  bytes: number; files: number; rows: number | null; version: number;
}

export interface LakeBranchTable {
  base_version: number | null; has_moved: boolean; lake_version: number | null; table: string; version: number;
}

export interface LakeColumn {
  business_name: string | null; classification: string | null; description: string | null; is_key: boolean;
  is_masked: boolean; is_partition: boolean; mask: string | null; name: string; nullable: boolean; tags: string[];
  type: string;
}

export interface LakeColumnChange {
  column: string; from: string; to: string;
}

export interface LakeColumnEdge {
  from: string; from_column: string; mask: string | null; to: string; to_column: string;
}

export interface LakeColumnLineage {
  columns: LakeLineageColumn[]; edges: LakeColumnEdge[]; hidden: number; more: boolean; untold: LakeUntold[];
}

export interface LakeColumnStatistics {
  is_masked: boolean; max: string | null; min: string | null; name: string; nulls: number | null; type: string;
}

export interface LakeContract {
  description: string | null; history: boolean; id: string; mode: string; name: string; owners: string[];
  quality_rules: string[]; retention: string | null; service_levels: Record<string, unknown>[]; status: string;
  tags: string[]; version: string;
}

export interface LakeCost {
  attempts: number; busy_seconds: number; bytes: number; cpu_seconds: number; days: LakeCostDay[]; domain: string;
  failed: number; hidden: boolean; more: boolean; peak_rss_kib: number; read_bytes: number; rows: number; runs: number;
  since: string; stored: LakeCostStored[]; tables: number; unknown: string[]; unmeasured: number; work: LakeCostWork[];
}

export interface LakeCostDay {
  attempts: number; busy_seconds: number; cpu_seconds: number; day: string; failed: number; peak_rss_kib: number;
  read_bytes: number; runs: number; stored_bytes: number | null; unmeasured: number;
}

export interface LakeCostStored {
  bytes: number; files: number; layer: string; rows: number; tables: number;
}

export interface LakeCostWork {
  attempts: number; busy_seconds: number; cpu_seconds: number; dag_id: string; failed: number; peak_rss_kib: number;
  read_bytes: number; runs: number; unmeasured: number;
}

export interface LakeErasure {
  apply: boolean; asked_at: string; by: string | null; domain: string | null; ended_at: string | null;
  error: string | null; operation: string; report: Record<string, unknown> | null; state: string; subject: string;
  table: string | null;
}

export interface LakeErasureCollection {
  erasures: LakeErasure[]; more: boolean; total_entries: number;
}

export interface LakeFile {
  added: string; bytes: number; path: string; rows: number | null;
}

export interface LakeGroup {
  domain: string; layer: string; tables: number;
}

export interface LakeLetter {
  attempt: number; base64: string[]; contract_version: string | null; cut: boolean; first_seen: string | null;
  headers: LakeLetterHeader[]; key: string | null; letter: string; message: string | null; moved: string | null;
  no_value: string | null; offset: string | null; partition: string | null; reason: string; topic: string;
  value: string | null;
}

export interface LakeLetterDone {
  letter: string; reason: string;
}

export interface LakeLetterHeader {
  base64: boolean; name: string; value: string;
}

export interface LakeLetterOrder {
  action: string; done: number; dry_run: boolean; left: number; letters: LakeLetterDone[]; source_topic: string;
  stay: LakeLetterStay[]; staying: number; topic: string;
}

export interface LakeLetterReason {
  open: number; reason: string;
}

export interface LakeLetterStay {
  letter: string; why: string;
}

export interface LakeLetterTopic {
  domain: string; open: number | null; problem: string | null; source_topic: string; table: string; topic: string;
}

export interface LakeLetterTopicCollection {
  topics: LakeLetterTopic[]; total_entries: number;
}

export interface LakeLetterWhole {
  attempt: number; base64: string[]; contract_version: string | null; cut: boolean; first_seen: string | null;
  headers: LakeLetterHeader[]; key: string | null; letter: string; masked: string[]; message: string | null;
  moved: string | null; no_value: string | null; offset: string | null; partition: string | null; reason: string;
  topic: string; value: string | null;
}

export interface LakeLetters {
  domain: string; letters: LakeLetter[]; masked: string[]; more: boolean; more_reasons: boolean; open: number;
  reasons: LakeLetterReason[]; source_topic: string; table: string; topic: string;
}

export interface LakeLineage {
  columns?: LakeColumnLineage; edges: LakeLineageEdge[]; hidden: number; more: boolean; tables: LakeLineageTable[];
}

export interface LakeLineageColumn {
  column: string; distance: number; source: LakeSourceField | null; table: string; unknown: string | null;
}

export interface LakeLineageEdge {
  dag_id: string | null; dag_run_id: string | null; from: string; from_version: number | null; run_after: string;
  task_id: string | null; to: string;
}

export interface LakeLineageTable {
  distance: number; domain: string; layer: string; table: string;
}

export interface LakeMaintenance {
  action: string; asked_at: string; by: string | null; domain: string; dry_run: boolean; ended_at: string | null;
  error: string | null; layer: string; operation: string; repeated: boolean; report: Record<string, unknown> | null;
  state: string; table: string;
}

export interface LakeMaintenanceCollection {
  orders: LakeMaintenance[]; total_entries: number;
}

export interface LakeMonitor {
  alert_id: number | null; alert_state: string | null; description: string | null; domain: string;
  evaluated_at: string | null; kind: string; limit_value: number | null; message: string | null; monitor_id: string;
  severity: string; status: string; target: string; value: number | null;
}

export interface LakeMonitorCollection {
  counts: LakeMonitorCounts; domains: string[]; monitors: LakeMonitor[]; total_entries: number;
}

export interface LakeMonitorCounts {
  not_judged: number; unknown: number; unwell: number; well: number;
}

export interface LakeMonitorResult {
  evaluated_at: string; limit_value: number | null; message: string; monitor_id: string; status: string;
  value: number | null;
}

export interface LakeMonitorResultCollection {
  results: LakeMonitorResult[]; total_entries: number;
}

export interface LakeMoved {
  at: string | null; dag_id: string | null; dag_run_id: string | null; operation: string | null; reason: string;
  version: number | null;
}

export interface LakePartition {
  bytes: number; files: number; rows: number | null; values: Record<string, unknown>;
}

export interface LakePartitionMatrix {
  columns: string[]; counts: PartitionCounts; gaps: boolean; grain: string | null; group_by: string | null;
  makers: PartitionMaker[]; more: boolean; partitions: Partition[]; total_entries: number;
}

export interface LakePlanNode {
  children: LakePlanNode[]; details: Record<string, unknown>; estimated_rows: number | null; operator: string;
  rows: number | null; seconds: number | null;
}

export interface LakePromotedTable {
  added_files: number; appends: boolean; base_version: number | null; branch_version: number; changes_schema: boolean;
  expected_version: number | null; is_done: boolean; lake_version: number | null; moved: LakeMoved | null;
  removed_files: number; table: string;
}

export interface LakePromotion {
  branch: string; dag_id: string | null; dag_run_id: string | null; dry_run: boolean; hidden: number;
  last_run: LakePromotionRun | null; may_promote: boolean; tables: LakePromotedTable[];
}

export interface LakePromotionRun {
  dag_run_id: string; reason: string | null; state: string;
}

export interface LakeQuality {
  more: boolean; reports: LakeQualityReport[];
}

export interface LakeQualityReport {
  dag_id: string | null; dag_run_id: string | null; map_index: number | null; passed: boolean;
  results: Record<string, unknown>[]; run_after: string; task_id: string | null; try_number: number;
}

export interface LakeQuarantine {
  domain: string; groups: LakeQuarantineGroup[]; more: boolean; table: string; version: number | null;
}

export interface LakeQuarantineCollection {
  tables: LakeQuarantineTable[]; total_entries: number;
}

export interface LakeQuarantineGroup {
  first_seen: string | null; last_seen: string | null; reason: string; rows: number; run_id: string | null;
}

export interface LakeQuarantineOrder {
  dag_id: string; dag_run_id: string; operation: string; repeated: boolean; task_id: string;
}

export interface LakeQuarantineTable {
  domain: string; modified: string | null; problem: string | null; rows: number | null; table: string;
  version: number | null;
}

export interface LakeRows {
  columns: string[]; cut: boolean; cut_by: string | null; masked: string[]; next_cursor: string | null; rows: unknown[];
  version: number | null;
}

export interface LakeSourceField {
  field: string; kind: string; server: string;
}

export interface LakeSqlPlan {
  analyzed: boolean; hidden: boolean; milliseconds: number; plan: LakePlanNode[]; query_id: string | null;
  tables: LakeSqlTable[]; text: string;
}

export interface LakeSqlRows {
  columns: string[]; cut: boolean; cut_by: string | null; limit: number; milliseconds: number; query_id: string | null;
  row_count: number; rows: unknown[]; tables: LakeSqlTable[];
}

export interface LakeSqlRunning {
  milliseconds: number; progress: number | null; query_id: string; state: string;
}

export interface LakeSqlRunningCollection {
  queries: LakeSqlRunning[]; total_entries: number;
}

export interface LakeSqlTable {
  masked: string[]; table: string; version: number;
}

export interface LakeStatistics {
  bytes: number; columns: LakeColumnStatistics[]; files: number; rows: number | null; version: number;
}

export interface LakeTable {
  age_seconds: number | null; bytes: number | null; contract: string | null; description: string | null; domain: string;
  files: number | null; fresh_within_seconds: number | null; is_fresh: boolean | null; layer: string;
  modified: string | null; problem: string | null; rows: number | null; table: string; trust: LakeTrust | null;
  version: number | null;
}

export interface LakeTableCollection {
  groups: LakeGroup[]; left_out: string[]; tables: LakeTable[]; total_entries: number;
}

export interface LakeTableDetails {
  age_seconds: number | null; bytes: number | null; columns: LakeColumn[]; contract: string | null;
  contract_details: LakeContract | null; created: string | null; data_files: LakeFile[]; description: string | null;
  domain: string; files: number | null; fresh_within_seconds: number | null; id: string; is_fresh: boolean | null;
  layer: string; modified: string | null; partition_columns: string[]; partition_count: number;
  partitions: LakePartition[]; problem: string | null; properties: Record<string, unknown>; reader_version: number;
  rows: number | null; table: string; trust: LakeTrust | null; version: number | null; writer_version: number;
}

export interface LakeTrust {
  badge: string; reasons: LakeTrustReason[];
}

export interface LakeTrustReason {
  message: string; names: string[]; subject: string; verdict: string;
}

export interface LakeUntold {
  table: string; why: string;
}

export interface LakeVersion {
  bytes: number | null; contract: string | null; contract_version: string | null; dag_id: string | null;
  dag_run_id: string | null; engine: string | null; files_added: number; files_removed: number;
  map_index: number | null; operation: string | null; rows: number | null; rows_added: number | null;
  rows_removed: number | null; task_id: string | null; time: string; try_number: number | null; version: number;
}

export interface LakeVersionCollection {
  total_entries: number; versions: LakeVersion[];
}

export interface LakeVersionDiff {
  added: number | null; bytes_compared: number; changed: number | null; columns_added: string[];
  columns_changed: LakeColumnChange[]; columns_removed: string[]; compared: string[]; cut: boolean; files_added: number;
  files_removed: number; from: LakeVersionSide; key: string[]; masked: string[]; not_compared: string | null;
  removed: number | null; rows: LakeVersionRow[]; table: string; to: LakeVersionSide; unchanged: number | null;
}

export interface LakeVersionRow {
  key: Record<string, unknown>; times: number; values: Record<string, unknown>; what: string;
}

export interface LakeVersionSide {
  bytes: number; files: number; rows: number | null; version: number;
}

export interface LastAssetEvent {
  id: number | null; timestamp: string | null;
}

export interface LeftAlone {
  dag_run_id: string; logical_date: string; reason: string;
}

export interface LogMessage {
  event: string; level?: string; timestamp: string | null;
}

export interface LogWindow {
  content: LogWindowLine[]; end: number; is_ended: boolean; size: number; start: number; try_number: number;
}

export interface LogWindowLine {
  event: string; level?: string; offset: number; timestamp: string | null;
}

export interface LoginMethods {
  password: boolean; provider: string | null;
}

export interface Metric {
  help: string; left_out: number; name: string; samples: MetricSample[]; type: string;
}

export interface MetricCollection {
  history: MetricHistory; metrics: Metric[]; taken_at: string; total_entries: number;
}

export interface MetricHistory {
  seconds: number; series: MetricSeries[]; times: string[];
}

export interface MetricSample {
  labels: Record<string, unknown>; name: string; value: number;
}

export interface MetricSeries {
  name: string; type: string; values: (number | null)[];
}

export interface OutboxCollection {
  lineage?: Record<string, unknown>; outbox: OutboxRow[]; total_entries: number; traces?: Record<string, unknown>;
}

export interface OutboxRow {
  created_at: string; dead: boolean; id: number; key: string; kind: string; last_error: string | null;
  next_try_at: string | null; tries: number;
}

export interface Partition {
  begins_at: string | null; dag_id: string | null; dag_run_id: string | null; group: string | null;
  made_at: string | null; newer: string | null; newer_at: string | null; partition_key: string; rows: number | null;
  state: string; task_id: string | null; version: number | null;
}

export interface PartitionCounts {
  failed: number; materialized: number; missing: number; running: number; stale: number;
}

export interface PartitionMaker {
  dag_id: string; may_trigger: boolean; takes: string;
}

export interface PartitionMatrix {
  counts: PartitionCounts; gaps: boolean; grain: string | null; group_by: string | null; makers: PartitionMaker[];
  more: boolean; partitions: Partition[]; total_entries: number;
}

export interface PartitionsCleared {
  dag_runs_cleared: number; dry_run: boolean; task_instances_cleared: number;
}

export interface Person {
  id: string; name: string;
}

export interface PlannedRun {
  batuta: PlannedRunExtra; logical_date: string | null; partition_date: string | null; partition_key: string | null;
}

export interface PlannedRunExtra {
  action: string; dag_run_id: string;
}

export interface Plugin {
  kind: string; name: string; params: Record<string, unknown>[]; sha256: string; summary: string; version: string;
}

export interface PluginCollection {
  not_offered: PluginFault[]; plugins: Plugin[]; total_entries: number;
}

export interface PluginFault {
  name: string; reason: string;
}

export interface PluginImportError {
  error: string; source: string;
}

export interface PluginImportErrorCollection {
  import_errors: PluginImportError[]; total_entries: number;
}

export interface Pool {
  deferred_slots: number; description: string | null; include_deferred: boolean; name: string; occupied_slots: number;
  open_slots: number; queued_slots: number; running_slots: number; scheduled_slots: number; slots: number;
  team_name: string | null;
}

export interface PoolCollection {
  pools: Pool[]; total_entries: number;
}

export interface ProviderCollection {
  providers: Record<string, unknown>[]; total_entries: number;
}

export interface ProviderHealth {
  issuer: string | null; reason: string | null; status: string;
}

export interface Question {
  assigned_users: Person[]; batuta: QuestionExtra; body: string | null; chosen_options: unknown; created_at: string;
  defaults: unknown; multiple: boolean; options: string[]; params: Record<string, unknown>;
  params_input: Record<string, unknown>; responded_at: string | null; responded_by_user: Person | null;
  response_received: boolean; subject: string; task_instance: TaskInstance;
}

export interface QuestionAnswer {
  chosen_options: string[]; params_input: Record<string, unknown>; responded_at: string; responded_by: Person;
}

export interface QuestionCollection {
  hitl_details: Question[]; total_entries: number;
}

export interface QuestionExtra {
  deadline: string | null; may_answer: boolean; on_reject: string;
}

export interface QueuedEvent {
  asset_id: number; batuta: QueuedEventExtra; created_at: string; dag_display_name: string; dag_id: string;
}

export interface QueuedEventCollection {
  queued_events: QueuedEvent[]; total_entries: number;
}

export interface QueuedEventExtra {
  events: number; uri: string;
}

export interface RightAnswer {
  action: string; allowed: boolean; grant: string | null; group: string | null; reason: string; resource: string;
  role: string | null; username: string;
}

export interface Role {
  built_in: boolean; description: string; grants: string[]; name: string;
}

export interface RoleCollection {
  roles: Role[]; total_entries: number;
}

export interface SearchAnswer {
  dags: SearchDag[]; more: boolean; runs: HomeRun[]; tasks: SearchTask[];
}

export interface SearchDag {
  dag_id: string; description: string;
}

export interface SearchTask {
  dag_id: string; task_id: string;
}

export interface SecretReference {
  place: string; problem: string | null; reference: string;
}

export interface Session {
  csrf_token: string; expires_at: string; logout_url?: string; role: string; user: SessionUser; username: string;
}

export interface SessionUser {
  role: string; username: string;
}

export interface SettingChange {
  after: string; before: string; name: string;
}

export interface SettingsReload {
  changed: SettingChange[]; needs_restart: SettingChange[];
}

export interface Task {
  batuta: TaskExtra; class_ref: Record<string, unknown>; depends_on_past: boolean; doc_md: string | null;
  downstream_task_ids: string[]; end_date: string | null; execution_timeout: Record<string, unknown> | null;
  extra_links: string[]; is_mapped: boolean; operator_name: string; owner: string | null;
  params: Record<string, unknown>; pool: string; pool_slots: number; priority_weight: number; queue: string;
  retries: number; retry_delay: Record<string, unknown>; retry_exponential_backoff: number; start_date: string | null;
  task_display_name: string; task_id: string; template_fields: string[]; trigger_rule: string; ui_color: string;
  ui_fgcolor: string; wait_for_downstream: boolean; weight_rule: string;
}

export interface TaskCollection {
  batuta: TaskCollectionExtra; tasks: Task[]; total_entries: number;
}

export interface TaskCollectionExtra {
  groups: TaskGroup[];
}

export interface TaskDependency {
  name: string; reason: string;
}

export interface TaskDependencyCollection {
  dependencies: TaskDependency[];
}

export interface TaskExtra {
  cpu: number | null; edge_labels: Record<string, unknown>; group: string | null; inlets: string[]; is_on_exit: boolean;
  is_setup: boolean; is_teardown: boolean; memory: number | null; outlets: string[];
}

export interface TaskGroup {
  display_name: string; doc_md: string | null; group_id: string; parent: string | null;
}

export interface TaskInstance {
  batuta: Record<string, unknown>; dag_display_name: string; dag_id: string; dag_run_id: string;
  dag_version: DagVersion | null; duration: number | null; end_date: string | null; executor: string | null;
  executor_config: string; hostname: string | null; id: string; logical_date: string | null; map_index: number;
  max_tries: number; note: string | null; operator: string | null; operator_name: string | null; pid: number | null;
  pool: string; pool_slots: number; priority_weight: number; queue: string; queued_when: string | null;
  rendered_fields: Record<string, unknown>; rendered_map_index: string | null; run_after: string;
  scheduled_when: string | null; start_date: string | null;
  state: 'scheduled' | 'queued' | 'running' | 'success' | 'failed' | 'up_for_retry' | 'upstream_failed' | 'skipped' | 'removed' | 'deferred' | 'up_for_reschedule' | null;
  task_display_name: string; task_id: string; trigger: unknown; triggerer_job: unknown; try_number: number;
  unixname: string | null;
}

export interface TaskInstanceCollection {
  next_cursor?: string | null; previous_cursor?: string | null; task_instances: TaskInstance[]; total_entries: number;
  total_entries_limit?: number | null;
}

export interface TaskInstancesLog {
  content: LogMessage[]; continuation_token: string | null;
}

export interface TaskStateCollection {
  task_state_store: Record<string, unknown>[]; total_entries: number;
}

export interface Token {
  access_token: string;
}

export interface TokenCollection {
  tokens: TokenInfo[]; total_entries: number;
}

export interface TokenInfo {
  created_at: string; expires_at: string; purpose: string; scope: string[]; token_id: string; username: string;
}

export interface User {
  created_at: string; provider: string | null; role: string; username: string;
}

export interface UserCollection {
  total_entries: number; users: User[];
}

export interface Variable {
  description: string | null; is_encrypted: boolean; key: string; team_name: string | null; value: string;
}

export interface VariableCollection {
  total_entries: number; variables: Variable[];
}

export interface VersionInfo {
  git_version: string | null; version: string;
}

export interface WaitingPartition {
  dag_id: string; missing: string; partition_date: string | null; partition_key: string; queued_at: string;
  received: AwaitedAsset[];
}

export interface WaitingPartitionCollection {
  partitioned_dag_runs: WaitingPartition[]; total_entries: number;
}

export interface XCom {
  dag_display_name: string; dag_id: string; key: string; logical_date: string | null; map_index: number;
  run_after: string; run_id: string; task_display_name: string; task_id: string; timestamp: string; value?: unknown;
}

export interface XComCollection {
  total_entries: number; xcom_entries: XCom[];
}
