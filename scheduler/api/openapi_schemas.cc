#include "scheduler/api/openapi_schemas.h"

namespace batuta::http {
namespace {

constexpr ObjectSchema schemas[] = {
    {"HealthInfo", "metadatabase:object scheduler:object triggerer:object dag_processor:object"},
    {"VersionInfo", "version git_version?"},
    {"Token", "access_token"},
    {"HookAnswer", "dag_id dag_run_id state repeated:bool"},
    {"SessionUser", "username role"},
    {"Session", "csrf_token user:SessionUser username role expires_at:time ~logout_url"},
    {"LoginMethods", "password:bool provider?"},
    {"ProviderHealth", "issuer? status reason?"},

    {"DAGTag", "name dag_id dag_display_name"},
    {"DAG",
     "dag_id dag_display_name is_paused:bool is_stale:bool last_parsed_time:time? "
     "last_parse_duration:number? last_expired:time? bundle_name bundle_version? "
     "relative_fileloc? fileloc file_token description? timetable_summary? "
     "timetable_description timetable_partitioned:bool timetable_periodic:bool "
     "is_backfillable:bool "
     "[tags:DAGTag] max_active_tasks:int "
     "max_active_runs:int max_consecutive_failed_dag_runs:int has_task_concurrency_limits:bool "
     "has_import_errors:bool allowed_run_types:any? [owners] next_dagrun_logical_date:time? "
     "next_dagrun_run_after:time? next_dagrun_data_interval_start:time? "
     "next_dagrun_data_interval_end:time? [~latest_dag_runs:DAGRun] ~batuta:DAGExtra"},
    {"DAGExtra", "is_favorite:bool"},
    {"DAGDetails",
     "=DAG catchup:bool concurrency:int dag_run_timeout? asset_expression:any? doc_md? "
     "start_date:time? end_date:time? is_paused_upon_creation:bool params:object timezone "
     "default_args:object? owner_links:object is_favorite:bool active_runs_count:int "
     "template_search_path:any? render_template_as_native_obj:bool last_parsed:time? "
     "latest_dag_version:DagVersion? ~exclude:any"},
    {"DAGCollection", "[dags:DAG] total_entries:int"},
    {"DAGSource", "content dag_id dag_display_name version_number:int"},
    {"DAGFile", "dag_id bundle_name relative_fileloc editable:bool reason? content? hash?"},
    {"DAGFileProblem", "line:int column:int pointer message"},
    {"DAGFileCheck",
     "[errors:DAGFileProblem] [warnings:DAGFileProblem] task_count:int [tasks:Task] "
     "[groups:TaskGroup]"},
    {"DAGFileSaved", "dag_id hash"},
    {"DAGTagCollection", "[tags] total_entries:int"},
    {"DagStatsState", "state count:int"},
    {"DagStats", "dag_id dag_display_name [stats:DagStatsState]"},
    {"DagStatsCollection", "[dags:DagStats] total_entries:int"},
    {"DagVersion",
     "id version_number:int dag_id dag_display_name bundle_name bundle_version bundle_url? "
     "created_at:time"},
    {"DAGVersionCollection", "[dag_versions:DagVersion] total_entries:int"},
    {"DAGWarningExtra", "kind"},
    {"DAGWarning",
     "dag_id dag_display_name warning_type message timestamp:time batuta:DAGWarningExtra"},
    {"DAGWarningCollection", "[dag_warnings:DAGWarning] total_entries:int"},
    {"ImportError", "import_error_id:int timestamp:time filename bundle_name stack_trace"},
    {"ImportErrorCollection", "[import_errors:ImportError] total_entries:int"},
    {"Task",
     "task_id task_display_name owner? start_date:time? end_date:time? trigger_rule "
     "depends_on_past:bool wait_for_downstream:bool retries:int queue pool pool_slots:int "
     "execution_timeout:object? retry_delay:object retry_exponential_backoff:number "
     "priority_weight:int weight_rule ui_color ui_fgcolor [template_fields] "
     "[downstream_task_ids] doc_md? operator_name params:object class_ref:object is_mapped:bool "
     "[extra_links] batuta:TaskExtra"},
    {"TaskExtra",
     "edge_labels:object group? is_setup:bool is_teardown:bool is_on_exit:bool [outlets] "
     "[inlets] memory:int? cpu:number?"},
    {"TaskGroup", "group_id parent? display_name doc_md?"},
    {"TaskCollectionExtra", "[groups:TaskGroup]"},
    {"TaskCollection", "[tasks:Task] total_entries:int batuta:TaskCollectionExtra"},

    {"DAGRun",
     "dag_run_id dag_id dag_display_name logical_date:time? queued_at:time start_date:time? "
     "end_date:time? duration:number? data_interval_start:time? data_interval_end:time? "
     "run_after:time last_scheduling_decision:time? run_type state:run_state triggered_by? "
     "triggering_user_name? conf:object? note? [dag_versions:DagVersion] bundle_version? "
     "partition_key? partition_date:time? batuta:object"},
    {"DAGRunCollection",
     "[dag_runs:DAGRun] total_entries:int next_cursor? previous_cursor? total_entries_limit:int?"},
    {"TaskInstance",
     "id task_id task_display_name dag_id dag_display_name dag_run_id map_index:int "
     "rendered_map_index? logical_date:time? run_after:time start_date:time? end_date:time? "
     "duration:number? state:task_state? try_number:int max_tries:int hostname? unixname? pool "
     "pool_slots:int "
     "queue priority_weight:int operator? operator_name? queued_when:time? scheduled_when:time? "
     "pid:int? executor? executor_config note? rendered_fields:object trigger:any? "
     "triggerer_job:any? dag_version:DagVersion? batuta:object"},
    {"TaskInstanceCollection",
     "[task_instances:TaskInstance] total_entries:int ~next_cursor? ~previous_cursor? "
     "~total_entries_limit:int?"},
    {"TaskDependency", "name reason"},
    {"TaskDependencyCollection", "[dependencies:TaskDependency]"},
    {"LogMessage", "event timestamp:time? ~level"},
    {"TaskInstancesLog", "[content:LogMessage] continuation_token?"},
    {"XCom",
     "key timestamp:time logical_date:time? map_index:int task_id task_display_name dag_id "
     "dag_display_name run_id run_after:time ~value:any?"},
    {"XComCollection", "[xcom_entries:XCom] total_entries:int"},

    {"Pool",
     "name slots:int description? include_deferred:bool occupied_slots:int running_slots:int "
     "queued_slots:int scheduled_slots:int open_slots:int deferred_slots:int team_name?"},
    {"PoolCollection", "[pools:Pool] total_entries:int"},
    {"Variable", "key value description? is_encrypted:bool team_name?"},
    {"VariableCollection", "[variables:Variable] total_entries:int"},
    {"Connection",
     "connection_id conn_type description? host? login? schema? port:int? password? extra? "
     "team_name?"},
    {"SecretReference", "place reference problem?"},
    {"ConnectionTest", "[references:SecretReference]"},
    {"ConnectionTestResponse", "status:bool message"},
    {"ConnectionCollection", "[connections:Connection] total_entries:int"},
    {"EventLog",
     "event_log_id:int when:time dag_id? dag_display_name? task_id? task_display_name? run_id? "
     "map_index:int? try_number:int? event logical_date:time? owner? extra?"},
    {"EventLogCollection", "[event_logs:EventLog] total_entries:int"},
    {"Job",
     "id:int dag_id? dag_display_name? state job_type start_date:time? end_date:time? "
     "latest_heartbeat:time executor_class hostname unixname? ~batuta:object"},
    {"JobCollection", "[jobs:Job] total_entries:int"},

    {"BulkDone", "[success] [errors:object]"},
    {"BulkAnswer", "create:BulkDone? update:BulkDone? delete:BulkDone?"},
    {"AirflowPlugin",
     "name source [macros] [flask_blueprints] [fastapi_apps:object] "
     "[fastapi_root_middlewares:object] [external_views:object] [react_apps:object] "
     "[appbuilder_views:object] [appbuilder_menu_items:object] [global_operator_extra_links] "
     "[operator_extra_links] [listeners] [timetables] batuta:Plugin"},
    {"AirflowPluginCollection", "[plugins:AirflowPlugin] total_entries:int"},
    {"PluginImportError", "source error"},
    {"PluginImportErrorCollection", "[import_errors:PluginImportError] total_entries:int"},
    {"ProviderCollection", "[providers:object] total_entries:int"},
    {"ConfigOption", "key value"},
    {"ConfigSection", "name [options:ConfigOption]"},
    {"Config", "[sections:ConfigSection]"},
    {"SettingChange", "name before after"},
    {"SettingsReload", "[changed:SettingChange] [needs_restart:SettingChange]"},
    {"ExtraLinkCollection", "extra_links:object total_entries:int"},
    {"AssetSchedule", "dag_id created_at:time updated_at:time"},
    {"AssetTask", "dag_id task_id created_at:time updated_at:time"},
    {"LastAssetEvent", "id:int? timestamp:time?"},
    {"Asset",
     "id:int uri name group extra:object created_at:time updated_at:time "
     "[scheduled_dags:AssetSchedule] [producing_tasks:AssetTask] [consuming_tasks:AssetTask] "
     "[aliases:AssetAlias] [watchers:AssetWatcher] last_asset_event:LastAssetEvent?"},
    {"AssetAlias", "id:int name group"},
    {"AliasedAsset", "id:int uri"},
    {"AssetAliasExtra", "[assets:AliasedAsset]"},
    {"AssetAliasDetails", "id:int name group batuta:AssetAliasExtra"},
    {"AssetWatcherExtra", "looks_at:object poke_interval:number seen? message?"},
    {"AssetWatcher", "name trigger_id:int created_date:time batuta:AssetWatcherExtra"},
    {"WaitingPartition",
     "dag_id partition_key partition_date:time? queued_at:time [received:AwaitedAsset] missing"},
    {"Partition",
     "partition_key group? begins_at:time? state made_at:time? version:int? rows:int? dag_id? "
     "dag_run_id? task_id? newer? newer_at:time?"},
    {"PartitionCounts", "materialized:int stale:int running:int failed:int missing:int"},
    {"PartitionMaker", "dag_id may_trigger:bool takes"},
    {"PartitionMatrix",
     "grain? group_by? [partitions:Partition] counts:PartitionCounts total_entries:int more:bool "
     "gaps:bool [makers:PartitionMaker]"},
    {"LakePartitionMatrix", "=PartitionMatrix [columns]"},
    {"WaitingPartitionCollection", "[partitioned_dag_runs:WaitingPartition] total_entries:int"},
    {"Deadline",
     "id deadline_time:time? missed:bool dag_id dag_run_id alert_id alert_name? "
     "alert_description?"},
    {"DeadlineCollection", "[deadlines:Deadline] total_entries:int"},
    {"AwaitedDeadlineCollection", "[deadlines:Deadline] total_entries:int more:bool"},
    {"DeadlineAlert",
     "id name? description? reference_type interval:number datetime:time? max_runs:int? "
     "min_runs:int?"},
    {"DeadlineAlertCollection", "[deadline_alerts:DeadlineAlert] total_entries:int"},
    {"AssetCollection", "[assets:Asset] total_entries:int"},
    {"AssetAliasCollection", "[asset_aliases:AssetAliasDetails] total_entries:int"},
    {"AssetConsumer",
     "run_id dag_id logical_date:time? start_date:time end_date:time? state "
     "data_interval_start:time? data_interval_end:time? partition_key? triggering:bool"},
    {"AssetEvent",
     "id:int asset_id:int uri name group extra:object source_dag_id? source_task_id? "
     "source_run_id? source_map_index:int [created_dagruns:AssetConsumer] timestamp:time "
     "partition_key?"},
    {"AssetEventCollection", "[asset_events:AssetEvent] total_entries:int"},
    {"QueuedEventExtra", "uri events:int"},
    {"QueuedEvent", "dag_id dag_display_name asset_id:int created_at:time batuta:QueuedEventExtra"},
    {"QueuedEventCollection", "[queued_events:QueuedEvent] total_entries:int"},
    {"AwaitedAsset", "uri asset_id:int? queued_events:int queued_at:time?"},
    {"AwaitedAssets",
     "dag_id asset_expression:any? is_paused:bool condition_met:bool reason "
     "[assets:AwaitedAsset]"},
    {"AssetStateCollection", "[asset_state_store:object] total_entries:int"},
    {"BackfillExtra",
     "run_backwards:bool run_on_latest_version:bool branch? ticks:int done:int cancelled:bool "
     "ended:bool "
     "triggering_user_name? ~outcomes:object ~runs:object"},
    {"Backfill",
     "id:int dag_id dag_display_name from_date:time to_date:time dag_run_conf:object? "
     "is_paused:bool reprocess_behavior max_active_runs:int created_at:time completed_at:time? "
     "updated_at:time batuta:BackfillExtra"},
    {"BackfillCollection", "[backfills:Backfill] total_entries:int"},
    {"PlannedRunExtra", "action dag_run_id"},
    {"PlannedRun", "logical_date:time? partition_key? partition_date:time? batuta:PlannedRunExtra"},
    {"LeftAlone", "logical_date:time dag_run_id reason"},
    {"BackfillPlanExtra", "ticks:int [left_alone:LeftAlone]"},
    {"BackfillPlan", "[backfills:PlannedRun] total_entries:int batuta:BackfillPlanExtra"},
    {"BackfillTick", "ordinal:int logical_date:time outcome dag_run_id? state?"},
    {"BackfillTickCollection", "[ticks:BackfillTick] total_entries:int"},
    {"TaskStateCollection", "[task_state_store:object] total_entries:int"},
    {"Person", "id name"},
    {"QuestionExtra", "deadline:time? on_reject may_answer:bool"},
    {"Question",
     "[options] subject body? defaults:any? multiple:bool params:object [assigned_users:Person] "
     "created_at:time responded_by_user:Person? responded_at:time? chosen_options:any? "
     "params_input:object response_received:bool task_instance:TaskInstance batuta:QuestionExtra"},
    {"QuestionCollection", "[hitl_details:Question] total_entries:int"},
    {"QuestionAnswer",
     "responded_by:Person responded_at:time [chosen_options] params_input:object"},
    {"PartitionsCleared", "dag_runs_cleared:int task_instances_cleared:int dry_run:bool"},
    {"Plugin", "name version kind summary sha256 [params:object]"},
    {"PluginFault", "name reason"},
    {"PluginCollection", "[plugins:Plugin] [not_offered:PluginFault] total_entries:int"},
    {"JobConfig",
     "job_name params:any? interval? overlap? bucket_name? updated_by? created_at:time "
     "updated_at:time"},
    {"JobConfigCollection", "[job_configs:JobConfig] total_entries:int"},
    {"JobExecution",
     "id:int execution_id job_name try_number:int params:any? interval? overlap? bucket_name? "
     "start_time:time? end_time:time? filename:any? records:int status error? heartbeat_at:time? "
     "created_at:time updated_at:time"},
    {"JobExecutionCollection", "[job_executions:JobExecution] total_entries:int"},
    {"OutboxRow",
     "id:int kind key created_at:time tries:int next_try_at:time? last_error? dead:bool"},
    {"OutboxCollection", "[outbox:OutboxRow] total_entries:int ~lineage:object ~traces:object"},
    {"Backup", "path"},
    {"LogWindowLine", "offset:int event timestamp:time? ~level"},
    {"LogWindow",
     "[content:LogWindowLine] start:int end:int size:int try_number:int is_ended:bool"},
    {"SearchDag", "dag_id description"},
    {"SearchTask", "dag_id task_id"},
    {"SearchAnswer", "[dags:SearchDag] [tasks:SearchTask] [runs:HomeRun] more:bool"},
    {"GridTask", "task_id ~display_name operator_name is_mapped:bool is_gone:bool group?"},
    {"GridGroup", "group_id ~display_name parent?"},
    {"GridRun",
     "dag_run_id state:run_state run_type logical_date:time? run_after:time queued_at:time "
     "start_date:time? end_date:time? version_number:int? cells mapped:object"},
    {"Grid", "dag_id [tasks:GridTask] [groups:GridGroup] [runs:GridRun] total_runs:int"},
    {"CalendarPart", "from:time queued:int running:int success:int failed:int planned:int"},
    {"CalendarSkip", "from:time to:time count:int more:bool why"},
    {"Calendar",
     "dag_id now:time is_paused:bool [parts:CalendarPart] planned_more:bool "
     "[skipped:CalendarSkip] skipped_more:bool"},
    {"HomeRun",
     "dag_id dag_run_id state:run_state run_type run_after:time queued_at:time start_date:time? "
     "end_date:time?"},
    {"HomeRuns", "[runs:HomeRun] total:int"},
    {"HomeNext", "dag_id run_after:time"},
    {"HomeNexts", "[dags:HomeNext] total:int"},
    {"HomeBar", "from:time success:int failed:int"},
    {"HomeTasks", "running:int queued:int scheduled:int up_for_retry:int deferred:int"},
    {"HomeDags", "active:int paused:int"},
    {"HomeWorker",
     "agent_id hostname slots:int attempts:int connected:bool drained:bool last_seen:time"},
    {"Home",
     "now:time hours:int from:time [history:HomeBar] failed:HomeRuns running:HomeRuns "
     "queued:HomeRuns late:HomeNexts upcoming:HomeNexts tasks:HomeTasks dags:HomeDags "
     "import_errors:int warnings:int [~pools:Pool] [~workers:HomeWorker]"},
    {"LakeTable",
     "layer domain table version:int? rows:int? bytes:int? files:int? modified:time? "
     "age_seconds:number? fresh_within_seconds:number? is_fresh:bool? description? problem? "
     "contract? trust:LakeTrust?"},
    {"LakeTrustReason", "subject verdict message [names]"},
    {"LakeTrust", "badge [reasons:LakeTrustReason]"},
    {"LakeGroup", "domain layer tables:int"},
    {"LakeTableCollection", "[tables:LakeTable] total_entries:int [groups:LakeGroup] [left_out]"},
    {"LakeColumn",
     "name type nullable:bool is_partition:bool is_key:bool description? business_name? "
     "classification? [tags] mask? is_masked:bool"},
    {"LakePartition", "values:object files:int bytes:int rows:int?"},
    {"LakeFile", "path bytes:int rows:int? added:time"},
    {"LakeContract",
     "name id version status description? [owners] [tags] mode history:bool retention? "
     "[service_levels:object] [quality_rules]"},
    {"LakeTableDetails",
     "=LakeTable id created:time? [columns:LakeColumn] [partition_columns] properties:object "
     "reader_version:int writer_version:int [partitions:LakePartition] partition_count:int "
     "[data_files:LakeFile] contract_details:LakeContract?"},
    {"LakeVersion",
     "version:int time:time operation? dag_id? dag_run_id? task_id? map_index:int? "
     "try_number:int? files_added:int files_removed:int rows_added:int? rows_removed:int? "
     "rows:int? "
     "bytes:int? contract? contract_version? engine?"},
    {"LakeColumnStatistics", "name type nulls:int? min? max? is_masked:bool"},
    {"LakeStatistics", "version:int rows:int? files:int bytes:int [columns:LakeColumnStatistics]"},
    {"LakeVersionCollection", "[versions:LakeVersion] total_entries:int"},
    {"LakeCostStored", "layer tables:int rows:int files:int bytes:int"},
    {"LakeCostWork",
     "dag_id runs:int attempts:int failed:int busy_seconds:number cpu_seconds:number "
     "read_bytes:int unmeasured:int peak_rss_kib:int"},
    {"LakeCostDay",
     "day stored_bytes:int? runs:int attempts:int failed:int busy_seconds:number "
     "cpu_seconds:number read_bytes:int unmeasured:int peak_rss_kib:int"},
    {"LakeCost",
     "domain since:time tables:int rows:int bytes:int runs:int attempts:int failed:int "
     "busy_seconds:number cpu_seconds:number read_bytes:int unmeasured:int peak_rss_kib:int "
     "[stored:LakeCostStored] [work:LakeCostWork] [days:LakeCostDay] [unknown] more:bool "
     "hidden:bool"},
    {"LakeQualityReport",
     "dag_id? dag_run_id? task_id? map_index:int? try_number:int run_after:time passed:bool "
     "[results:object]"},
    {"LakeQuality", "[reports:LakeQualityReport] more:bool"},
    {"LakeLineageTable", "layer domain table distance:int"},
    {"LakeLineageEdge", "from to from_version:int? dag_id? dag_run_id? task_id? run_after:time"},
    {"LakeSourceField", "kind server field"},
    {"LakeLineageColumn", "table column distance:int source:LakeSourceField? unknown?"},
    {"LakeColumnEdge", "from from_column to to_column mask?"},
    {"LakeUntold", "table why"},
    {"LakeColumnLineage",
     "[columns:LakeLineageColumn] [edges:LakeColumnEdge] [untold:LakeUntold] hidden:int more:bool"},
    {"LakeLineage",
     "[tables:LakeLineageTable] [edges:LakeLineageEdge] hidden:int more:bool "
     "~columns:LakeColumnLineage"},
    {"LakeRows", "version:int? [masked] [columns] [rows:any] cut:bool cut_by? next_cursor?"},
    {"LakeBranch", "name created_by created_at:time note? is_dropping:bool"},
    {"LakeErasure",
     "operation state by? subject domain? table? apply:bool asked_at:time ended_at:time? error? "
     "report:object?"},
    {"LakeMaintenance",
     "operation state action layer domain table dry_run:bool by? asked_at:time ended_at:time? "
     "error? repeated:bool report:object?"},
    {"LakeMaintenanceCollection", "[orders:LakeMaintenance] total_entries:int"},
    {"LakeErasureCollection", "[erasures:LakeErasure] total_entries:int more:bool"},
    {"LakeBranchCollection", "[branches:LakeBranch] total_entries:int"},
    {"LakeBranchTable", "table base_version:int? version:int lake_version:int? has_moved:bool"},
    {"LakeBranchSide", "version:int rows:int? files:int bytes:int"},
    {"LakeBranchRow", "what key:object values:object"},
    {"LakeBranchDiff",
     "branch table lake:LakeBranchSide? on_branch:LakeBranchSide [columns_added] [columns_removed] "
     "[key] [compared] [masked] added:int? removed:int? changed:int? unchanged:int? "
     "[rows:LakeBranchRow] cut:bool"},
    {"LakeVersionSide", "=LakeBranchSide"},
    {"LakeColumnChange", "column from to"},
    {"LakeVersionRow", "what times:int key:object values:object"},
    {"LakeVersionDiff",
     "table from:LakeVersionSide to:LakeVersionSide files_added:int files_removed:int "
     "bytes_compared:int [columns_added] [columns_removed] [columns_changed:LakeColumnChange] "
     "[key] [compared] [masked] added:int? removed:int? changed:int? unchanged:int? "
     "[rows:LakeVersionRow] cut:bool not_compared?"},
    {"LakeBranchDetails",
     "name created_by created_at:time note? is_dropping:bool [tables:LakeBranchTable] hidden:int"},
    {"LakeMoved", "version:int? at:time? operation? dag_id? dag_run_id? reason"},
    {"LakePromotedTable",
     "table base_version:int? branch_version:int lake_version:int? expected_version:int? "
     "is_done:bool appends:bool added_files:int removed_files:int changes_schema:bool "
     "moved:LakeMoved?"},
    {"LakePromotion",
     "branch dry_run:bool may_promote:bool [tables:LakePromotedTable] hidden:int dag_id? "
     "dag_run_id? last_run:LakePromotionRun?"},
    {"LakePromotionRun", "dag_run_id state reason?"},
    {"LakeQuarantineTable", "domain table rows:int? version:int? modified:time? problem?"},
    {"LakeQuarantineCollection", "[tables:LakeQuarantineTable] total_entries:int"},
    {"LakeQuarantineOrder", "operation dag_id dag_run_id task_id repeated:bool"},
    {"LakeQuarantineGroup", "reason run_id? rows:int first_seen:time? last_seen:time?"},
    {"LakeQuarantine", "domain table version:int? [groups:LakeQuarantineGroup] more:bool"},
    {"LakeLetterTopic", "domain table topic source_topic open:int? problem?"},
    {"LakeLetterTopicCollection", "[topics:LakeLetterTopic] total_entries:int"},
    {"LakeLetterReason", "reason open:int"},
    {"LakeLetterHeader", "name value base64:bool"},
    {"LakeLetter",
     "letter topic partition? offset? reason attempt:int first_seen? moved? contract_version? "
     "no_value? message? key? value? [headers:LakeLetterHeader] [base64] cut:bool"},
    {"LakeLetterWhole",
     "letter topic partition? offset? reason attempt:int first_seen? moved? contract_version? "
     "no_value? message? key? value? [headers:LakeLetterHeader] [base64] cut:bool [masked]"},
    {"LakeLetters",
     "domain table topic source_topic open:int [reasons:LakeLetterReason] more_reasons:bool "
     "[masked] [letters:LakeLetter] more:bool"},
    {"LakeLetterDone", "letter reason"},
    {"LakeLetterStay", "letter why"},
    {"LakeLetterOrder",
     "action topic source_topic dry_run:bool done:int [letters:LakeLetterDone] staying:int "
     "[stay:LakeLetterStay] left:int"},
    {"LakeSqlTable", "table version:int [masked]"},
    {"LakePlanNode",
     "operator details:object estimated_rows:int? rows:int? seconds:number? "
     "[children:LakePlanNode]"},
    {"LakeSqlPlan",
     "query_id? analyzed:bool hidden:bool [plan:LakePlanNode] text milliseconds:int "
     "[tables:LakeSqlTable]"},
    {"LakeSqlRunning", "query_id state progress:int? milliseconds:int"},
    {"LakeSqlRunningCollection", "[queries:LakeSqlRunning] total_entries:int"},
    {"LakeSqlRows",
     "query_id? [columns] [rows:any] row_count:int cut:bool cut_by? limit:int milliseconds:int "
     "[tables:LakeSqlTable]"},
    {"LakeMonitor",
     "monitor_id domain kind target severity description? status value:number? limit_value:number? "
     "message? evaluated_at:time? alert_id:int? alert_state?"},
    {"LakeMonitorCounts", "well:int unwell:int unknown:int not_judged:int"},
    {"LakeMonitorCollection",
     "[monitors:LakeMonitor] total_entries:int counts:LakeMonitorCounts [domains]"},
    {"LakeMonitorResult",
     "monitor_id status value:number? limit_value:number? message evaluated_at:time"},
    {"LakeMonitorResultCollection", "[results:LakeMonitorResult] total_entries:int"},
    {"LakeAlert",
     "alert_id:int monitor_id domain kind target severity message state opened_at:time "
     "acked_at:time? acked_by? ack_note? closed_at:time? closed_by? close_note? may_change:bool"},
    {"LakeAlertCounts", "open:int acknowledged:int closed:int"},
    {"LakeAlertCollection",
     "[alerts:LakeAlert] total_entries:int counts:LakeAlertCounts [domains] more:bool"},
    {"AttemptReport", "try_number:int? [quality:object] [lineage:object]"},
    {"User", "username role created_at:time provider?"},
    {"UserCollection", "[users:User] total_entries:int"},
    {"TokenInfo", "token_id username purpose created_at:time expires_at:time [scope]"},
    {"TokenCollection", "[tokens:TokenInfo] total_entries:int"},
    {"IssuedToken", "access_token username purpose expires_at:time [scope]"},
    {"Role", "name description built_in:bool [grants]"},
    {"RoleCollection", "[roles:Role] total_entries:int"},
    {"Group", "name description [roles] [users]"},
    {"GroupCollection", "[groups:Group] total_entries:int"},
    {"BundleRevision", "revision subject switched_at:time switched_by?"},
    {"Bundle",
     "name kind place ref? revision? tip? problem? dags:int import_errors:int "
     "[revisions:BundleRevision]"},
    {"BundleCollection", "[bundles:Bundle] total_entries:int"},
    {"BundleFile", "change path"},
    {"BundleDiff",
     "bundle_name from? to subject [added] [changed] [removed] [files:BundleFile] [errors]"},
    {"BundleSwitch",
     "bundle_name switched:bool from? to subject [added] [changed] [removed] [files:BundleFile] "
     "[errors]"},
    {"DomainStep", "action kind name conflict"},
    {"DomainProblem", "line:int column:int pointer message"},
    {"DomainPlan",
     "domain [steps:DomainStep] changes:int [conflicts] [not_carried_out] digest "
     "[errors:DomainProblem] done:bool"},
    {"Domain", "domain [dag_ids] [tables] schedule? unfinished:bool problem?"},
    {"DomainCollection", "[domains:Domain] total_entries:int"},
    {"DomainDetails",
     "domain [dag_ids] [tables] schedule? unfinished:bool problem? contract? removal:DomainPlan"},
    {"MetricSample", "name labels:object value:number"},
    {"Metric", "name type help [samples:MetricSample] left_out:int"},
    {"MetricSeries", "name type [values:number?]"},
    {"MetricHistory", "seconds:int [times:time] [series:MetricSeries]"},
    {"MetricCollection", "taken_at:time [metrics:Metric] total_entries:int history:MetricHistory"},
    {"RightAnswer", "username action resource allowed:bool grant? role? group? reason"},
};

}  // namespace

std::span<const ObjectSchema> object_schemas() {
  return schemas;
}

}  // namespace batuta::http
