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

}  // namespace

constinit const QueryTable lake_list_params = lake_list_rows;
constinit const QueryTable lake_lineage_params = lake_lineage_rows;
constinit const QueryTable lake_rows_params = lake_rows_rows;

}  // namespace batuta::http
