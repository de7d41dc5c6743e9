// The route table: one row per method and path. A new route is a handler, its line in handlers.h
// and a row here; see docs/adding-a-route.md.
#include "scheduler/api/routes.h"

#include "scheduler/api/handlers.h"

namespace batuta::http {
namespace {

// Runs a reading handler on a reader thread.
template <Result<Response> (*handler)(Context&, const Request&)>
void reading(Context& context, Call call) {
  context.read(call, [&context, request = call.request] { return handler(context, *request); });
}

constexpr auto get = Method::get;
constexpr auto post = Method::post;
constexpr auto patch = Method::patch;
constexpr auto del = Method::del;
constexpr auto everyone = Access::everyone;
constexpr auto viewer = Access::viewer;
constexpr auto operators = Access::operator_;
constexpr auto admin = Access::admin;

constexpr std::string_view less_runs =
    "name a DAG, filter by run_after or end_date, or order by id or run_after";
constexpr std::string_view less_tasks =
    "name a DAG and a run, filter by state, run_after, start_date or end_date, or order by id, "
    "run_after, start_date or end_date";
constexpr std::string_view less_xcoms = "name a DAG and a run, or order by run_after";
constexpr std::string_view less_events =
    "filter by dag_id, after or before, or order by id or when";

#define V2 "/api/v2"
#define DAG V2 "/dags/{dag_id}"
#define RUN DAG "/dagRuns/{dag_run_id}"
#define TASK RUN "/taskInstances/{task_id}"
#define OURS "/api/batuta"
#define OUR_TASK OURS "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"

// clang-format off
constexpr Route every_route[] = {
    {get,   V2 "/monitor/health", get_health, everyone, "Is the scheduler well; 200 only when every DAG can be triggered",
     {.answer = "HealthInfo"}},
    {get,   V2 "/version", get_version, everyone, "Version of the product", {.answer = "VersionInfo"}},
    {get,   V2 "/openapi.json", get_openapi, viewer, "This document"},
    {get,   "/openapi.json", get_openapi, viewer, "This document"},
    {get,   "/metrics", get_metrics, viewer, "Metrics as Prometheus reads them"},

    {post,  "/auth/token", create_token, everyone, "Token for a user name and password",
     {.body = &token_body, .answer = "Token", .status = 201}},
    {post,  OURS "/login", login, everyone, "Session cookie for a password or a one-time code",
     {.body = &login_body, .answer = "Session"}},
    {get,   OURS "/session", get_session, viewer, "Who am I; the CSRF token", {.answer = "Session"}},
    {post,  OURS "/logout", logout, viewer, "End this session", {.status = 204}},

    {patch, OURS "/session", patch_own_password, viewer,
     "Change one's own password; ends one's sessions and tokens", {.body = &own_password_body, .status = 204}},

    {get,   OURS "/users", reading<list_users>, admin, "Users and their roles",
     {.query = &page_params, .answer = "UserCollection"}},
    {post,  OURS "/users", create_user, admin, "Create a user", {.body = &user_body, .answer = "User", .status = 201}},
    {patch, OURS "/users/{username}", patch_user, admin, "Set a user's role or password",
     {.body = &user_patch_body, .answer = "User"}},
    {del,   OURS "/users/{username}", delete_user, admin, "Delete a user; ends its sessions and tokens",
     {.status = 204}},
    {get,   OURS "/tokens", reading<list_tokens>, viewer, "One's own tokens; all of them for admins",
     {.query = &page_params, .answer = "TokenCollection"}},
    {post,  OURS "/tokens", issue_token, viewer, "A token for oneself; for anybody by admins",
     {.body = &token_issue_body, .answer = "IssuedToken", .status = 201}},
    {del,   OURS "/tokens/{token_id}", revoke_token, viewer, "End a token of one's own; any by admins",
     {.status = 204}},

    {get,   V2 "/dags", reading<list_dags>, viewer, "List DAGs", {.query = &dag_list_params, .answer = "DAGCollection"}},
    {get,   DAG, reading<get_dag>, viewer, "One DAG", {.answer = "DAG"}},
    {patch, DAG, patch_dag, operators, "Pause or resume a DAG",
     {.query = &mask_params, .body = &dag_patch_body, .answer = "DAG"}},
    {get,   DAG "/details", reading<get_dag_details>, viewer, "One DAG with its definition", {.answer = "DAGDetails"}},
    {get,   DAG "/tasks", reading<list_tasks>, viewer, "Tasks of a DAG",
     {.query = &dag_task_params, .answer = "TaskCollection"}},
    {get,   DAG "/tasks/{task_id}", reading<get_task>, viewer, "One task of a DAG", {.answer = "Task"}},
    {get,   DAG "/dagVersions", reading<list_dag_versions>, viewer, "Versions of a DAG",
     {.query = &dag_version_params, .answer = "DAGVersionCollection"}},
    {get,   DAG "/dagVersions/{version_number}", reading<get_dag_version>, viewer, "One version of a DAG",
     {.answer = "DagVersion"}},
    {get,   V2 "/dagSources/{dag_id}", reading<get_dag_source>, viewer, "The file of a DAG as it was read",
     {.query = &dag_source_params, .answer = "DAGSource"}},
    {get,   V2 "/dagWarnings", reading<list_dag_warnings>, viewer, "Warnings about DAGs",
     {.query = &dag_warning_params, .answer = "DAGWarningCollection"}},
    {get,   V2 "/dagTags", reading<list_dag_tags>, viewer, "Tags in use",
     {.query = &dag_tag_params, .answer = "DAGTagCollection"}},
    {get,   V2 "/dagStats", reading<get_dag_stats>, viewer, "Runs per state and DAG",
     {.query = &dag_stats_params, .answer = "DagStatsCollection"}},
    {get,   V2 "/importErrors", reading<list_import_errors>, viewer, "Files that are not DAGs, and why",
     {.query = &import_error_params, .answer = "ImportErrorCollection"}},
    {get,   V2 "/importErrors/{import_error_id}", reading<get_import_error>, viewer, "One import error",
     {.answer = "ImportError"}},

    {get,   DAG "/dagRuns", reading<list_runs>, viewer, "Runs of a DAG, or of all (~)",
     {.query = &run_list_params, .answer = "DAGRunCollection", .remedy = less_runs}},
    {post,  DAG "/dagRuns", trigger_run, operators, "Trigger a run", {.body = &trigger_body, .answer = "DAGRun"}},
    {get,   RUN, reading<get_run>, viewer, "One run", {.answer = "DAGRun"}},
    {patch, RUN, patch_run, operators, "Set a run's state or note",
     {.query = &mask_params, .body = &run_patch_body, .answer = "DAGRun"}},
    {del,   RUN, delete_run, operators, "Delete a run and all below it", {.status = 204}},
    {post,  RUN "/clear", clear_run, operators, "Clear a run's task instances",
     {.body = &run_clear_body, .answer = "DAGRun|TaskInstanceCollection"}},
    {get,   RUN "/wait", wait_for_run, viewer, "Answers when the run has ended, or after a minute",
     {.query = &run_wait_params}},

    {get,   RUN "/taskInstances", reading<list_task_instances>, viewer, "Task instances of a run, or of all (~)",
     {.query = &task_list_params, .answer = "TaskInstanceCollection", .remedy = less_tasks}},
    {get,   TASK, reading<get_task_instance>, viewer, "One task instance", {.answer = "TaskInstance"}},
    {patch, TASK, patch_task_instance, operators, "Mark a task instance, or set its note",
     {.query = &task_mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {get,   TASK "/dependencies", get_dependencies, viewer, "Why it is not running",
     {.query = &map_index_params, .answer = "TaskDependencyCollection"}},
    {get,   TASK "/tries", reading<list_tries>, viewer, "Its tries",
     {.query = &map_index_params, .answer = "TaskInstanceCollection"}},
    {get,   TASK "/tries/{task_try_number}", reading<get_try>, viewer, "One try",
     {.query = &map_index_params, .answer = "TaskInstance"}},
    {get,   TASK "/logs/{try_number}", reading<get_log>, viewer, "The log of a try",
     {.query = &log_params, .answer = "TaskInstancesLog"}},
    {get,   TASK "/xcomEntries", reading<list_xcoms>, viewer, "What it returned",
     {.query = &xcom_list_params, .answer = "XComCollection", .remedy = less_xcoms}},
    {get,   TASK "/xcomEntries/{xcom_key}", reading<get_xcom>, viewer, "One returned value",
     {.query = &xcom_params, .answer = "XCom"}},
    {post,  DAG "/clearTaskInstances", clear_task_instances, operators,
     "Clear task instances of a run (dag_run_id), of those before or after it too (include_past, "
     "include_future), or of the runs from start_date to end_date; of all of them or of none",
     {.body = &clear_tasks_body, .answer = "TaskInstanceCollection"}},

    {get,   V2 "/pools", list_pools, viewer, "Pools", {.query = &pool_list_params, .answer = "PoolCollection"}},
    {post,  V2 "/pools", create_pool, admin, "Create a pool", {.body = &pool_body, .answer = "Pool", .status = 201}},
    {get,   V2 "/pools/{pool_name}", get_pool, viewer, "One pool", {.answer = "Pool"}},
    {patch, V2 "/pools/{pool_name}", patch_pool, admin, "Change a pool",
     {.query = &mask_params, .body = &pool_patch_body, .answer = "Pool"}},
    {del,   V2 "/pools/{pool_name}", delete_pool, admin, "Delete a pool", {.status = 204}},
    {get,   V2 "/variables", reading<list_variables>, viewer, "Variables; sensitive values masked",
     {.query = &variable_list_params, .answer = "VariableCollection"}},
    {post,  V2 "/variables", create_variable, admin, "Create a variable",
     {.body = &variable_body, .answer = "Variable", .status = 201}},
    {get,   V2 "/variables/{variable_key}", reading<get_variable>, viewer, "One variable", {.answer = "Variable"}},
    {patch, V2 "/variables/{variable_key}", patch_variable, admin, "Change a variable",
     {.query = &mask_params, .body = &variable_patch_body, .answer = "Variable"}},
    {del,   V2 "/variables/{variable_key}", delete_variable, admin, "Delete a variable", {.status = 204}},
    {get,   V2 "/connections", reading<list_connections>, operators, "Connections; secrets masked",
     {.query = &connection_list_params, .answer = "ConnectionCollection"}},
    {post,  V2 "/connections", create_connection, admin, "Create a connection",
     {.body = &connection_body, .answer = "Connection", .status = 201}},
    {get,   V2 "/connections/{connection_id}", reading<get_connection>, operators, "One connection",
     {.answer = "Connection"}},
    {patch, V2 "/connections/{connection_id}", patch_connection, admin, "Change a connection",
     {.query = &mask_params, .body = &connection_patch_body, .answer = "Connection"}},
    {del,   V2 "/connections/{connection_id}", delete_connection, admin, "Delete a connection", {.status = 204}},

    {get,   V2 "/eventLogs", reading<list_event_logs>, viewer, "Who did what",
     {.query = &event_log_params, .answer = "EventLogCollection", .remedy = less_events}},
    {get,   V2 "/eventLogs/{event_log_id}", reading<get_event_log>, viewer, "One event", {.answer = "EventLog"}},
    {get,   V2 "/jobs", list_jobs, viewer, "Scheduler and workers", {.query = &job_list_params, .answer = "JobCollection"}},

    {get,   OURS "/events", get_events, viewer,
     "Live changes as server-sent events: run, task, dag; dags when the set of DAGs, import errors or "
     "DAG warnings changed; resync when everything must be read anew", {.query = &feed_params}},
    {get,   OURS "/plugins", list_plugins, viewer, "The plugin catalogue", {.answer = "PluginCollection"}},
    {get,   OUR_TASK "/report", reading<get_attempt_report>, viewer,
     "What a try told about quality and lineage: try_number, or the newest that told anything",
     {.query = &report_params, .answer = "AttemptReport"}},
    {get,   OURS "/jobs/configs", reading<list_job_configs>, viewer, "mngt.ingestion_job_config",
     {.answer = "JobConfigCollection"}},
    {get,   OURS "/jobs/executions", reading<list_job_executions>, viewer, "mngt.ingestion_job_execution",
     {.query = &execution_params, .answer = "JobExecutionCollection"}},
    {get,   OURS "/outbox", reading<list_outbox>, operators, "What must still be published or sent",
     {.query = &outbox_params, .answer = "OutboxCollection"}},
    {post,  OURS "/outbox/{outbox_id}/retry", retry_outbox, operators, "Try an outbox row now", {.status = 204}},
    {post,  OURS "/outbox/{outbox_id}/drop", drop_outbox, operators, "Forget an alert", {.status = 204}},
    {post,  OURS "/db/backup", backup_database, admin, "Copy the database into <home>/backups",
     {.body = &backup_body, .answer = "Backup", .status = 201}},
};
// clang-format on

}  // namespace

std::span<const Route> route_table() {
  return every_route;
}

}  // namespace batuta::http
