// The DAGs that the server brings along.
#include "scheduler/serve/system_dags.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "scheduler/dagfile/bag_state.h"
#include "scheduler/serve/job_config.h"

using namespace batuta;

namespace {

struct DagFolder {
  std::string path;
  DagFolder() {
    char name[] = "/tmp/batuta-system-dags-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~DagFolder() { std::filesystem::remove_all(path); }
  DagFolder(const DagFolder&) = delete;
  DagFolder& operator=(const DagFolder&) = delete;
};

}  // namespace

TEST_CASE("the DAG that looks after tables is read as a file is, whatever its settings") {
  DagFolder folder;
  Settings settings;
  settings.lake_maintenance = "@weekly";
  settings.lake_maintenance_budget = std::chrono::minutes(5);
  settings.lake_maintenance_small_files = 7;
  BagState bag(folder.path);
  bag.set_built_in(system_dags(settings));
  const auto update = bag.scan(Time{});
  REQUIRE(update.snapshot);
  for (const auto& error : update.snapshot->import_errors) FAIL(error.message);
  REQUIRE(update.changed.size() == 1);
  const Dag& dag = *update.changed[0];
  CHECK(dag.id == "lake_maintenance");
  CHECK(dag.schedule_text == "@weekly");
  CHECK(dag.file.starts_with(built_in_prefix));
  REQUIRE(dag.tasks.size() == 1);
  CHECK(dag.tasks[0].plugin == "lake_maintenance");
  CHECK(dag.tasks[0].spec_json.find("\"small_files\":7") != std::string::npos);
  CHECK(dag.tasks[0].spec_json.find("\"budget\":\"300s\"") != std::string::npos);
  // It ingests nothing: no row of mngt.ingestion_job_config.
  CHECK(job_configs_of(dag, "lake", Time{}).empty());
  // It stays when the folder is looked at again, and a file takes nothing from it.
  std::ofstream(folder.path + "/mine.json")
      << R"({"dag_id":"lake_maintenance","tasks":[{"task_id":"a","type":"empty"}]})";
  const auto next = bag.scan(Time{std::chrono::hours(1)});
  REQUIRE(next.snapshot);
  CHECK(next.changed.empty());
  CHECK(next.gone.empty());
  REQUIRE(next.snapshot->import_errors.size() == 1);
  CHECK(next.snapshot->import_errors[0].file == "mine.json");
}

TEST_CASE("switched off there is none, and one that was there is told as gone") {
  DagFolder folder;
  Settings settings;
  BagState before(folder.path);
  before.set_built_in(system_dags(settings));
  const auto first = before.scan(Time{});
  settings.lake_maintenance = "off";
  CHECK(system_dags(settings).empty());
  BagState after(folder.path);
  after.set_known(first.changed);
  after.set_built_in(system_dags(settings));
  CHECK(after.scan(Time{}).gone == std::vector<std::string>{"lake_maintenance"});
}

TEST_CASE("a schedule that is none is an import error that names it") {
  DagFolder folder;
  Settings settings;
  settings.lake_maintenance = "every full moon";
  BagState bag(folder.path);
  bag.set_built_in(system_dags(settings));
  const auto update = bag.scan(Time{std::chrono::hours(1)});
  REQUIRE(update.snapshot->import_errors.size() == 1);
  CHECK(update.snapshot->import_errors[0].message.find("/schedule") != std::string::npos);
}
