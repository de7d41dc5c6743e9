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

// What each route asks. `some_dag`: its list shows what of all DAGs one may see.
constexpr Right everyone{Action::read, for_everyone};
constexpr Right own{Action::read, for_oneself};
constexpr Right some_dag{Action::read, any_dag};
constexpr Right read_dag{Action::read, "dag:{dag_id}"};
constexpr Right read_dags{Action::read, "dag:{dag_id|~}"};
constexpr Right trigger_dag{Action::trigger, "dag:{dag_id}"};
constexpr Right edit_dag{Action::edit, "dag:{dag_id}"};
constexpr Right delete_dag{Action::remove, "dag:{dag_id}"};
constexpr Right reading_of(std::string_view thing) {
  return {Action::read, thing};
}
constexpr Right creating(std::string_view thing) {
  return {Action::create, thing};
}
constexpr Right editing(std::string_view thing) {
  return {Action::edit, thing};
}
constexpr Right deleting(std::string_view thing) {
  return {Action::remove, thing};
}

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
#define INSTANCE TASK "/{map_index}"
#define OURS "/api/batuta"
#define OUR_TASK OURS "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"

// clang-format off
constexpr Route every_route[] = {
    {get,   V2 "/monitor/health", get_health, everyone, "Is the scheduler well; 200 only when every DAG can be triggered",
     {.answer = "HealthInfo"}},
    {get,   V2 "/version", get_version, everyone, "Version of the product", {.answer = "VersionInfo"}},
    {get,   V2 "/openapi.json", get_openapi, own, "This document"},
    {get,   "/openapi.json", get_openapi, own, "This document"},
    {get,   "/metrics", get_metrics, reading_of("admin:metrics"), "Metrics as Prometheus reads them"},

    {post,  "/auth/token", create_token, everyone, "Token for a user name and password",
     {.body = &token_body, .answer = "Token", .status = 201}},
    {post,  OURS "/login", login, everyone, "Session cookie for a password or a one-time code",
     {.body = &login_body, .answer = "Session"}},
    {get,   OURS "/session", get_session, own, "Who am I; the CSRF token", {.answer = "Session"}},
    {post,  OURS "/logout", logout, own, "End this session", {.status = 204}},

    {patch, OURS "/session", patch_own_password, own,
     "Change one's own password; ends one's sessions and tokens", {.body = &own_password_body, .status = 204}},

    {get,   OURS "/users", reading<list_users>, reading_of("admin:users"), "Users and their roles",
     {.query = &page_params, .answer = "UserCollection"}},
    {post,  OURS "/users", create_user, creating("admin:users"), "Create a user",
     {.body = &user_body, .answer = "User", .status = 201}},
    {patch, OURS "/users/{username}", patch_user, editing("admin:users"), "Set a user's role or password",
     {.body = &user_patch_body, .answer = "User"}},
    {del,   OURS "/users/{username}", delete_user, deleting("admin:users"), "Delete a user; ends its sessions and tokens",
     {.status = 204}},
    {get,   OURS "/roles", reading<list_roles>, reading_of("admin:roles"), "Roles, built in and one's own",
     {.query = &page_params, .answer = "RoleCollection"}},
    {post,  OURS "/roles", create_role, creating("admin:roles"), "Create a role",
     {.body = &role_body, .answer = "Role", .status = 201}},
    {patch, OURS "/roles/{role_name}", patch_role, editing("admin:roles"), "Change a role of one's own",
     {.body = &role_patch_body, .answer = "Role"}},
    {del,   OURS "/roles/{role_name}", delete_role, deleting("admin:roles"), "Delete a role that nobody has",
     {.status = 204}},
    {get,   OURS "/groups", reading<list_groups>, reading_of("admin:roles"), "Groups of users, and their roles",
     {.query = &page_params, .answer = "GroupCollection"}},
    {post,  OURS "/groups", create_group, creating("admin:roles"), "Create a group",
     {.body = &group_body, .answer = "Group", .status = 201}},
    {patch, OURS "/groups/{group_name}", patch_group, editing("admin:roles"), "Change a group's roles or users",
     {.body = &group_patch_body, .answer = "Group"}},
    {del,   OURS "/groups/{group_name}", delete_group, deleting("admin:roles"), "Delete a group", {.status = 204}},
    {get,   OURS "/rights", reading<get_right>, own, "May one do this, and which right decides; of others with admin:users",
     {.query = &right_params, .answer = "RightAnswer"}},
    {get,   OURS "/tokens", reading<list_tokens>, own, "One's own tokens; all of them for admins",
     {.query = &page_params, .answer = "TokenCollection"}},
    {post,  OURS "/tokens", issue_token, own, "A token for oneself; for anybody by admins",
     {.body = &token_issue_body, .answer = "IssuedToken", .status = 201}},
    {del,   OURS "/tokens/{token_id}", revoke_token, own, "End a token of one's own; any by admins",
     {.status = 204}},

    {get,   V2 "/dags", reading<list_dags>, some_dag, "List DAGs", {.query = &dag_list_params, .answer = "DAGCollection"}},
    {get,   DAG, reading<get_dag>, read_dag, "One DAG", {.answer = "DAG"}},
    {patch, DAG, patch_dag, edit_dag, "Pause or resume a DAG",
     {.query = &mask_params, .body = &dag_patch_body, .answer = "DAG"}},
    {get,   DAG "/details", reading<get_dag_details>, read_dag, "One DAG with its definition", {.answer = "DAGDetails"}},
    {get,   DAG "/tasks", reading<list_tasks>, read_dag, "Tasks of a DAG",
     {.query = &dag_task_params, .answer = "TaskCollection"}},
    {get,   DAG "/tasks/{task_id}", reading<get_task>, read_dag, "One task of a DAG", {.answer = "Task"}},
    {get,   DAG "/dagVersions", reading<list_dag_versions>, read_dags, "Versions of a DAG, or of all (~)",
     {.query = &dag_version_params, .answer = "DAGVersionCollection"}},
    {get,   DAG "/dagVersions/{version_number}", reading<get_dag_version>, read_dag, "One version of a DAG",
     {.answer = "DagVersion"}},
    {get,   V2 "/dagSources/{dag_id}", reading<get_dag_source>, read_dag, "The file of a DAG as it was read",
     {.query = &dag_source_params, .answer = "DAGSource"}},
    {get,   V2 "/dagWarnings", reading<list_dag_warnings>, some_dag, "Warnings about DAGs",
     {.query = &dag_warning_params, .answer = "DAGWarningCollection"}},
    {get,   V2 "/dagTags", reading<list_dag_tags>, some_dag, "Tags in use",
     {.query = &dag_tag_params, .answer = "DAGTagCollection"}},
    {get,   V2 "/dagStats", reading<get_dag_stats>, some_dag, "Runs per state and DAG",
     {.query = &dag_stats_params, .answer = "DagStatsCollection"}},
    {get,   V2 "/importErrors", reading<list_import_errors>, some_dag, "Files that are not DAGs, and why",
     {.query = &import_error_params, .answer = "ImportErrorCollection"}},
    {get,   V2 "/importErrors/{import_error_id}", reading<get_import_error>, some_dag, "One import error",
     {.answer = "ImportError"}},

    {get,   DAG "/dagRuns", reading<list_runs>, read_dags, "Runs of a DAG, or of all (~)",
     {.query = &run_list_params, .answer = "DAGRunCollection", .remedy = less_runs}},
    {post,  DAG "/dagRuns", trigger_run, trigger_dag, "Trigger a run", {.body = &trigger_body, .answer = "DAGRun"}},
    {get,   RUN, reading<get_run>, read_dag, "One run", {.answer = "DAGRun"}},
    {patch, RUN, patch_run, edit_dag, "Set a run's state or note",
     {.query = &mask_params, .body = &run_patch_body, .answer = "DAGRun"}},
    {del,   RUN, delete_run, delete_dag, "Delete a run and all below it", {.status = 204}},
    {post,  RUN "/clear", clear_run, edit_dag, "Clear a run's task instances",
     {.body = &run_clear_body, .answer = "DAGRun|TaskInstanceCollection"}},
    {get,   RUN "/wait", wait_for_run, read_dag, "Answers when the run has ended, or after a minute",
     {.query = &run_wait_params}},

    {get,   RUN "/taskInstances", reading<list_task_instances>, read_dags, "Task instances of a run, or of all (~)",
     {.query = &task_list_params, .answer = "TaskInstanceCollection", .remedy = less_tasks}},
    {get,   TASK, reading<get_task_instance>, read_dag, "One task instance", {.answer = "TaskInstance"}},
    {patch, TASK, patch_task_instance, edit_dag, "Mark a task instance, or set its note",
     {.query = &task_mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {get,   TASK "/listMapped", reading<list_mapped>, read_dag, "The instances of a mapped task",
     {.query = &task_list_params, .answer = "TaskInstanceCollection", .remedy = less_tasks}},
    {get,   INSTANCE, reading<get_task_instance>, read_dag, "One instance of a mapped task", {.answer = "TaskInstance"}},
    {patch, INSTANCE, patch_task_instance, edit_dag, "Mark one instance of a mapped task, or set its note",
     {.query = &mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {get,   INSTANCE "/dependencies", get_dependencies, read_dag, "Why this instance is not running",
     {.answer = "TaskDependencyCollection"}},
    {get,   INSTANCE "/tries", reading<list_tries>, read_dag, "Its tries", {.answer = "TaskInstanceCollection"}},
    {get,   INSTANCE "/tries/{task_try_number}", reading<get_try>, read_dag, "One try of this instance",
     {.answer = "TaskInstance"}},
    {get,   TASK "/dependencies", get_dependencies, read_dag, "Why it is not running",
     {.query = &map_index_params, .answer = "TaskDependencyCollection"}},
    {get,   TASK "/tries", reading<list_tries>, read_dag, "Its tries",
     {.query = &map_index_params, .answer = "TaskInstanceCollection"}},
    {get,   TASK "/tries/{task_try_number}", reading<get_try>, read_dag, "One try",
     {.query = &map_index_params, .answer = "TaskInstance"}},
    {get,   TASK "/logs/{try_number}", reading<get_log>, read_dag, "The log of a try",
     {.query = &log_params, .answer = "TaskInstancesLog"}},
    {get,   TASK "/xcomEntries", reading<list_xcoms>, read_dags, "What it returned",
     {.query = &xcom_list_params, .answer = "XComCollection", .remedy = less_xcoms}},
    {get,   TASK "/xcomEntries/{xcom_key}", reading<get_xcom>, read_dag, "One returned value",
     {.query = &xcom_params, .answer = "XCom"}},
    {post,  DAG "/clearTaskInstances", clear_task_instances, edit_dag,
     "Clear task instances of a run (dag_run_id), of those before or after it too (include_past, "
     "include_future), or of the runs from start_date to end_date; of all of them or of none",
     {.body = &clear_tasks_body, .answer = "TaskInstanceCollection"}},

    {get,   V2 "/pools", list_pools, reading_of("admin:pools"), "Pools",
     {.query = &pool_list_params, .answer = "PoolCollection"}},
    {post,  V2 "/pools", create_pool, creating("admin:pools"), "Create a pool",
     {.body = &pool_body, .answer = "Pool", .status = 201}},
    {get,   V2 "/pools/{pool_name}", get_pool, reading_of("admin:pools"), "One pool", {.answer = "Pool"}},
    {patch, V2 "/pools/{pool_name}", patch_pool, editing("admin:pools"), "Change a pool",
     {.query = &mask_params, .body = &pool_patch_body, .answer = "Pool"}},
    {del,   V2 "/pools/{pool_name}", delete_pool, deleting("admin:pools"), "Delete a pool", {.status = 204}},
    {get,   V2 "/variables", reading<list_variables>, reading_of("admin:variables"), "Variables; sensitive values masked",
     {.query = &variable_list_params, .answer = "VariableCollection"}},
    {post,  V2 "/variables", create_variable, creating("admin:variables"), "Create a variable",
     {.body = &variable_body, .answer = "Variable", .status = 201}},
    {get,   V2 "/variables/{variable_key}", reading<get_variable>, reading_of("admin:variables"), "One variable",
     {.answer = "Variable"}},
    {patch, V2 "/variables/{variable_key}", patch_variable, editing("admin:variables"), "Change a variable",
     {.query = &mask_params, .body = &variable_patch_body, .answer = "Variable"}},
    {del,   V2 "/variables/{variable_key}", delete_variable, deleting("admin:variables"), "Delete a variable", {.status = 204}},
    {get,   V2 "/connections", reading<list_connections>, reading_of("admin:connections"), "Connections; secrets masked",
     {.query = &connection_list_params, .answer = "ConnectionCollection"}},
    {post,  V2 "/connections", create_connection, creating("admin:connections"), "Create a connection",
     {.body = &connection_body, .answer = "Connection", .status = 201}},
    {get,   V2 "/connections/{connection_id}", reading<get_connection>, reading_of("admin:connections"), "One connection",
     {.answer = "Connection"}},
    {patch, V2 "/connections/{connection_id}", patch_connection, editing("admin:connections"), "Change a connection",
     {.query = &mask_params, .body = &connection_patch_body, .answer = "Connection"}},
    {del,   V2 "/connections/{connection_id}", delete_connection, deleting("admin:connections"), "Delete a connection",
     {.status = 204}},

    {get,   V2 "/eventLogs", reading<list_event_logs>, some_dag, "Who did what",
     {.query = &event_log_params, .answer = "EventLogCollection", .remedy = less_events}},
    {get,   V2 "/eventLogs/{event_log_id}", reading<get_event_log>, some_dag, "One event", {.answer = "EventLog"}},
    {get,   V2 "/jobs", list_jobs, reading_of("admin:workers"), "Scheduler and workers",
     {.query = &job_list_params, .answer = "JobCollection"}},

    {get,   OURS "/events", get_events, some_dag,
     "Live changes as server-sent events: run, task, dag; dags when the set of DAGs, import errors or "
     "DAG warnings changed; resync when everything must be read anew", {.query = &feed_params}},
    {get,   OURS "/plugins", list_plugins, reading_of("admin:plugins"), "The plugin catalogue", {.answer = "PluginCollection"}},
    {get,   OUR_TASK "/report", reading<get_attempt_report>, read_dag,
     "What a try told about quality and lineage: try_number, or the newest that told anything",
     {.query = &report_params, .answer = "AttemptReport"}},
    {get,   OURS "/jobs/configs", reading<list_job_configs>, some_dag, "mngt.ingestion_job_config",
     {.answer = "JobConfigCollection"}},
    {get,   OURS "/jobs/executions", reading<list_job_executions>, some_dag, "mngt.ingestion_job_execution",
     {.query = &execution_params, .answer = "JobExecutionCollection"}},
    {get,   OURS "/outbox", reading<list_outbox>, reading_of("admin:outbox"), "What must still be published or sent",
     {.query = &outbox_params, .answer = "OutboxCollection"}},
    {post,  OURS "/outbox/{outbox_id}/retry", retry_outbox, editing("admin:outbox"), "Try an outbox row now", {.status = 204}},
    {post,  OURS "/outbox/{outbox_id}/drop", drop_outbox, editing("admin:outbox"), "Forget an alert", {.status = 204}},
    {post,  OURS "/db/backup", backup_database, creating("admin:backups"), "Copy the database into <home>/backups",
     {.body = &backup_body, .answer = "Backup", .status = 201}},
};
// clang-format on

}  // namespace

std::span<const Route> route_table() {
  return every_route;
}

}  // namespace batuta::http
