// Which tasks may run on a branch of the lake.
#include <doctest/doctest.h>

#include "scheduler/dagfile/run_branch.h"

using namespace batuta;

namespace {

Dag dag_of(const std::vector<std::string>& plugins) {
  Dag dag;
  for (const std::string& plugin : plugins) {
    Task task;
    task.id = "t" + std::to_string(dag.tasks.size());
    task.plugin = plugin;
    dag.tasks.push_back(std::move(task));
  }
  return dag;
}

}  // namespace

TEST_CASE("on a branch run layers of contracts, models, and what only decides or waits") {
  CHECK(check_branch_tasks(dag_of({"contract_bronze", "contract_silver", "sql_model", "branch",
                                   "short_circuit", "sensor", "approval", "input", "empty"}),
                           {}));
  for (const char* plugin : {"shell", "python", "container", "http", "sql", "mail", "slack",
                             "trigger_dag", "postgres_publish", "lake_maintenance", "my_plugin"}) {
    CAPTURE(plugin);
    const Status refused = check_branch_tasks(dag_of({"sql_model", plugin}), {});
    REQUIRE(!refused.ok());
    CHECK(refused.error().where == "/branch");
    CHECK(refused.error().message.starts_with("t1 (" + std::string(plugin) + ") writes elsewhere"));
    CHECK_FALSE(check_branch_task(dag_of({plugin}).tasks[0]).ok());
  }
}

TEST_CASE("of a DAG the tasks count that are to run, and of many the first are named") {
  CHECK(check_branch_tasks(dag_of({"sql_model", "shell"}), {"t0"}));
  CHECK_FALSE(check_branch_tasks(dag_of({"sql_model", "shell"}), {"t0", "t1"}).ok());
  const Status many = check_branch_tasks(dag_of(std::vector<std::string>(7, "http")), {});
  REQUIRE(!many.ok());
  CHECK(many.error().message.find("t4 (http) and 2 others write elsewhere") != std::string::npos);
}
