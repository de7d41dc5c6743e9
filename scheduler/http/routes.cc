// The route table: one row per method and path. A new route is a handler, its line in handlers.h
// and a row here; see docs/adding-a-route.md.
#include "scheduler/http/routes.h"

#include "scheduler/http/handlers.h"

namespace batuta::http {
namespace {

// Runs a reading handler on a reader thread.
template <Result<Response> (*handler)(Context&, const Request&)>
void reading(Context& context, Call call) {
  context.read(call.respond,
               [&context, request = call.request] { return handler(context, *request); });
}

constexpr auto get = Method::get;
constexpr auto post = Method::post;
constexpr auto patch = Method::patch;
constexpr auto del = Method::del;
constexpr auto everyone = Access::everyone;
constexpr auto viewer = Access::viewer;
constexpr auto operators = Access::operator_;
constexpr auto admin = Access::admin;

#define V2 "/api/v2"
#define DAG V2 "/dags/{dag_id}"
#define RUN DAG "/dagRuns/{dag_run_id}"
#define TASK RUN "/taskInstances/{task_id}"
#define OURS "/api/batuta"
#define OUR_TASK OURS "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"

// clang-format off
constexpr Route table[] = {
    {get,   V2 "/monitor/health", get_health, everyone, "Is the scheduler well; 200 only when every DAG can be triggered"},
    {get,   V2 "/version", get_version, everyone, "Version of the product"},
    {get,   V2 "/openapi.json", get_openapi, viewer, "This document"},
    {get,   "/openapi.json", get_openapi, viewer, "This document"},
    {get,   "/metrics", get_metrics, viewer, "Metrics as Prometheus reads them"},

    {post,  "/auth/token", create_token, everyone, "Token for a user name and password"},
    {post,  OURS "/login", login, everyone, "Session cookie for a password or a one-time code"},
    {get,   OURS "/session", get_session, viewer, "Who am I; the CSRF token"},
    {post,  OURS "/logout", logout, viewer, "End this session"},

    {patch, OURS "/session", patch_own_password, viewer, "Change one's own password; ends one's sessions and tokens"},

    {get,   OURS "/users", reading<list_users>, admin, "Users and their roles"},
    {post,  OURS "/users", create_user, admin, "Create a user"},
    {patch, OURS "/users/{username}", patch_user, admin, "Set a user's role or password"},
    {del,   OURS "/users/{username}", delete_user, admin, "Delete a user; ends its sessions and tokens"},
    {get,   OURS "/tokens", reading<list_tokens>, viewer, "One's own tokens; all of them for admins"},
    {post,  OURS "/tokens", issue_token, viewer, "A token for oneself; for anybody by admins"},
    {del,   OURS "/tokens/{token_id}", revoke_token, viewer, "End a token of one's own; any by admins"},

    {get,   V2 "/dags", reading<list_dags>, viewer, "List DAGs"},
    {get,   DAG, reading<get_dag>, viewer, "One DAG"},
    {patch, DAG, patch_dag, operators, "Pause or resume a DAG"},
    {get,   DAG "/details", reading<get_dag_details>, viewer, "One DAG with its definition"},
    {get,   DAG "/tasks", reading<list_tasks>, viewer, "Tasks of a DAG"},
    {get,   DAG "/tasks/{task_id}", reading<get_task>, viewer, "One task of a DAG"},
    {get,   DAG "/dagVersions", reading<list_dag_versions>, viewer, "Versions of a DAG"},
    {get,   DAG "/dagVersions/{version_number}", reading<get_dag_version>, viewer, "One version of a DAG"},
    {get,   V2 "/dagSources/{dag_id}", reading<get_dag_source>, viewer, "The file of a DAG as it was read"},
    {get,   V2 "/dagWarnings", reading<list_dag_warnings>, viewer, "Warnings about DAGs"},
    {get,   V2 "/dagTags", reading<list_dag_tags>, viewer, "Tags in use"},
    {get,   V2 "/dagStats", reading<get_dag_stats>, viewer, "Runs per state and DAG"},
    {get,   V2 "/importErrors", reading<list_import_errors>, viewer, "Files that are not DAGs, and why"},
    {get,   V2 "/importErrors/{import_error_id}", reading<get_import_error>, viewer, "One import error"},

    {get,   DAG "/dagRuns", reading<list_runs>, viewer, "Runs of a DAG, or of all (~)"},
    {post,  DAG "/dagRuns", trigger_run, operators, "Trigger a run"},
    {get,   RUN, reading<get_run>, viewer, "One run"},
    {patch, RUN, patch_run, operators, "Set a run's state or note"},
    {del,   RUN, delete_run, operators, "Delete a run and all below it"},
    {post,  RUN "/clear", clear_run, operators, "Clear a run's task instances"},
    {get,   RUN "/wait", wait_for_run, viewer, "Answers when the run has ended, or after a minute"},

    {get,   RUN "/taskInstances", reading<list_task_instances>, viewer, "Task instances of a run, or of all (~)"},
    {get,   TASK, reading<get_task_instance>, viewer, "One task instance"},
    {patch, TASK, patch_task_instance, operators, "Mark a task instance, or set its note"},
    {get,   TASK "/dependencies", get_dependencies, viewer, "Why it is not running"},
    {get,   TASK "/tries", reading<list_tries>, viewer, "Its tries"},
    {get,   TASK "/tries/{task_try_number}", reading<get_try>, viewer, "One try"},
    {get,   TASK "/logs/{try_number}", reading<get_log>, viewer, "The log of a try"},
    {get,   TASK "/xcomEntries", reading<list_xcoms>, viewer, "What it returned"},
    {get,   TASK "/xcomEntries/{xcom_key}", reading<get_xcom>, viewer, "One returned value"},
    {post,  DAG "/clearTaskInstances", clear_task_instances, operators,
     "Clear task instances of a run (dag_run_id), of those before or after it too (include_past, "
     "include_future), or of the runs from start_date to end_date; of all of them or of none"},

    {get,   V2 "/pools", list_pools, viewer, "Pools"},
    {post,  V2 "/pools", create_pool, admin, "Create a pool"},
    {get,   V2 "/pools/{pool_name}", get_pool, viewer, "One pool"},
    {patch, V2 "/pools/{pool_name}", patch_pool, admin, "Change a pool"},
    {del,   V2 "/pools/{pool_name}", delete_pool, admin, "Delete a pool"},
    {get,   V2 "/variables", reading<list_variables>, viewer, "Variables; sensitive values masked"},
    {post,  V2 "/variables", create_variable, admin, "Create a variable"},
    {get,   V2 "/variables/{variable_key}", reading<get_variable>, viewer, "One variable"},
    {patch, V2 "/variables/{variable_key}", patch_variable, admin, "Change a variable"},
    {del,   V2 "/variables/{variable_key}", delete_variable, admin, "Delete a variable"},
    {get,   V2 "/connections", reading<list_connections>, operators, "Connections; secrets masked"},
    {post,  V2 "/connections", create_connection, admin, "Create a connection"},
    {get,   V2 "/connections/{connection_id}", reading<get_connection>, operators, "One connection"},
    {patch, V2 "/connections/{connection_id}", patch_connection, admin, "Change a connection"},
    {del,   V2 "/connections/{connection_id}", delete_connection, admin, "Delete a connection"},

    {get,   V2 "/eventLogs", reading<list_event_logs>, viewer, "Who did what"},
    {get,   V2 "/eventLogs/{event_log_id}", reading<get_event_log>, viewer, "One event"},
    {get,   V2 "/jobs", list_jobs, viewer, "Scheduler and workers"},

    {get,   OURS "/events", get_events, viewer,
     "Live changes as server-sent events: run, task, dag; dags when the set of DAGs, import errors or "
     "DAG warnings changed; resync when everything must be read anew"},
    {get,   OURS "/plugins", list_plugins, viewer, "The plugin catalogue"},
    {get,   OUR_TASK "/report", reading<get_attempt_report>, viewer,
     "What a try told about quality and lineage: try_number, or the newest that told anything"},
    {get,   OURS "/jobs/configs", reading<list_job_configs>, viewer, "mngt.ingestion_job_config"},
    {get,   OURS "/jobs/executions", reading<list_job_executions>, viewer, "mngt.ingestion_job_execution"},
    {get,   OURS "/outbox", reading<list_outbox>, operators, "What must still be published or sent"},
    {post,  OURS "/outbox/{outbox_id}/retry", retry_outbox, operators, "Try an outbox row now"},
    {post,  OURS "/outbox/{outbox_id}/drop", drop_outbox, operators, "Forget an alert"},
    {post,  OURS "/db/backup", reading<backup_database>, admin, "Copy the database into <home>/backups"},
};
// clang-format on

}  // namespace

std::span<const Route> route_table() {
  return table;
}

}  // namespace batuta::http
