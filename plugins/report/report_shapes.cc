#include "plugins/report/report_shapes.h"

#include <utility>

namespace batuta::lake {
namespace {

using lakelog::Column;

TableShape of_runs(const char* name, const char* description, std::vector<Column> own,
                   std::vector<std::string> keys) {
  std::vector<Column> columns = {
      {"run_uuid", "string", true}, {"dag_id", "string", true}, {"dag_run_id", "string", true}};
  columns.insert(columns.end(), own.begin(), own.end());
  columns.push_back({"created_on", "date", true});
  keys.insert(keys.begin(), "run_uuid");
  return {name, description, "created_on", std::move(columns), std::move(keys)};
}

// Behind the columns that say which run, those that say which try.
std::vector<Column> of_try(std::vector<Column> own) {
  own.insert(
      own.begin(),
      {{"task_id", "string", true}, {"map_index", "long", true}, {"try_number", "long", true}});
  return own;
}

}  // namespace

const std::vector<TableShape>& run_shapes() {
  static const std::vector<TableShape> shapes = {
      of_runs("mngt/platform/task_instance",
              "Tries of the tasks of runs that ended; is_newest is how the task ended",
              of_try({{"is_newest", "boolean", true},
                      {"state", "string", true},
                      {"queued_at", "timestamp", true},
                      {"start_date", "timestamp", true},
                      {"end_date", "timestamp", true},
                      {"duration_seconds", "double", true},
                      {"pool", "string", true},
                      {"hostname", "string", true},
                      {"exit_code", "long", true},
                      {"reason", "string", true}}),
              {"task_id", "map_index", "try_number"}),
      of_runs("mngt/platform/task_cost",
              "What each try that started took, and whose tables it writes",
              of_try({{"domain", "string", true},
                      {"tables", "string", true},
                      {"state", "string", true},
                      {"start_date", "timestamp", true},
                      {"busy_seconds", "double", true},
                      {"cpu_seconds", "double", true},
                      {"read_bytes", "long", true},
                      {"peak_rss_bytes", "long", true}}),
              {"task_id", "map_index", "try_number"}),
      of_runs("mngt/platform/dq_result", "What each try told of each rule of a table's quality",
              of_try({{"position", "long", true},
                      {"table_name", "string", true},
                      {"rule", "string", true},
                      {"dimension", "string", true},
                      {"severity", "string", true},
                      {"checked", "long", true},
                      {"failed", "long", true},
                      {"passed", "boolean", true}}),
              {"task_id", "map_index", "try_number", "position"}),
      of_runs("mngt/platform/lineage_edge",
              "Which table each try made of which, and of what version",
              of_try({{"position", "long", true},
                      {"from_table", "string", true},
                      {"from_version", "long", true},
                      {"to_table", "string", true}}),
              {"task_id", "map_index", "try_number", "position"}),
      of_runs(run_table_name, "Runs that ended, each as it ended last",
              {{"dag_version", "string", true},
               {"run_type", "string", true},
               {"state", "string", true},
               {"logical_date", "timestamp", true},
               {"data_interval_start", "timestamp", true},
               {"data_interval_end", "timestamp", true},
               {"run_after", "timestamp", true},
               {"queued_at", "timestamp", true},
               {"start_date", "timestamp", true},
               {"end_date", "timestamp", true},
               {"duration_seconds", "double", true},
               {"triggered_by", "string", true},
               {"triggering_user", "string", true},
               {"clear_number", "long", true},
               {"backfill_id", "long", true},
               {"branch", "string", true},
               {"partition_key", "string", true},
               {"reason", "string", true}},
              {})};
  return shapes;
}

const TableShape& registry_shape() {
  static const TableShape shape = {registry_table_name,
                                   "Tables of the lake as they were, at the end of each day",
                                   "told_on",
                                   {{"table_name", "string", true},
                                    {"layer", "string", true},
                                    {"domain", "string", true},
                                    {"description", "string", true},
                                    {"version", "long", true},
                                    {"rows", "long", true},
                                    {"bytes", "long", true},
                                    {"files", "long", true},
                                    {"partitions", "long", true},
                                    {"columns", "long", true},
                                    {"created_at", "timestamp", true},
                                    {"modified_at", "timestamp", true},
                                    {"problem", "string", true},
                                    {"told_at", "timestamp", true},
                                    {"told_on", "date", true}},
                                   {"table_name"}};
  return shape;
}

}  // namespace batuta::lake
