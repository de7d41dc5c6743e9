#include "scheduler/api/body_fields.h"

namespace batuta::http {
namespace {

using Kind = FieldKind;

constexpr BodyField token_rows[] = {{"username", Kind::text, true}, {"password", Kind::text, true}};

constexpr BodyField login_rows[] = {
    {"username"}, {"password"}, {"code", Kind::text, false, "One-time code instead of both"}};

constexpr BodyField dag_patch_rows[] = {{"is_paused", Kind::flag, true}};

constexpr BodyField dag_file_rows[] = {
    {"content", Kind::text, true, "The text of the file; at most 256 KiB"},
    {"hash", Kind::text, true, "SHA-256 of the text that it is to replace, as it was read"}};

constexpr BodyField trigger_rows[] = {
    {"dag_run_id", Kind::text, false, "Made from the date unless given"},
    {"logical_date", Kind::time},
    {"data_interval_start", Kind::time},
    {"data_interval_end", Kind::time},
    {"run_after", Kind::time},
    {"conf", Kind::object, false, "Checked against the DAG's params"},
    {"note"},
    {"only", Kind::list, false, "Ids of tasks: the run has these alone, with what they need"},
    {"only_with_upstream", Kind::flag, false, "And all that comes before them"},
    {"branch", Kind::text, false,
     "Of the lake: its tables are read, and written beside the lake's; without logical_date"},
    {"partition_key", Kind::text, false, "Which part of its assets the run is about"},
};

constexpr BodyField run_patch_rows[] = {
    {"state", Kind::text, false, "queued, success or failed"},
    {"is_paused", Kind::flag, false, "Instead of state: true holds it"},
    {"note"}};

constexpr BodyField run_clear_rows[] = {
    {"dry_run", Kind::flag, false, "true unless given"},
    {"only_failed", Kind::flag},
    {"only_new", Kind::flag, false,
     "Only tasks that run_on_latest_version adds; else there are none"},
    {"run_on_latest_version", Kind::flag, false, "An ended run goes on with the newest version"},
    {"keep_checkpoints", Kind::flag, false, "The next tries go on from them; false unless given"},
    {"note", Kind::text, false, "Becomes the run's"},
};

constexpr BodyField task_patch_rows[] = {
    {"new_state", Kind::text, false, "success, failed or skipped"},
    {"note"},
    {"include_upstream", Kind::flag},
    {"include_downstream", Kind::flag},
    {"include_past", Kind::flag},
    {"include_future", Kind::flag},
};

constexpr BodyField clear_tasks_rows[] = {
    {"dry_run", Kind::flag, false, "true unless given"},
    {"task_ids", Kind::list, false, "Ids, or [id, map index]; all tasks unless given"},
    {"dag_run_id"},
    {"start_date", Kind::time},
    {"end_date", Kind::time},
    {"only_failed", Kind::flag, false, "true unless only_running is"},
    {"only_running", Kind::flag},
    {"include_upstream", Kind::flag},
    {"include_downstream", Kind::flag},
    {"include_past", Kind::flag},
    {"include_future", Kind::flag},
    {"reset_dag_runs", Kind::flag, false, "true unless given"},
    {"run_on_latest_version", Kind::flag, false, "An ended run goes on with the newest version"},
    {"prevent_running_task", Kind::flag},
    {"keep_checkpoints", Kind::flag, false, "The next tries go on from them; false unless given"},
    {"note", Kind::text, false, "Becomes that of each task instance that is cleared"},
};

constexpr BodyField slots{"slots", Kind::integer, false, "Positive, or -1 for no limit"};
constexpr BodyField deferred{"include_deferred", Kind::flag, false,
                             "Only false: a deferred task takes no slot of a pool"};
constexpr BodyField pool_rows[] = {{"name", Kind::text, true},
                                   {slots.name, slots.kind, true, slots.about},
                                   {"description"},
                                   deferred,
                                   {"team_name", Kind::nothing}};
constexpr BodyField pool_patch_rows[] = {
    {"pool", Kind::text, false, "The pool's name; it cannot be changed"},
    slots,
    {"description"},
    deferred,
    {"team_name", Kind::nothing}};

constexpr BodyField variable_rows[] = {
    {"key", Kind::text, true},
    {"value", Kind::any, true, "What is not a string is kept as its JSON text, null too"},
    {"description"},
    {"team_name", Kind::nothing}};
constexpr BodyField variable_patch_rows[] = {
    {"key", Kind::text, false, "It cannot be changed"},
    {"value", Kind::any, false, "What is not a string is kept as its JSON text"},
    {"description"},
    {"team_name", Kind::nothing}};

constexpr BodyField connection_rows[] = {{"connection_id", Kind::text, true},
                                         {"conn_type", Kind::text, true},
                                         {"description"},
                                         {"host"},
                                         {"login"},
                                         {"schema"},
                                         {"port", Kind::integer},
                                         {"password"},
                                         {"extra", Kind::text, false, "JSON text"},
                                         {"team_name", Kind::nothing}};
constexpr BodyField connection_patch_rows[] = {
    {"connection_id", Kind::text, false, "It cannot be changed"},
    {"conn_type"},
    {"description"},
    {"host"},
    {"login"},
    {"schema"},
    {"port", Kind::integer},
    {"password", Kind::text, false, "*** keeps what it is"},
    {"extra", Kind::text, false, "JSON text"},
    {"team_name", Kind::nothing}};

constexpr BodyField backup_rows[] = {
    {"name", Kind::text, false, "Made from the time unless given"}};

constexpr BodyField own_password_rows[] = {
    {"password", Kind::text, true, "The one of today"},
    {"new_password", Kind::text, true, "8 to 256 characters"}};
constexpr BodyField user_rows[] = {
    {"username", Kind::text, true},
    {"role", Kind::text, true, "none, viewer, operator, admin or one of one's own"},
    {"password", Kind::text, true, "8 to 256 characters"}};
constexpr BodyField user_patch_rows[] = {
    {"username", Kind::text, false, "It cannot be changed"},
    {"role", Kind::text, false, "none, viewer, operator, admin or one of one's own"},
    {"password", Kind::text, false, "8 to 256 characters"}};
constexpr BodyField token_issue_rows[] = {
    {"username", Kind::text, false, "One's own unless given; others' are for admins"},
    {"purpose", Kind::text, false, "For people; api unless given"},
    {"lifetime_seconds", Kind::integer, false, "A minute to a year; a day unless given"},
    {"scope", Kind::list, false, "Rights that it is for; all of the user's unless given"}};

constexpr BodyField role_rows[] = {
    {"name", Kind::text, true},
    {"description"},
    {"grants", Kind::list, true, "Rights: \"read dag:finance_*\", \"* lake:finance/gold\""}};
constexpr BodyField role_patch_rows[] = {{"name", Kind::text, false, "It cannot be changed"},
                                         {"description"},
                                         {"grants", Kind::list, false, "All of them"}};
constexpr BodyField group_rows[] = {{"name", Kind::text, true},
                                    {"description"},
                                    {"roles", Kind::list, false, "Names of roles"},
                                    {"users", Kind::list, false, "Names of users"}};
constexpr BodyField group_patch_rows[] = {{"name", Kind::text, false, "It cannot be changed"},
                                          {"description"},
                                          {"roles", Kind::list, false, "All of them"},
                                          {"users", Kind::list, false, "All of them"}};

constexpr BodyField lake_sql_rows[] = {
    {"sql", Kind::text, true, "One SELECT over layer.domain.table; at most 64 KiB"},
    {"limit", Kind::integer, false,
     "Most rows: 1000 unless given, at most the setting lake.sql_rows"},
    {"at", Kind::time, false, "The tables as they were then"},
    {"version", Kind::integer, false, "The one table as it was in that version; not beside at"},
    {"branch", Kind::text, false, "Branch of the lake as which the tables are read"},
    {"explain", Kind::flag, false, "Its plan instead of its rows"},
    {"analyze", Kind::flag, false, "With explain: run it, and tell what each step took"},
    {"query_id", Kind::text, false, "Of one's own choice, to end it by"}};
constexpr BodyField lake_alert_rows[] = {
    {"action", Kind::text, true,
     "ack: somebody looks after it, and it stays open until its monitor is well; close"},
    {"note", Kind::text, false, "Why; at most 1000 bytes"}};
constexpr BodyField lake_branch_rows[] = {
    {"name", Kind::text, true, "1 to 64 of a-z 0-9 - _, a letter or digit first"},
    {"note", Kind::text, false, "What it is for; at most 1000 bytes"}};
constexpr BodyField lake_promotion_rows[] = {
    {"dry_run", Kind::flag, false, "Tell what would go, and change nothing"},
    {"note", Kind::text, false, "Of the run that does it; at most 1000 bytes"}};
constexpr BodyField quarantine_order_rows[] = {
    {"action", Kind::text, true,
     "repair: judge rows again with other values; replay: as they are; discard: give them up"},
    {"operation", Kind::text, false,
     "Its id, 1 to 64 of A-Z a-z 0-9 - _; what was done under it is not done again"},
    {"rows", Kind::list, false, "By _row_id, at most 1000; else all open ones that meet the rest"},
    {"reason", Kind::text, false, "Rows that have this reason among theirs"},
    {"run_id", Kind::text, false, "The execution_id that rejected them"},
    {"since", Kind::time, false, "Received then or later"},
    {"until", Kind::time, false, "Received before"},
    {"all", Kind::flag, false, "All that are open"},
    {"limit", Kind::integer, false, "So many at once: 1000 unless given, at most 10000"},
    {"max_attempts", Kind::integer, false, "Of replay: rows judged again so often stay (5)"},
    {"set", Kind::object, false, "Of repair: columns and their texts, for all that are chosen"},
    {"corrections", Kind::object, false, "Of repair: columns and their texts, by _row_id"},
    {"note", Kind::text, false, "Why; at most 1000 bytes; discard needs one"},
    {"dry_run", Kind::flag, false, "Tells what would become of each row, and changes nothing"},
    {"dag_id", Kind::text, false, "Where several DAGs make the table"}};
constexpr BodyField lake_erasure_rows[] = {
    {"keys", Kind::list, true,
     "{column, value}, 1 to 20: any of them names the person. No record and no event has a value"},
    {"domain", Kind::text, false, "Tables of this domain only"},
    {"table", Kind::text, false, "This table only, in every layer: domain/table"},
    {"apply", Kind::flag, false, "Do it; otherwise what would be touched is told"},
    {"operation", Kind::text, false,
     "Its id: what was done under it is not done again, what ended early goes on"},
    {"subject", Kind::text, false, "What the record calls the person, such as a request's number"},
    {"mask_connections", Kind::list, false,
     "Connections with further keys of pseudonyms, beside those that the contracts name"}};
constexpr BodyField lake_upkeep_rows[] = {
    {"action", Kind::text, true,
     "optimize: hold small files together; vacuum: delete what no version within the retention "
     "needs; restore: make it what it was, by a new version; expire: rows that are older than the "
     "contract's retention go"},
    {"dry_run", Kind::flag, false, "Tells what would be done, and changes nothing"},
    {"operation", Kind::text, false,
     "Its id: the same order under it is done once; unless given a new one"},
    {"target_bytes", Kind::integer, false, "Of optimize: size of a file, about (134217728)"},
    {"cluster_by", Kind::list, false, "Of optimize: columns to sort the rows by"},
    {"retain", Kind::text, false,
     "Of vacuum: how old what goes must be, such as 7d; unless given the table's own, or 7d"},
    {"log_retain", Kind::text, false, "Of vacuum: the same of log entries (30d)"},
    {"force", Kind::flag, false,
     "Of vacuum: a shorter time than the table's own, of files or of the log; needs the right to "
     "delete"},
    {"version", Kind::integer, false, "Of restore: what it shall be again"},
    {"at", Kind::time, false, "Of restore: the version of that time"},
    {"expected_version", Kind::integer, false,
     "Of restore: refused where the table's newest version is another one"}};
constexpr BodyField letter_order_rows[] = {
    {"action", Kind::text, true,
     "repair: send one again with another value; replay: as they are; discard: give them up"},
    {"letters", Kind::list, false,
     "By partition and offset (0:17), at most 1000; else all open ones that meet the rest"},
    {"reason", Kind::text, false, "Letters with this reason"},
    {"all", Kind::flag, false, "All that are open"},
    {"limit", Kind::integer, false, "So many at once: 1000 unless given, at most 10000"},
    {"max_attempts", Kind::integer, false, "Of replay: letters tried so often stay (5)"},
    {"value", Kind::text, false, "Of repair: what is sent in the letter's place"},
    {"note", Kind::text, false, "Why; at most 1000 bytes; discard needs one"},
    {"dry_run", Kind::flag, false, "Tells which letters are meant, and changes nothing"}};
constexpr BodyField bundle_deploy_rows[] = {
    {"revision", Kind::text, false, "Commit, branch or tag; where the bundle's ref is now"},
    {"allow_errors", Kind::flag, false, "Also one with import errors"}};
constexpr BodyField bundle_rollback_rows[] = {
    {"revision", Kind::text, false, "One that was live before; the one before this"}};
constexpr BodyField domain_rows[] = {
    {"contract", Kind::text, true,
     "Of the Open Data Contract Standard, or of the Data Contract Specification; at most 256 KiB"},
    {"schedule", Kind::text, false, "Of the ingestion; @daily unless given; empty: none"},
    {"force", Kind::flag, false, "Also what others made or changed"},
    {"digest", Kind::text, false, "Of the plan that was seen: 409 when another would be done now"}};
constexpr BodyField bulk_rows[] = {
    {"actions", Kind::list, true, "{action: create, update or delete, entities: [...], ...}"}};

constexpr BodyField backfill_rows[] = {
    {"dag_id", Kind::text, true},
    {"from_date", Kind::time, true},
    {"to_date", Kind::time, true},
    {"run_backwards", Kind::flag},
    {"dag_run_conf", Kind::object},
    {"reprocess_behavior"},
    {"max_active_runs", Kind::integer},
    {"run_on_latest_version", Kind::flag},
    {"branch", Kind::text, false,
     "Branch of the lake that its runs write on, each without a logical date"}};

constexpr BodyField hitl_rows[] = {{"chosen_options", Kind::list, true},
                                   {"params_input", Kind::object},
                                   {"try_number", Kind::integer}};

}  // namespace

constinit const BodyTable hitl_body = hitl_rows;
constinit const BodyTable no_body = {};
constinit const BodyTable token_body = token_rows;
constinit const BodyTable login_body = login_rows;
constinit const BodyTable dag_patch_body = dag_patch_rows;
constinit const BodyTable dag_check_body = BodyTable(dag_file_rows).first(1);
constinit const BodyTable dag_file_body = dag_file_rows;
constinit const BodyTable trigger_body = trigger_rows;
constinit const BodyTable run_patch_body = run_patch_rows;
constinit const BodyTable run_clear_body = run_clear_rows;
constinit const BodyTable task_patch_body = task_patch_rows;
constinit const BodyTable clear_tasks_body = clear_tasks_rows;
constinit const BodyTable pool_body = pool_rows;
constinit const BodyTable pool_patch_body = pool_patch_rows;
constinit const BodyTable variable_body = variable_rows;
constinit const BodyTable variable_patch_body = variable_patch_rows;
constinit const BodyTable connection_body = connection_rows;
constinit const BodyTable connection_patch_body = connection_patch_rows;
constinit const BodyTable backup_body = backup_rows;
constinit const BodyTable own_password_body = own_password_rows;
constinit const BodyTable user_body = user_rows;
constinit const BodyTable user_patch_body = user_patch_rows;
constinit const BodyTable token_issue_body = token_issue_rows;
constinit const BodyTable role_body = role_rows;
constinit const BodyTable role_patch_body = role_patch_rows;
constinit const BodyTable group_body = group_rows;
constinit const BodyTable group_patch_body = group_patch_rows;
constinit const BodyTable lake_sql_body = lake_sql_rows;
constinit const BodyTable lake_alert_body = lake_alert_rows;
constinit const BodyTable lake_branch_body = lake_branch_rows;
constinit const BodyTable lake_promotion_body = lake_promotion_rows;
constinit const BodyTable lake_erasure_body = lake_erasure_rows;
constinit const BodyTable lake_upkeep_body = lake_upkeep_rows;
constinit const BodyTable quarantine_order_body = quarantine_order_rows;
constinit const BodyTable letter_order_body = letter_order_rows;
constinit const BodyTable bundle_deploy_body = bundle_deploy_rows;
constinit const BodyTable bundle_rollback_body = bundle_rollback_rows;
constinit const BodyTable domain_body = domain_rows;
constinit const BodyTable bulk_body = bulk_rows;

constinit const BodyTable backfill_body = backfill_rows;

}  // namespace batuta::http
