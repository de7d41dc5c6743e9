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
constexpr auto put = Method::put;
constexpr auto patch = Method::patch;
constexpr auto del = Method::del;

// What each route asks. `some_dag`: its list shows what of all DAGs one may see.
constexpr Right everyone{Action::read, for_everyone};
constexpr Right own{Action::read, for_oneself};
constexpr Right some_dag{Action::read, any_dag};
constexpr Right trigger_some{Action::trigger, any_dag};
constexpr Right edit_some{Action::edit, any_dag};
constexpr Right delete_some{Action::remove, any_dag};
constexpr Right read_dag{Action::read, "dag:{dag_id}"};
constexpr Right read_dags{Action::read, "dag:{dag_id|~}"};
constexpr Right trigger_dag{Action::trigger, "dag:{dag_id}"};
constexpr Right edit_dag{Action::edit, "dag:{dag_id}"};
constexpr Right edit_dags{Action::edit, "dag:{dag_id|~}"};
constexpr Right delete_dag_right{Action::remove, "dag:{dag_id}"};
constexpr Right some_lake{Action::read, any_lake};
constexpr Right read_lake{Action::read, one_lake};
constexpr Right edit_some_lake{Action::edit, any_lake};
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
#define LAKE "/api/lake/tables"
#define LAKE_SQL "/api/lake/sql"
#define LAKE_QUARANTINE "/api/lake/quarantine"
#define LAKE_MONITORS "/api/lake/monitors"
#define LAKE_ALERTS "/api/lake/alerts"
#define LAKE_TABLE LAKE "/{layer}/{domain}/{table}"
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
    {post,  hook_path, receive_hook, everyone, "Trigger a run by a signed webhook", {.answer = "HookAnswer", .status = 202}},
    {post,  OURS "/login", login, everyone, "Session cookie for a password or a one-time code",
     {.body = &login_body, .answer = "Session"}},
    {get,   OURS "/login", login_methods, everyone, "How people log in: by password, by a provider", {.answer = "LoginMethods"}},
    {get,   "/auth/oidc/login", begin_sign_on, everyone, "Leads to the login provider", {.query = &next_params, .status = 303}},
    {get,   "/auth/oidc/callback", end_sign_on, everyone, "Where the login provider leads back to: a cookie, and the page",
     {.query = &sign_on_params, .status = 303}},
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
    {get,   OURS "/bundles", list_bundles, reading_of("admin:bundles"), "Bundles of DAGs, and their revisions",
     {.query = &page_params, .answer = "BundleCollection"}},
    {get,   OURS "/bundles/{bundle_name}/diff", diff_bundle, reading_of("admin:bundles"), "What a revision would change",
     {.query = &bundle_diff_params, .answer = "BundleDiff"}},
    {post,  OURS "/bundles/{bundle_name}/deploy", deploy_bundle, editing("admin:bundles"), "Switch a bundle to a revision",
     {.body = &bundle_deploy_body, .answer = "BundleSwitch"}},
    {post,  OURS "/bundles/{bundle_name}/rollback", roll_back_bundle, editing("admin:bundles"),
     "Switch a bundle to a revision that was live before", {.body = &bundle_rollback_body, .answer = "BundleSwitch"}},
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
    {patch, V2 "/dags", patch_dags, edit_some, "Pause or resume the DAGs of a pattern",
     {.query = &dag_patch_params, .body = &dag_patch_body, .answer = "DAGCollection"}},
    {patch, DAG, patch_dag, edit_dag, "Pause or resume a DAG",
     {.query = &mask_params, .body = &dag_patch_body, .answer = "DAG"}},
    {del,   DAG, delete_dag, delete_dag_right, "Delete a DAG with all that it has done; its file stays", {.status = 204}},
    {post,  DAG "/favorite", favorite_dag, read_dag, "Make a DAG a favourite of one's own", {.status = 204}},
    {post,  DAG "/unfavorite", unfavorite_dag, read_dag, "It is no favourite any more", {.status = 204}},
    {get,   OURS "/dags/{dag_id}/file", reading<get_dag_file>, edit_dag, "The file of a DAG on the disk, for editing",
     {.answer = "DAGFile"}},
    {post,  OURS "/dags/{dag_id}/file/check", check_dag_file, edit_dag, "What is wrong with a text for a DAG's file, its tasks",
     {.body = &dag_check_body, .answer = "DAGFileCheck"}},
    {put,   OURS "/dags/{dag_id}/file", put_dag_file, edit_dag, "Write the DAG's file anew, over the text that one has read",
     {.body = &dag_file_body, .answer = "DAGFileSaved"}},
    {put,   V2 "/parseDagFile/{file_token}", reparse_dag_file, edit_some, "Read the DAG folder again, for a DAG's file_token",
     {.status = 201}},
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
    {patch, DAG "/dagRuns", bulk_runs, edit_dags, "Set and delete runs of a DAG, or of several (~)",
     {.body = &bulk_body, .answer = "BulkAnswer"}},
    {post,  DAG "/clearDagRuns", clear_dag_runs, edit_dags, "Clear runs of a DAG, or of several (~): all of them or none",
     {.body = &clear_runs_body, .answer = "DAGRunCollection|TaskInstanceCollection"}},
    {post,  DAG "/dagRuns/list", reading<list_runs_batch>, read_dags, "Runs of all DAGs (~), by a body",
     {.body = &run_batch_body, .answer = "DAGRunCollection", .remedy = less_runs}},
    {get,   RUN, reading<get_run>, read_dag, "One run", {.answer = "DAGRun"}},
    {patch, RUN, patch_run, edit_dag, "Set a run's state or note",
     {.query = &mask_params, .body = &run_patch_body, .answer = "DAGRun"}},
    {del,   RUN, delete_run, delete_dag_right, "Delete a run and all below it", {.status = 204}},
    {post,  RUN "/clear", clear_run, edit_dag, "Clear a run's task instances",
     {.body = &run_clear_body, .answer = "DAGRun|TaskInstanceCollection"}},
    {get,   RUN "/wait", wait_for_run, read_dag, "Answers when the run has ended, or after a minute",
     {.query = &run_wait_params}},

    {get,   RUN "/taskInstances", reading<list_task_instances>, read_dags, "Task instances of a run, or of all (~)",
     {.query = &task_list_params, .answer = "TaskInstanceCollection", .remedy = less_tasks}},
    {patch, RUN "/taskInstances", bulk_task_instances, edit_dags,
     "Mark, note and delete task instances of a run, or of several (~)", {.body = &bulk_body, .answer = "BulkAnswer"}},
    {post,  RUN "/taskInstances/list", reading<list_task_instances_batch>, read_dags,
     "Task instances of all DAGs and runs (~), by a body",
     {.body = &task_batch_body, .answer = "TaskInstanceCollection", .remedy = less_tasks}},
    {get,   TASK, reading<get_task_instance>, read_dag, "One task instance", {.answer = "TaskInstance"}},
    {patch, TASK, patch_task_instance, edit_dag, "Mark a task instance, or set its note",
     {.query = &task_mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {del,   TASK, delete_task_instance, delete_dag_right, "Take a task instance out of its run",
     {.query = &map_index_params}},
    {patch, TASK "/dry_run", try_patch_task_instance, edit_dag, "What marking it would touch",
     {.query = &task_mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {patch, INSTANCE "/dry_run", try_patch_task_instance, edit_dag, "What marking this instance would touch",
     {.query = &mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {get,   TASK "/listMapped", reading<list_mapped>, read_dag, "The instances of a mapped task",
     {.query = &task_list_params, .answer = "TaskInstanceCollection", .remedy = less_tasks}},
    {get,   INSTANCE, reading<get_task_instance>, read_dag, "One instance of a mapped task", {.answer = "TaskInstance"}},
    {patch, INSTANCE, patch_task_instance, edit_dag, "Mark one instance of a mapped task, or set its note",
     {.query = &mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {patch, RUN "/taskGroupInstances/{group_id}", patch_task_group, edit_dag, "Mark all tasks of a group",
     {.query = &mask_params, .body = &task_patch_body, .answer = "TaskInstanceCollection"}},
    {patch, RUN "/taskGroupInstances/{group_id}/dry_run", try_patch_task_group, edit_dag, "What marking the group would touch",
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
    {post,  TASK "/xcomEntries", create_xcom, edit_dag, "Make an XCom", {.body = &xcom_body, .answer = "XCom", .status = 201}},
    {patch, TASK "/xcomEntries/{xcom_key}", patch_xcom, edit_dag, "Change an XCom",
     {.body = &xcom_patch_body, .answer = "XCom"}},
    {del,   TASK "/xcomEntries/{xcom_key}", delete_xcom, delete_dag_right, "Delete an XCom",
     {.query = &map_index_params, .status = 204}},
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
    {patch, V2 "/pools", bulk_pools, editing("admin:pools"), "Create, change and delete pools",
     {.body = &bulk_body, .answer = "BulkAnswer"}},
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
    {patch, V2 "/variables", bulk_variables, editing("admin:variables"), "Create, change and delete variables",
     {.body = &bulk_body, .answer = "BulkAnswer"}},
    {patch, V2 "/connections", bulk_connections, editing("admin:connections"), "Create, change and delete connections",
     {.body = &bulk_body, .answer = "BulkAnswer"}},
    {get,   V2 "/connections", reading<list_connections>, reading_of("admin:connections"), "Connections; secrets masked",
     {.query = &connection_list_params, .answer = "ConnectionCollection"}},
    {post,  V2 "/connections", create_connection, creating("admin:connections"), "Create a connection",
     {.body = &connection_body, .answer = "Connection", .status = 201}},
    {get,   V2 "/connections/{connection_id}", reading<get_connection>, reading_of("admin:connections"), "One connection",
     {.answer = "Connection"}},
    {patch, V2 "/connections/{connection_id}", patch_connection, editing("admin:connections"), "Change a connection",
     {.query = &mask_params, .body = &connection_patch_body, .answer = "Connection"}},
    {post,  OURS "/connections/{connection_id}/test", test_connection, editing("admin:connections"),
     "Look up what a connection refers to; values are not told", {.answer = "ConnectionTest"}},
    {del,   V2 "/connections/{connection_id}", delete_connection, deleting("admin:connections"), "Delete a connection",
     {.status = 204}},

    {get,   V2 "/eventLogs", reading<list_event_logs>, some_dag, "Who did what",
     {.query = &event_log_params, .answer = "EventLogCollection", .remedy = less_events}},
    {get,   V2 "/eventLogs/{event_log_id}", reading<get_event_log>, some_dag, "One event", {.answer = "EventLog"}},
    {get,   V2 "/jobs", list_jobs, reading_of("admin:workers"), "Scheduler and workers",
     {.query = &job_list_params, .answer = "JobCollection"}},

    {get,   V2 "/plugins", list_airflow_plugins, reading_of("admin:plugins"), "Plugins, as Airflow lists its own",
     {.query = &page_params, .answer = "AirflowPluginCollection"}},
    {get,   V2 "/plugins/importErrors", reading<list_plugin_errors>, reading_of("admin:plugins"),
     "Plugins that a worker has and none offers", {.answer = "PluginImportErrorCollection"}},
    {get,   V2 "/providers", reading<list_providers>, reading_of("admin:plugins"), "Packages of operators: there are none",
     {.query = &page_params, .answer = "ProviderCollection"}},
    {get,   V2 "/config", reading<get_config>, reading_of("admin:config"), "The settings in effect",
     {.query = &config_params, .answer = "Config"}},
    {get,   V2 "/config/section/{section}/option/{option}", reading<get_config_value>, reading_of("admin:config"),
     "One setting"},
    {get,   OURS "/config/provider", reading<check_provider>, reading_of("admin:config"),
     "Whether the login provider answers", {.answer = "ProviderHealth"}},
    {post,  OURS "/config/reload", reading<reload_config>, editing("admin:config"),
     "Read the settings again and take over, all or nothing, what may change while running; the rest is named",
     {.answer = "SettingsReload"}},
    {get,   V2 "/auth/login", go_to_login, everyone, "Leads to the page, which logs in",
     {.query = &next_params, .status = 307}},
    {get,   V2 "/auth/logout", go_to_logout, everyone, "Leads to the page, which logs out", {.status = 307}},
    {get,   TASK "/links", reading<list_links>, read_dag, "Its extra links: there are none",
     {.query = &link_params, .answer = "ExtraLinkCollection"}},
    {get,   TASK "/externalLogUrl/{try_number}", reading<get_external_log_url>, read_dag,
     "Where else its log lies: nowhere", {.query = &map_index_params}},

    // Airflow's, without a subject here.
    {get,   V2 "/assets", reading<list_assets>, some_dag, "Assets, and which DAGs make, read and wait for them",
     {.query = &asset_list_params, .answer = "AssetCollection"}},
    {get,   V2 "/assets/aliases", reading<list_asset_aliases>, some_dag, "Aliases of assets: there are none",
     {.query = &alias_list_params, .answer = "AssetAliasCollection"}},
    {get,   V2 "/assets/aliases/{asset_alias_id}", reading<no_asset_alias>, some_dag, "No alias is found"},
    {get,   V2 "/assets/events", reading<list_asset_events>, some_dag, "Events of assets, with the runs that they started",
     {.query = &asset_event_params, .answer = "AssetEventCollection"}},
    {post,  V2 "/assets/events", create_asset_event, trigger_some, "Tell that an asset has changed",
     {.body = &asset_event_body, .answer = "AssetEvent"}},
    {get,   V2 "/assets/{asset_id}", reading<get_asset>, some_dag, "One asset", {.answer = "Asset"}},
    {post,  V2 "/assets/{asset_id}/materialize", materialize_asset, trigger_some, "Run the DAG that makes an asset",
     {.body = &materialize_body, .answer = "DAGRun"}},
    {get,   V2 "/assets/{asset_id}/queuedEvents", reading<list_queued_of_asset>, some_dag,
     "For which DAGs events of an asset are queued",
     {.query = &queued_event_params, .answer = "QueuedEventCollection"}},
    {del,   V2 "/assets/{asset_id}/queuedEvents", drop_queued_of_asset, delete_some, "Delete the queued events of an asset",
     {.query = &queued_event_params}},
    {get,   V2 "/assets/{asset_id}/state-store", reading<list_asset_states>, some_dag, "Its kept states: there are none",
     {.query = &page_params, .answer = "AssetStateCollection"}},
    {del,   V2 "/assets/{asset_id}/state-store", reading<clear_asset_states>, delete_some,
     "Clear its kept states: there are none"},
    {get,   V2 "/assets/{asset_id}/state-store/{key}", reading<no_asset_state>, some_dag, "No kept state is found"},
    {put,   V2 "/assets/{asset_id}/state-store/{key}", reading<refuse_asset_state>, edit_some, "No state is kept",
     {.body = &state_value_body}},
    {del,   V2 "/assets/{asset_id}/state-store/{key}", reading<no_asset_state>, delete_some, "No kept state is found"},
    {get,   DAG "/assets/queuedEvents", reading<list_queued_of_dag>, read_dag, "Of which assets events are queued for a DAG",
     {.query = &queued_event_params, .answer = "QueuedEventCollection"}},
    {del,   DAG "/assets/queuedEvents", drop_queued_of_dag, delete_dag_right, "Delete what is queued for a DAG",
     {.query = &queued_event_params}},
    {get,   DAG "/assets/{asset_id}/queuedEvents", reading<get_queued_of_dag>, read_dag, "What of an asset is queued for a DAG",
     {.query = &queued_event_params, .answer = "QueuedEvent"}},
    {del,   DAG "/assets/{asset_id}/queuedEvents", drop_one_queued_of_dag, delete_dag_right,
     "Delete what of an asset is queued for a DAG",
     {.query = &queued_event_params}},
    {get,   RUN "/upstreamAssetEvents", reading<list_upstream_asset_events>, read_dag,
     "Events of assets that the run consumed", {.answer = "AssetEventCollection"}},
    {get,   OURS "/dags/{dag_id}/awaitedAssets", reading<get_awaited_assets>, read_dag,
     "Which assets a DAG waits for, and what of them has come", {.answer = "AwaitedAssets"}},

    {get,   V2 "/backfills", reading<list_backfills>, some_dag, "Backfills, of one DAG or of all",
     {.query = &backfill_list_params, .answer = "BackfillCollection"}},
    {post,  V2 "/backfills", create_backfill, trigger_some, "Begin a backfill",
     {.body = &backfill_body, .answer = "Backfill"}},
    {post,  V2 "/backfills/dry_run", reading<try_backfill>, trigger_some, "What a backfill would do, tick by tick",
     {.body = &backfill_body, .answer = "BackfillPlan"}},
    {get,   V2 "/backfills/{backfill_id}", reading<get_backfill>, some_dag, "One backfill", {.answer = "Backfill"}},
    {put,   V2 "/backfills/{backfill_id}/pause", pause_backfill, edit_some, "Pause a backfill: nothing more begins",
     {.answer = "Backfill"}},
    {put,   V2 "/backfills/{backfill_id}/unpause", unpause_backfill, edit_some, "Go on with a backfill",
     {.answer = "Backfill"}},
    {put,   V2 "/backfills/{backfill_id}/cancel", cancel_backfill, edit_some,
     "Cancel a backfill: what waits fails, what runs goes on", {.answer = "Backfill"}},
    {get,   OURS "/backfills/{backfill_id}", reading<get_backfill_progress>, some_dag, "How far a backfill is",
     {.answer = "Backfill"}},
    {get,   OURS "/backfills/{backfill_id}/ticks", reading<list_backfill_ticks>, some_dag,
     "What became of a backfill's ticks", {.query = &page_params, .answer = "BackfillTickCollection"}},

    {get,   TASK "/state-store", reading<list_task_states>, read_dag, "Its kept states: there are none",
     {.query = &state_list_params, .answer = "TaskStateCollection"}},
    {del,   TASK "/state-store", reading<clear_task_states>, delete_dag_right, "Forget its kept states: there are none",
     {.query = &state_clear_params, .status = 204}},
    {get,   TASK "/state-store/{key}", reading<no_task_state>, read_dag, "No state is found",
     {.query = &map_index_params}},
    {put,   TASK "/state-store/{key}", reading<refuse_task_state>, edit_dag, "Refused: there are no state stores",
     {.query = &map_index_params, .body = &state_body}},
    {patch, TASK "/state-store/{key}", reading<no_task_state>, edit_dag, "No state is found",
     {.query = &map_index_params, .body = &state_value_body}},
    {del,   TASK "/state-store/{key}", reading<no_task_state>, delete_dag_right, "No state is found",
     {.query = &map_index_params}},

    {get,   RUN "/hitlDetails", reading<list_questions>, read_dags, "What tasks ask people, and their answers",
     {.query = &hitl_list_params, .answer = "QuestionCollection"}},
    {get,   TASK "/{map_index}/hitlDetails", reading<get_question>, read_dag, "What a task asks people",
     {.answer = "Question"}},
    {patch, TASK "/{map_index}/hitlDetails", answer_question, edit_dag, "Answer it",
     {.body = &hitl_body, .answer = "QuestionAnswer"}},
    {get,   TASK "/{map_index}/hitlDetails/tries/{try_number}", reading<get_question_of_try>, read_dag,
     "What one of its tries asked", {.answer = "Question"}},
    {post,  DAG "/clearPartitions", reading<clear_partitions>, edit_dag, "Clear partitions of runs: there are none",
     {.body = &partition_body, .answer = "PartitionsCleared"}},
    {post,  V2 "/connections/test", reading<refuse_connection_test>, editing("admin:connections"),
     "Refused: connections are not tried", {.body = &connection_body}},
    {post,  V2 "/connections/enqueue-test", reading<refuse_connection_test>, editing("admin:connections"),
     "Refused: connections are not tried", {.body = &connection_test_body}},
    {get,   V2 "/connections/enqueue-test", reading<no_connection_test>, reading_of("admin:connections"),
     "Refused: connections are not tried"},
    {post,  V2 "/connections/defaults", reading<create_default_connections>, creating("admin:connections"),
     "Make what every installation has: nothing", {.status = 204}},

    {get,   OURS "/events", get_events, some_dag,
     "Live changes as server-sent events: run, task, dag; dags when the set of DAGs, import errors or "
     "DAG warnings changed; resync when everything must be read anew", {.query = &feed_params}},
    {get,   OURS "/plugins", list_plugins, reading_of("admin:plugins"), "The plugin catalogue", {.answer = "PluginCollection"}},
    {get,   OURS "/home", get_home, some_dag, "What failed, runs, waits and is late, over all DAGs",
     {.query = &home_params, .answer = "Home"}},
    {get,   OURS "/dags/{dag_id}/grid", reading<get_grid>, read_dag,
     "Tasks by newest runs: of each run one letter a task, in the order of `tasks`. - none, h scheduled, q queued, "
     "r running, s success, f failed, y up for retry, u upstream failed, k skipped, w deferred, x removed; a space where "
     "the run's version has no such task. `mapped`: of mapped tasks, by position, instances by state",
     {.query = &grid_params, .answer = "Grid"}},
    {get,   OURS "/dags/{dag_id}/calendar", reading<get_calendar>, read_dag,
     "Runs of a DAG by state, and runs that are planned, in the parts between the instants of `at`, by when they are "
     "due; ticks without a run, newest first. `planned_more`, `skipped_more`: not all are told",
     {.query = &calendar_params, .answer = "Calendar"}},
    {get,   OURS "/search", reading<get_search>, some_dag,
     "DAGs, tasks and runs of the last 90 days by a part of their name; `more`: not all that was found is listed",
     {.query = &search_params, .answer = "SearchAnswer"}},
    {get,   OUR_TASK "/log", reading<get_log_window>, read_dag,
     "A part of a try's log: its end, what lies before or after a byte of it, or the lines with a text or of a level",
     {.query = &log_window_params, .answer = "LogWindow"}},
    {get,   OUR_TASK "/report", reading<get_attempt_report>, read_dag,
     "What a try told about quality and lineage: try_number, or the newest that told anything",
     {.query = &report_params, .answer = "AttemptReport"}},
    {get,   OURS "/jobs/configs", reading<list_job_configs>, some_dag, "mngt.ingestion_job_config",
     {.answer = "JobConfigCollection"}},
    {get,   OURS "/jobs/executions", reading<list_job_executions>, some_dag, "mngt.ingestion_job_execution",
     {.query = &execution_params, .answer = "JobExecutionCollection"}},
    {post,  OURS "/workers/{agent_id}/drain", drain_worker, editing("admin:workers"),
     "A worker takes nothing new; what runs on it goes on", {.status = 204}},
    {post,  OURS "/workers/{agent_id}/resume", resume_worker, editing("admin:workers"), "A drained worker takes work again",
     {.status = 204}},
    {get,   LAKE, reading<list_lake_tables>, some_lake,
     "Tables of the lake, as their logs tell; `groups`: how many there are in each domain and layer, whatever is "
     "filtered; `left_out`: what the list lacks, and why", {.query = &lake_list_params, .answer = "LakeTableCollection"}},
    {get,   LAKE_TABLE, reading<get_lake_table>, read_lake, "One table: columns, partitions, files, contract",
     {.answer = "LakeTableDetails"}},
    {get,   LAKE_TABLE "/versions", reading<list_lake_versions>, read_lake,
     "Its versions, newest first: when, by which run, how many rows its files added and removed",
     {.query = &page_params, .answer = "LakeVersionCollection"}},
    {get,   LAKE_TABLE "/quality", reading<list_lake_quality>, read_lake,
     "What attempts told of its quality, newest first; `more`: there are older ones",
     {.query = &page_params, .answer = "LakeQuality"}},
    {get,   LAKE_TABLE "/lineage", reading<get_lake_lineage>, read_lake,
     "Tables that it is made of and that are made of it, and by which tasks; `hidden`: tables that may not be seen",
     {.query = &lake_lineage_params, .answer = "LakeLineage"}},
    {get,   LAKE_TABLE "/rows", get_lake_rows, read_lake,
     "Its rows, page by page: of some columns, where conditions hold, in an order, of the newest version or an older one; "
     "`next_cursor` goes on in the version that the first page was of",
     {.query = &lake_rows_params, .answer = "LakeRows"}},
    {get,   LAKE_TABLE "/export", get_lake_export, read_lake,
     "All its rows as a file, Parquet, CSV or JSON lines, by `format` or Accept; resumed by Range, with If-Range or of a "
     "named version; too large a file is refused, never cut",
     {.query = &lake_export_params}},
    {get,   LAKE_QUARANTINE, reading<list_quarantines>, some_lake, "Tables with rows in quarantine",
     {.answer = "LakeQuarantineCollection"}},
    {get,   LAKE_QUARANTINE "/{domain}/{table}", get_quarantine, some_lake,
     "Rejected rows of a table by reason and run, the newest first; needs the right to read the domain's quarantine",
     {.query = &quarantine_params, .answer = "LakeQuarantine"}},
    {get,   LAKE_QUARANTINE "/{domain}/{table}/rows", get_quarantine_rows, some_lake,
     "Rejected rows, the newest first, masked as the contract says", {.query = &quarantine_rows_params, .answer = "LakeRows"}},
    {post,  LAKE_QUARANTINE "/{domain}/{table}", order_quarantine, edit_some_lake,
     "Repair, replay or discard rejected rows, by a run of the DAG that makes the table; its task's return_value says what "
     "became of each. Needs the right to edit the domain's quarantine and, unless rows are discarded, its silver",
     {.body = &quarantine_order_body, .answer = "LakeQuarantineOrder"}},
    {post,  LAKE_SQL, run_lake_sql, some_lake,
     "Rows of one SELECT over tables that one may read; as CSV where Accept begins with text/csv. `cut` (Batuta-Cut) says "
     "whether there are more; what is wrong with the statement is told with its line and column",
     {.body = &lake_sql_body, .answer = "LakeSqlRows"}},
    {del,   LAKE_SQL "/{query_id}", cancel_lake_sql, some_lake, "End a SELECT of one's own that runs or waits",
     {.status = 204}},
    {get,   LAKE_MONITORS, list_lake_monitors, some_lake,
     "Monitors of tables and tasks that one may see, each as it was judged last; `counts`: by status, whatever is filtered",
     {.query = &lake_monitor_params, .answer = "LakeMonitorCollection"}},
    {get,   LAKE_MONITORS "/{domain}/{monitor}/results", list_monitor_results, some_lake,
     "What one monitor found, newest first, of the last 90 days",
     {.query = &page_params, .answer = "LakeMonitorResultCollection"}},
    {get,   LAKE_ALERTS, list_lake_alerts, some_lake,
     "Alerts of monitors that one may see: unless ordered the open ones first, the gravest and newest of them on top; "
     "`counts`: by state, whatever is filtered; `more`: there are older ones than are looked at",
     {.query = &lake_alert_params, .answer = "LakeAlertCollection"}},
    {post,  LAKE_ALERTS "/{alert_id}", change_lake_alert, edit_some_lake,
     "Acknowledge or close an open alert; needs the right to edit what it is about, the table's layer or the DAG",
     {.body = &lake_alert_body, .answer = "LakeAlert"}},
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
