// Query parameters of Airflow's operations on assets, and of those that have no subject here:
// checked, and nothing passes.
#include "scheduler/api/query_rows.h"

namespace batuta::http {
namespace {

using namespace query_rows;
using Kind = ParamKind;

constexpr QueryParam asset_list_rows[] = {
    limit,
    offset,
    orders("id name uri group created_at updated_at"),
    pattern("name_pattern", "name"),
    prefix("name_prefix_pattern", "name"),
    pattern("uri_pattern", "uri"),
    prefix("uri_prefix_pattern", "uri"),
    own("dag_ids", Kind::texts, "Only assets that one of these DAGs names"),
    own("only_active", Kind::flag, "Only assets that a DAG names, and tables; true unless given"),
};
constexpr QueryParam alias_list_rows[] = {limit, offset, orders("id name group"),
                                          pattern("name_pattern", "name"),
                                          prefix("name_prefix_pattern", "name")};
constexpr QueryParam asset_event_rows[] = {
    limit,
    offset,
    orders("id asset_id source_task_id source_dag_id source_run_id source_map_index timestamp"),
    filter("asset_id", Kind::integer, "asset_id"),
    filter("source_dag_id", Kind::text, "source_dag_id"),
    filter("source_task_id", Kind::text, "source_task_id"),
    filter("source_run_id", Kind::text, "source_run_id"),
    filter("source_map_index", Kind::integer, "source_map_index"),
    own("alias", Kind::text, "Only of assets that this alias stands for"),
    pattern("name_pattern", "name"),
    prefix("name_prefix_pattern", "name"),
    times("timestamp"),
    filter("partition_key", Kind::text, "partition_key"),
};
constexpr QueryParam deadline_rows[] = {limit, offset, pattern("dag_id_pattern", "dag_id"),
                                        pattern("run_id_pattern", "run_id")};
constexpr QueryParam partition_rows[] = {
    own("from", Kind::text, "The least key"),
    own("to", Kind::text, "The greatest key"),
    own("group_by", Kind::text,
        "minute, hour, day, week, month, quarter or year: tells of each key the one it belongs to"),
    own("limit", Kind::integer, "Most keys, the greatest ones: 500 unless given, at most 2000"),
};
constexpr QueryParam queued_event_rows[] = {
    own("before", Kind::time, "Only what was queued before")};
constexpr QueryParam state_list_rows[] = {map_index, limit, offset};
constexpr QueryParam state_clear_rows[] = {map_index, own("all_map_indices", Kind::flag)};

}  // namespace

constinit const QueryTable asset_list_params = asset_list_rows;
constinit const QueryTable alias_list_params = alias_list_rows;
constinit const QueryTable asset_event_params = asset_event_rows;
constinit const QueryTable deadline_params = deadline_rows;
constinit const QueryTable partition_params = partition_rows;
constinit const QueryTable queued_event_params = queued_event_rows;
constinit const QueryTable state_list_params = state_list_rows;
constinit const QueryTable state_clear_params = state_clear_rows;

}  // namespace batuta::http
