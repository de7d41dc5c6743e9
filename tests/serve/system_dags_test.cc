// The DAGs that the server brings along.
#include "scheduler/serve/system_dags.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/bag_state.h"
#include "scheduler/serve/job_config.h"
#include "scheduler/serve/monitor_notices.h"
#include "scheduler/serve/report_facts.h"
#include "scheduler/serve/settings.h"

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
  settings.lake_report = "off";
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

TEST_CASE(
    "what promotes branches of the lake is there once a branch was made, and runs by itself") {
  DagFolder folder;
  Settings settings;
  settings.lake_maintenance = settings.lake_monitors = settings.lake_report = "off";
  BagState bag(folder.path);
  bag.set_built_in(system_dags(settings, true));
  const auto update = bag.scan(Time{});
  REQUIRE(update.snapshot);
  for (const auto& error : update.snapshot->import_errors) FAIL(error.message);
  REQUIRE(update.changed.size() == 1);
  const Dag& dag = *update.changed[0];
  CHECK(dag.id == "lake_promotion");
  CHECK(dag.schedule_text.empty());
  CHECK(dag.tasks[0].plugin == "lake_promotion");
  CHECK(dag.tasks[0].is_data);
}

TEST_CASE("switched off there is none, and one that was there is told as gone") {
  DagFolder folder;
  Settings settings;
  BagState before(folder.path);
  before.set_built_in(system_dags(settings));
  const auto first = before.scan(Time{});
  settings.lake_maintenance = settings.lake_monitors = settings.lake_report = "off";
  CHECK(system_dags(settings).empty());
  BagState after(folder.path);
  after.set_known(first.changed);
  after.set_built_in(system_dags(settings));
  CHECK(after.scan(Time{}).gone == std::vector<std::string>{"lake_maintenance", "lake_report"});
}

TEST_CASE("the DAG that keeps runs as tables of the lake is read as a file is") {
  DagFolder folder;
  Settings settings;
  settings.lake_maintenance = settings.lake_monitors = "off";
  settings.lake_report = "@daily";
  BagState bag(folder.path);
  bag.set_built_in(system_dags(settings));
  const auto update = bag.scan(Time{});
  REQUIRE(update.snapshot);
  for (const auto& error : update.snapshot->import_errors) FAIL(error.message);
  REQUIRE(update.changed.size() == 1);
  CHECK(update.changed[0]->id == "lake_report");
  CHECK(update.changed[0]->schedule_text == "@daily");
  CHECK(update.changed[0]->tasks[0].plugin == report_plugin);
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

TEST_CASE(
    "who is to be told of alerts is told by a task of its own, when there is something to tell") {
  namespace fs = std::filesystem;
  DagFolder root;
  const std::string dags = root.path + "/dags", monitors = root.path + "/monitors";
  fs::create_directories(dags);
  fs::create_directories(monitors);
  std::ofstream(monitors + "/bank.json")
      << R"({"monitors": [{"name": "a", "kind": "quality", "table": "silver/bank/clients"}]})";
  Settings settings;
  settings.lake_maintenance = settings.lake_report = "off";
  settings.lake_monitor_notices =
      R"({"severity": "critical", "notifiers": [{"notifier": "slack", "connection": "chat"},)"
      R"( {"notifier": "mail", "connection": "smtp", "to": "ops@example.org", "every": "1h"}]})";
  REQUIRE(fits_monitor_notices(settings.lake_monitor_notices));
  BagState bag(dags);
  bag.set_built_in(system_dags(settings));
  const auto update = bag.scan(Time{std::chrono::hours(1)});
  REQUIRE(update.snapshot);
  for (const auto& error : update.snapshot->import_errors) FAIL(error.message);
  REQUIRE(update.changed.size() == 1);
  const Dag& dag = *update.changed[0];
  REQUIRE(dag.tasks.size() == 2);
  CHECK_FALSE(dag.tasks[0].has_templates);
  CHECK(dag.tasks[0].spec_json.find(R"("tell_from":"critical")") != std::string::npos);
  const Task& tell = dag.tasks[1];
  CHECK(tell.id == "tell");
  CHECK(tell.upstream.size() == 1);
  CHECK(tell.run_if_json.find("told_count") != std::string::npos);
  REQUIRE(tell.notifiers.size() == 2);
  for (const Notifier& notifier : tell.notifiers) {
    CHECK(notifier.on == AlertOn::success);
    CHECK(notifier.json.find("xcom_pull('evaluate').told }}") != std::string::npos);
  }
  CHECK(tell.notifiers[0].json.find("subject") == std::string::npos);
  CHECK(tell.notifiers[1].json.find("told_subject") != std::string::npos);
}

TEST_CASE("notices of monitors are refused where a task would refuse them") {
  for (
      const char* wrong :
      {"[]", R"({"severity": "warning"})", R"({"notifiers": []})", R"({"notifiers": 7})",
       R"({"notifiers": {"notifier": "slak", "connection": "chat"}})",
       R"({"notifiers": {"notifier": "slack"}})",
       R"({"severity": "grave", "notifiers": {"notifier": "slack", "connection": "chat"}})",
       R"({"notifier": {"notifier": "slack", "connection": "chat"}})",
       R"({"notifiers": {"notifier": "slack", "connection": "chat", "text": "{{ ds | nothing }}"}})",
       R"({"notifiers": {"notifier": "slack", "connection": "chat", "text": "{{ params.who }}"}})",
       R"({"notifiers": {"notifier": "slack", "connection": "chat",)"
       R"( "text": "{{ ti.xcom_pull('judge').told }}"}})"}) {
    CAPTURE(wrong);
    std::string text = wrong;
    CHECK_FALSE(fits_monitor_notices(text));
  }
  // Which template of which notifier it is.
  CHECK(why_monitor_notices_unfit(
            R"({"notifiers": [{"notifier": "slack", "connection": "chat"},)"
            R"( {"notifier": "slack", "connection": "chat", "text": "{{ ds | nothing }}"}]})")
            .starts_with("/notifiers/1/text: "));
  const std::string one = why_monitor_notices_unfit(
      R"({"notifiers": {"notifier": "slack", "connection": "chat", "text": "{{ params.who }}"}})");
  CHECK_MESSAGE(one.starts_with("/notifiers/text: the DAG declares no param \"who\""), one);
  const std::string far =
      why_monitor_notices_unfit(R"({"notifiers": [{"notifier": "slack", "connection": "chat",)"
                                R"( "text": "{{ ti.xcom_pull('judge').told }}"}]})");
  CHECK_MESSAGE(far.starts_with("/notifiers/0: xcom_pull names the unknown task \"judge\""), far);
  Settings settings;
  const auto& rows = settings_table();
  const auto row = std::find_if(rows.begin(), rows.end(), [](const Setting& setting) {
    return std::string_view(setting.name) == "lake.monitor_notices";
  });
  REQUIRE(row != rows.end());
  const Status refused = row->read(
      settings, *parse_untrusted(R"({"notifiers": [{"notifier": "slak", "connection": "c"}]})"));
  REQUIRE_FALSE(refused);
  CHECK_MESSAGE(refused.error().message.find(": /notifiers/0") != std::string::npos,
                refused.error().message);
  std::string none = " {} ";
  CHECK(fits_monitor_notices(none));
  CHECK(none == "{}");
  CHECK(monitor_notices_task(none).is_null());
}

TEST_CASE("the DAG that judges monitors is there while files of monitors are, and has them whole") {
  namespace fs = std::filesystem;
  DagFolder root;
  const std::string dags = root.path + "/dags", monitors = root.path + "/monitors";
  fs::create_directories(dags);
  Settings settings;
  settings.lake_maintenance = settings.lake_report = "off";
  settings.lake_monitors = "@hourly";
  BagState bag(dags);
  bag.set_built_in(system_dags(settings));
  const auto none = bag.scan(Time{});
  REQUIRE(none.snapshot);
  CHECK(none.snapshot->dags.empty());
  CHECK(std::find(none.outside.begin(), none.outside.end(), monitors) != none.outside.end());
  fs::create_directories(monitors);
  const auto write = [&](const std::string& name, const std::string& kind) {
    std::ofstream(monitors + "/" + name) << R"({"monitors": [{"name": "a", "kind": ")" << kind
                                         << R"(", "table": "silver/bank/clients"}]})";
  };
  write("bank.json", "quality");
  const auto first = bag.scan(Time{std::chrono::hours(1)});
  for (const auto& error : first.snapshot->import_errors) FAIL(error.message);
  REQUIRE(first.changed.size() == 1);
  const Dag& dag = *first.changed[0];
  CHECK(dag.id == "lake_monitors");
  CHECK(dag.schedule_text == "@hourly");
  CHECK(dag.tasks[0].plugin == "lake_monitors");
  CHECK_FALSE(dag.tasks[0].has_templates);
  CHECK(dag.tasks[0].spec_json.find(R"("bank":{"monitors":[{"kind":"quality")") !=
        std::string::npos);
  CHECK_FALSE(bag.scan(Time{std::chrono::hours(2)}).snapshot);
  // A file that is wrong is told, and what it was stays.
  write("bank.json", "qualty");
  const auto wrong = bag.scan(Time{std::chrono::hours(3)});
  REQUIRE(wrong.snapshot);
  CHECK(wrong.changed.empty());
  REQUIRE(wrong.snapshot->import_errors.size() == 1);
  CHECK(wrong.snapshot->import_errors[0].file == "monitors/bank.json");
  CHECK(wrong.snapshot->import_errors[0].message ==
        "monitors/bank.json /monitors/0/kind: \"qualty\" is unknown; did you mean \"quality\"?");
  write("bank.json", "schema");
  const auto mended = bag.scan(Time{std::chrono::hours(4)});
  CHECK(mended.snapshot->import_errors.empty());
  CHECK(mended.changed.size() == 1);
  fs::remove(monitors + "/bank.json");
  CHECK(bag.scan(Time{std::chrono::hours(5)}).gone == std::vector<std::string>{"lake_monitors"});
}
