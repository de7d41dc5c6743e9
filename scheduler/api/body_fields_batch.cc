// Bodies of Airflow's lists that are asked for by POST, of what is about many runs or task
// instances, and of XComs.
#include "scheduler/api/body_fields.h"

namespace batuta::http {
namespace {

using Kind = FieldKind;

#define RANGE(name, kind)                                         \
  {name "_gte", kind}, {name "_gt", kind}, {name "_lte", kind}, { \
    name "_lt", kind                                              \
  }
#define RANGES                                                        \
  RANGE("run_after", Kind::time), RANGE("logical_date", Kind::time),  \
      RANGE("start_date", Kind::time), RANGE("end_date", Kind::time), \
      RANGE("duration", Kind::number)

constexpr BodyField order{"order_by", Kind::text, false, "A name; - in front: from the greatest"};
constexpr BodyField page_offset{"page_offset", Kind::integer, false,
                                "Rows to leave out at the start"};
constexpr BodyField page_limit{"page_limit", Kind::integer, false,
                               "Most rows of the answer: 100 unless given, at most 1000"};

constexpr BodyField run_batch_rows[] = {
    order,
    page_offset,
    page_limit,
    {"dag_ids", Kind::list},
    {"states", Kind::list},
    RANGES,
    {"conf_contains", Kind::text, false, "Part of the run's conf, as JSON text"}};

constexpr BodyField task_batch_rows[] = {order,
                                         page_offset,
                                         page_limit,
                                         {"dag_ids", Kind::list},
                                         {"dag_run_ids", Kind::list},
                                         {"task_ids", Kind::list},
                                         {"state", Kind::list, false, "null: of no state yet"},
                                         RANGES,
                                         {"pool", Kind::list},
                                         {"queue", Kind::list},
                                         {"executor", Kind::list}};

constexpr BodyField run_entity_rows[] = {
    {"dag_run_id", Kind::text, true}, {"dag_id"}, {"state"}, {"note"}};
constexpr BodyField task_entity_rows[] = {{"task_id", Kind::text, true},
                                          {"map_index", Kind::integer},
                                          {"dag_id"},
                                          {"dag_run_id"},
                                          {"new_state"},
                                          {"note"},
                                          {"include_upstream", Kind::flag},
                                          {"include_downstream", Kind::flag},
                                          {"include_past", Kind::flag},
                                          {"include_future", Kind::flag}};

constexpr BodyField clear_runs_rows[] = {
    {"dag_runs", Kind::list, false,
     "{dag_run_id, dag_id}: which; dag_id only where the path has ~"},
    {"dry_run", Kind::flag, false, "true unless given"},
    {"only_failed", Kind::flag},
    {"only_new", Kind::flag, false,
     "Only tasks that run_on_latest_version adds; else there are none"},
    {"run_on_latest_version", Kind::flag, false,
     "Of one ended run: it goes on with the newest version"},
    {"note", Kind::text, false, "Becomes that of each run"},
    {"partition_key", Kind::text, false, "Instead of dag_runs"},
    {"partition_date_start", Kind::time, false, "Instead of dag_runs"},
    {"partition_date_end", Kind::time, false, "Instead of dag_runs"}};

constexpr BodyField xcom_value{"value", Kind::any, true, "Any JSON, at most 64 KiB of it"};
constexpr BodyField xcom_index{"map_index", Kind::integer, false, "-1 unless given"};
constexpr BodyField xcom_rows[] = {{"key", Kind::text, true}, xcom_value, xcom_index};
constexpr BodyField xcom_patch_rows[] = {xcom_value, xcom_index};

}  // namespace

constinit const BodyTable run_batch_body = run_batch_rows;
constinit const BodyTable task_batch_body = task_batch_rows;
constinit const BodyTable run_entity = run_entity_rows;
constinit const BodyTable task_entity = task_entity_rows;
constinit const BodyTable clear_runs_body = clear_runs_rows;
constinit const BodyTable xcom_body = xcom_rows;
constinit const BodyTable xcom_patch_body = xcom_patch_rows;

}  // namespace batuta::http
