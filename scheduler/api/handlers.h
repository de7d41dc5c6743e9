// Every handler the route table names. Private to the room; see context.h for the two kinds.
#pragma once

#include "common/result.h"
#include "scheduler/api/context.h"

namespace batuta::http {

// dag_routes.cc
Result<Response> list_dags(Context&, const Request&);
Result<Response> get_dag(Context&, const Request&);
Result<Response> get_dag_details(Context&, const Request&);
Result<Response> list_tasks(Context&, const Request&);
Result<Response> get_task(Context&, const Request&);
Result<Response> get_dag_source(Context&, const Request&);
Result<Response> list_dag_versions(Context&, const Request&);
Result<Response> get_dag_version(Context&, const Request&);
Result<Response> list_dag_tags(Context&, const Request&);
Result<Response> get_dag_stats(Context&, const Request&);

// dag_change_routes.cc
void patch_dag(Context&, Call);
void patch_dags(Context&, Call);
void delete_dag(Context&, Call);
void favorite_dag(Context&, Call);
void unfavorite_dag(Context&, Call);
void reparse_dag_file(Context&, Call);

// dag_file_routes.cc
Result<Response> get_dag_file(Context&, const Request&);
void check_dag_file(Context&, Call);
void put_dag_file(Context&, Call);

// bundle_routes.cc
void list_bundles(Context&, Call);
void diff_bundle(Context&, Call);
void deploy_bundle(Context&, Call);
void roll_back_bundle(Context&, Call);

// domain_routes.cc
Result<Response> list_domains(Context&, const Request&);
Result<Response> get_domain(Context&, const Request&);
Result<Response> plan_domain(Context&, const Request&);
void apply_domain(Context&, Call);
void destroy_domain(Context&, Call);

// lake_cost_routes.cc
void get_lake_cost(Context&, Call);

// grid_routes.cc
Result<Response> get_grid(Context&, const Request&);

// calendar_routes.cc
Result<Response> get_calendar(Context&, const Request&);

// home_routes.cc
void get_home(Context&, Call);
Result<Response> get_search(Context&, const Request&);

// problem_routes.cc
Result<Response> list_dag_warnings(Context&, const Request&);
Result<Response> list_import_errors(Context&, const Request&);
Result<Response> get_import_error(Context&, const Request&);

// run_routes.cc
Result<Response> list_runs(Context&, const Request&);
Result<Response> get_run(Context&, const Request&);
void receive_hook(Context& context, Call call);
void trigger_run(Context&, Call);
void patch_run(Context&, Call);
void delete_run(Context&, Call);
void wait_for_run(Context&, Call);

// run_bulk_routes.cc
void bulk_runs(Context&, Call);
void clear_dag_runs(Context&, Call);

// task_routes.cc
Result<Response> list_task_instances(Context&, const Request&);
Result<Response> get_task_instance(Context&, const Request&);
Result<Response> list_tries(Context&, const Request&);
Result<Response> get_try(Context&, const Request&);
void get_dependencies(Context&, Call);
Result<Response> list_mapped(Context&, const Request&);
Result<Response> get_attempt_report(Context&, const Request&);

// task_patch_routes.cc
void patch_task_instance(Context&, Call);
void try_patch_task_instance(Context&, Call);
void patch_task_group(Context&, Call);
void try_patch_task_group(Context&, Call);
void delete_task_instance(Context&, Call);
void bulk_task_instances(Context&, Call);

// xcom_routes.cc
Result<Response> list_xcoms(Context&, const Request&);
Result<Response> get_xcom(Context&, const Request&);
void create_xcom(Context&, Call);
void patch_xcom(Context&, Call);
void delete_xcom(Context&, Call);

// clear_routes.cc
void clear_run(Context&, Call);
void clear_task_instances(Context&, Call);

// batch_routes.cc
Result<Response> list_runs_batch(Context&, const Request&);
Result<Response> list_task_instances_batch(Context&, const Request&);

// log_routes.cc
Result<Response> get_log(Context&, const Request&);
Result<Response> get_log_window(Context&, const Request&);

// pool_routes.cc
void list_pools(Context&, Call);
void get_pool(Context&, Call);
void create_pool(Context&, Call);
void patch_pool(Context&, Call);
void delete_pool(Context&, Call);
void bulk_pools(Context&, Call);

// registry_routes.cc
Result<Response> list_variables(Context&, const Request&);
Result<Response> get_variable(Context&, const Request&);
void create_variable(Context&, Call);
void patch_variable(Context&, Call);
void delete_variable(Context&, Call);
void bulk_variables(Context&, Call);
void bulk_connections(Context&, Call);
Result<Response> list_connections(Context&, const Request&);
Result<Response> get_connection(Context&, const Request&);
void create_connection(Context&, Call);
void patch_connection(Context&, Call);
void delete_connection(Context&, Call);
void test_connection(Context&, Call);

// connection_trial_routes.cc
void try_connection(Context&, Call);

// backfill_routes.cc
Result<Response> list_backfills(Context&, const Request&);
Result<Response> get_backfill(Context&, const Request&);
Result<Response> get_backfill_progress(Context&, const Request&);
Result<Response> list_backfill_ticks(Context&, const Request&);
Result<Response> try_backfill(Context&, const Request&);
void create_backfill(Context&, Call);
void pause_backfill(Context&, Call);
void unpause_backfill(Context&, Call);
void cancel_backfill(Context&, Call);

// session_routes.cc
void create_token(Context&, Call);
void login(Context&, Call);
void get_session(Context&, Call);
void login_methods(Context&, Call);
void begin_sign_on(Context&, Call);
void end_sign_on(Context&, Call);
Result<Response> check_provider(Context&, const Request&);
void logout(Context&, Call);

// question_routes.cc
Result<Response> list_questions(Context&, const Request&);
Result<Response> get_question(Context&, const Request&);
Result<Response> get_question_of_try(Context&, const Request&);
void answer_question(Context&, Call);

// asset_routes.cc
Result<Response> list_assets(Context&, const Request&);
Result<Response> get_asset(Context&, const Request&);
Result<Response> list_asset_events(Context&, const Request&);
void create_asset_event(Context&, Call);
void materialize_asset(Context&, Call);
Result<Response> list_queued_of_asset(Context&, const Request&);
Result<Response> list_queued_of_dag(Context&, const Request&);
Result<Response> get_queued_of_dag(Context&, const Request&);
void drop_queued_of_asset(Context&, Call);
void drop_queued_of_dag(Context&, Call);
void drop_one_queued_of_dag(Context&, Call);
Result<Response> list_upstream_asset_events(Context&, const Request&);
Result<Response> get_awaited_assets(Context&, const Request&);
Result<Response> list_waiting_partitions(Context&, const Request&);
Result<Response> list_asset_aliases(Context&, const Request&);
Result<Response> get_asset_alias(Context&, const Request&);
// deadline_routes.cc
Result<Response> list_deadlines(Context&, const Request&);
Result<Response> list_deadline_alerts(Context&, const Request&);
Result<Response> list_awaited_deadlines(Context&, const Request&);

// absent_routes.cc
Result<Response> list_asset_states(Context&, const Request&);
Result<Response> no_asset_state(Context&, const Request&);
Result<Response> refuse_asset_state(Context&, const Request&);
Result<Response> clear_asset_states(Context&, const Request&);
Result<Response> list_task_states(Context&, const Request&);
Result<Response> no_task_state(Context&, const Request&);
Result<Response> refuse_task_state(Context&, const Request&);
Result<Response> clear_task_states(Context&, const Request&);
Result<Response> clear_partitions(Context&, const Request&);
Result<Response> refuse_connection_test(Context&, const Request&);  // enqueue-test
Result<Response> no_connection_test(Context&, const Request&);
Result<Response> create_default_connections(Context&, const Request&);

// installation_routes.cc
void list_airflow_plugins(Context&, Call);
Result<Response> list_plugin_errors(Context&, const Request&);
Result<Response> list_providers(Context&, const Request&);
Result<Response> list_links(Context&, const Request&);
Result<Response> get_external_log_url(Context&, const Request&);
void go_to_login(Context&, Call);
void go_to_logout(Context&, Call);

// config_routes.cc
Result<Response> get_config(Context&, const Request&);
Result<Response> get_config_value(Context&, const Request&);
Result<Response> reload_config(Context&, const Request&);

// user_routes.cc
Result<Response> list_users(Context&, const Request&);
void create_user(Context&, Call);
void patch_user(Context&, Call);
void delete_user(Context&, Call);
void patch_own_password(Context&, Call);
Result<Response> list_tokens(Context&, const Request&);
void issue_token(Context&, Call);
void revoke_token(Context&, Call);

// rights_routes.cc
Result<Response> list_roles(Context&, const Request&);
void create_role(Context&, Call);
void patch_role(Context&, Call);
void delete_role(Context&, Call);
Result<Response> list_groups(Context&, const Request&);
void create_group(Context&, Call);
void patch_group(Context&, Call);
void delete_group(Context&, Call);
Result<Response> get_right(Context&, const Request&);

// lake_routes.cc
Result<Response> list_lake_tables(Context&, const Request&);
Result<Response> get_lake_table(Context&, const Request&);

// lake_table_routes.cc
Result<Response> list_lake_versions(Context&, const Request&);
// lake_statistics.cc
Result<Response> get_lake_statistics(Context&, const Request&);
// asset_partition_routes.cc
Result<Response> list_lake_partitions(Context&, const Request&);
Result<Response> list_asset_partitions(Context&, const Request&);
Result<Response> list_lake_quality(Context&, const Request&);
Result<Response> get_lake_lineage(Context&, const Request&);

// lake_rows_routes.cc
void get_lake_rows(Context&, Call);

// lake_export_routes.cc
void get_lake_export(Context&, Call);

// lake_branch_routes.cc
Result<Response> list_lake_branches(Context&, const Request&);
Result<Response> get_lake_branch(Context&, const Request&);
void create_lake_branch(Context&, Call);
void drop_lake_branch(Context&, Call);

// lake_promotions.cc
void promote_lake_branch(Context&, Call);

// lake_branch_diff.cc
void diff_lake_branch(Context&, Call);

// lake_version_diff.cc
void diff_lake_versions(Context&, Call);

// lake_erasure_routes.cc
void order_lake_erasure(Context&, Call);
Result<Response> get_lake_erasure(Context&, const Request&);
Result<Response> list_lake_erasures(Context&, const Request&);
void stop_lake_erasure(Context&, Call);

// lake_upkeep_routes.cc
void order_lake_upkeep(Context&, Call);
Result<Response> get_lake_upkeep(Context&, const Request&);
Result<Response> list_lake_upkeep(Context&, const Request&);
void stop_lake_upkeep(Context&, Call);

// lake_quarantine_routes.cc
Result<Response> list_quarantines(Context&, const Request&);
void get_quarantine(Context&, Call);
void get_quarantine_rows(Context&, Call);

// lake_quarantine_orders.cc
void order_quarantine(Context&, Call);

// lake_letter_routes.cc
void list_dead_letters(Context&, Call);
void get_dead_letters(Context&, Call);
void get_dead_letter(Context&, Call);

// lake_letter_orders.cc
void order_dead_letters(Context&, Call);

// lake_sql_routes.cc
void run_lake_sql(Context&, Call);
void list_lake_sql(Context&, Call);
void cancel_lake_sql(Context&, Call);

// lake_monitor_routes.cc
void list_lake_monitors(Context&, Call);
void list_monitor_results(Context&, Call);
void list_lake_alerts(Context&, Call);
void change_lake_alert(Context&, Call);

// monitor_routes.cc
void get_health(Context&, Call);
void get_version(Context&, Call);
void get_openapi(Context&, Call);
void list_jobs(Context&, Call);
void list_plugins(Context&, Call);
void get_events(Context&, Call);

// metric_routes.cc
void get_metrics(Context&, Call);
void list_metrics(Context&, Call);

// record_routes.cc
Result<Response> list_event_logs(Context&, const Request&);
Result<Response> get_event_log(Context&, const Request&);
Result<Response> list_job_configs(Context&, const Request&);
Result<Response> list_job_executions(Context&, const Request&);
Result<Response> list_outbox(Context&, const Request&);
void drain_worker(Context&, Call);
void resume_worker(Context&, Call);
void retry_outbox(Context&, Call);
void drop_outbox(Context&, Call);
void backup_database(Context&, Call);

}  // namespace batuta::http
