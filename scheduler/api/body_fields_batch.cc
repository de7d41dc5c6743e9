// Bodies of Airflow's lists that are asked for by POST.
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

}  // namespace

constinit const BodyTable run_batch_body = run_batch_rows;
constinit const BodyTable task_batch_body = task_batch_rows;

}  // namespace batuta::http
