// The fields of each request's body, as tables: what is taken, and what the OpenAPI document says.
// A route names its table in routes.cc.
#pragma once

#include <span>
#include <string_view>

namespace batuta::http {

enum class FieldKind {
  text,
  integer,
  number,  // with a fraction or without
  flag,
  time,
  object,
  list,
  any,
  nothing,  // Airflow has it, we do not: only null
};

struct BodyField {
  std::string_view name;
  FieldKind kind = FieldKind::text;
  bool required = false;
  std::string_view about{};
};
using BodyTable = std::span<const BodyField>;

extern const BodyTable no_body;
extern const BodyTable token_body;
extern const BodyTable login_body;
extern const BodyTable dag_patch_body;
extern const BodyTable dag_check_body;
extern const BodyTable dag_file_body;
extern const BodyTable trigger_body;
extern const BodyTable run_patch_body;
extern const BodyTable run_clear_body;
extern const BodyTable task_patch_body;
extern const BodyTable clear_tasks_body;
extern const BodyTable pool_body;
extern const BodyTable pool_patch_body;
extern const BodyTable variable_body;
extern const BodyTable variable_patch_body;
extern const BodyTable connection_body;
extern const BodyTable connection_patch_body;
extern const BodyTable asset_event_body;
extern const BodyTable materialize_body;
extern const BodyTable backfill_body;
extern const BodyTable state_body;
extern const BodyTable state_value_body;
extern const BodyTable hitl_body;
extern const BodyTable lake_sql_body;
extern const BodyTable lake_alert_body;
extern const BodyTable lake_branch_body;
extern const BodyTable lake_promotion_body;
extern const BodyTable lake_erasure_body;
extern const BodyTable lake_upkeep_body;
extern const BodyTable quarantine_order_body;
extern const BodyTable letter_order_body;
extern const BodyTable bundle_deploy_body;
extern const BodyTable bundle_rollback_body;
extern const BodyTable domain_body;
extern const BodyTable bulk_body;
extern const BodyTable run_batch_body;
extern const BodyTable task_batch_body;
extern const BodyTable clear_runs_body;
extern const BodyTable xcom_body;
extern const BodyTable xcom_patch_body;
extern const BodyTable run_entity;   // of a bulk body
extern const BodyTable task_entity;  // the same
extern const BodyTable partition_body;
extern const BodyTable connection_test_body;
extern const BodyTable backup_body;
extern const BodyTable own_password_body;
extern const BodyTable user_body;
extern const BodyTable user_patch_body;
extern const BodyTable token_issue_body;
extern const BodyTable role_body;
extern const BodyTable role_patch_body;
extern const BodyTable group_body;
extern const BodyTable group_patch_body;

}  // namespace batuta::http
