// The query parameters of the lake's routes.
#include "scheduler/api/query_params.h"
#include "scheduler/api/query_rows.h"

namespace batuta::http {
namespace {

using namespace query_rows;
using Kind = ParamKind;

constexpr QueryParam lake_list_rows[] = {
    limit,
    offset,
    orders("name layer domain version rows bytes files modified"),
    filter("layer", Kind::texts, "layer"),
    filter("domain", Kind::texts, "domain"),
    pattern("name_pattern", "name"),
};

constexpr QueryParam lake_lineage_rows[] = {
    own("depth", Kind::integer, "How many steps up and down: 3 unless given, at most 20"),
};

constexpr QueryParam lake_rows_rows[] = {
    own("version", Kind::integer, "Of the table; the newest unless given"),
    own("limit", Kind::integer, "Most rows: 50 unless given, at most 1000"),
};

constexpr QueryParam lake_monitor_rows[] = {
    limit,
    offset,
    orders("monitor_id domain kind target severity status evaluated_at"),
    filter("domain", Kind::texts, "domain"),
    filter("kind", Kind::texts, "kind", Filter::Op::any,
           "freshness, volume, schema, quality or failures"),
    filter("severity", Kind::texts, "severity", Filter::Op::any, "info, warning or critical"),
    filter("status", Kind::texts, "status", Filter::Op::any,
           "well, unwell, unknown, or not_judged where it never was"),
    filter("target", Kind::texts, "target", Filter::Op::any,
           "The table, as layer/domain/table, or dag or dag.task"),
};

constexpr QueryParam lake_alert_rows[] = {
    limit,
    offset,
    orders("alert_id monitor_id domain target severity state opened_at closed_at"),
    filter("state", Kind::texts, "state", Filter::Op::any, "open, acknowledged or closed"),
    filter("domain", Kind::texts, "domain"),
    filter("kind", Kind::texts, "kind"),
    filter("severity", Kind::texts, "severity", Filter::Op::any, "info, warning or critical"),
    filter("target", Kind::texts, "target"),
    filter("monitor_id", Kind::texts, "monitor_id"),
};

}  // namespace

constinit const QueryTable lake_list_params = lake_list_rows;
constinit const QueryTable lake_lineage_params = lake_lineage_rows;
constinit const QueryTable lake_rows_params = lake_rows_rows;
constinit const QueryTable lake_monitor_params = lake_monitor_rows;
constinit const QueryTable lake_alert_params = lake_alert_rows;

}  // namespace batuta::http
