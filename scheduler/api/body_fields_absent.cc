// Bodies of Airflow's operations that have no subject here.
#include "scheduler/api/body_fields.h"

namespace batuta::http {
namespace {

using Kind = FieldKind;

constexpr BodyField asset_event_rows[] = {{"asset_id", Kind::integer, true},
                                          {"partition_key"},
                                          {"extra", Kind::object},
                                          {"access_control", Kind::object}};
constexpr BodyField materialize_rows[] = {{"dag_run_id"},
                                          {"data_interval_start", Kind::time},
                                          {"data_interval_end", Kind::time},
                                          {"logical_date", Kind::time},
                                          {"run_after", Kind::time},
                                          {"conf", Kind::object},
                                          {"note"},
                                          {"partition_key"}};
constexpr BodyField state_rows[] = {{"value", Kind::any, true},
                                    {"expires_at", Kind::text, false, "A time, default or null"}};
constexpr BodyField state_value_rows[] = {{"value", Kind::any, true}};
constexpr BodyField partition_rows[] = {{"partition_key"},
                                        {"partition_date_start", Kind::time},
                                        {"partition_date_end", Kind::time},
                                        {"run_id"},
                                        {"clear_task_instances", Kind::flag},
                                        {"dry_run", Kind::flag, false, "true unless given"}};
constexpr BodyField connection_test_rows[] = {{"connection_id", Kind::text, true},
                                              {"conn_type", Kind::text, true},
                                              {"description"},
                                              {"host"},
                                              {"login"},
                                              {"schema"},
                                              {"port", Kind::integer},
                                              {"password"},
                                              {"extra", Kind::text, false, "JSON text"},
                                              {"team_name", Kind::nothing},
                                              {"commit_on_success", Kind::flag},
                                              {"executor"},
                                              {"queue"}};

}  // namespace

constinit const BodyTable asset_event_body = asset_event_rows;
constinit const BodyTable materialize_body = materialize_rows;
constinit const BodyTable state_body = state_rows;
constinit const BodyTable state_value_body = state_value_rows;
constinit const BodyTable partition_body = partition_rows;
constinit const BodyTable connection_test_body = connection_test_rows;

}  // namespace batuta::http
