#include "scheduler/api/lake_cost_reads.h"

#include "scheduler/store/history.h"

namespace batuta::http {
namespace {

constexpr std::int64_t versions_of_a_cost = 1000;  // of a table, the newest: they name its tasks
constexpr std::int64_t tries_a_page = 200;         // an instance brings its contract with it

}  // namespace

void add_table_cost(LakeCatalogue& lake, const LakeName& name, DomainCost& cost) {
  cost.add_table(name, lake.summary(name));
  const auto versions = lake.versions(name, {versions_of_a_cost, 0});
  if (versions) {
    cost.add_versions(versions->rows,
                      versions->total <= static_cast<std::int64_t>(versions->rows.size()));
  } else {
    cost.add_versions({}, false);  // its size then is not known; the table is named as unknown
  }
}

bool add_tries_of(History& history, const std::string& dag, const std::string& task, Time since,
                  std::int64_t& left, DomainCost& cost) {
  TaskQuery query;
  query.dag_id = dag;
  query.filters = {{"task_id", Filter::Op::any, {task}},
                   {"start_date", Filter::Op::gte, {since.time_since_epoch().count()}}};
  query.order_by = {"-id"};
  query.page.limit = tries_a_page;
  for (;;) {
    const auto page = history.task_instances(query);
    for (const TaskInstanceView& one : page.rows) {
      if (left-- <= 0) return false;
      if (one.row.try_number <= 1) {
        cost.add_try(one);
        continue;
      }
      for (const TaskInstanceView& each :
           history.tries({one.dag_id, one.dag_run_id, one.task_id, one.row.map_index}))
        cost.add_try(each);
    }
    if (static_cast<std::int64_t>(page.rows.size()) < tries_a_page) return true;
    query.page.offset += tries_a_page;
  }
}

}  // namespace batuta::http
