#include "tests/plugins/models_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lakelog/branch.h"
#include "lakelog/log_folder.h"
#include "lakelog/publish.h"
#include "plugins/lake/delta_table.h"
#include "tests/plugins/table_rows.h"

namespace batuta {

using nlohmann::json;

const FakeHost& Models::attempt(const std::string& execution, json task) {
  host = std::make_unique<FakeHost>();
  const std::string scratch = lake.path() + "/_scratch";
  std::filesystem::create_directories(scratch);
  host->context = {{"execution_id", execution}, {"dag_id", "d"},      {"run_id", "r"},
                   {"task_id", "model"},        {"try_number", 1},    {"fence", 1},
                   {"lake", lake.path()},       {"scratch", scratch}, {"upstream", json::object()}};
  host->context["map_index"] = map_index;
  if (!branch.empty()) host->context["lake_branch"] = branch;
  host->engine_threads = engine_threads;
  host->parameters = std::move(task);
  returned = host->run(plugin);
  return *host;
}

void Models::publish() {
  const auto storage =
      branch.empty() ? lake.storage() : lakelog::branch_storage(lake.storage(), branch);
  for (const std::string& output : host->outputs) {
    outputs.push_back(output);
    lakelog::Publication publication;
    publication.storage = storage.get();
    publication.payload_json = output;
    publication.app_id = "batuta/test";
    publication.number = ++publications_;
    publication.uuid = "publication-" + std::to_string(publications_);
    publication.info_json = json{{"execution_id", host->context["execution_id"]}}.dump();
    const auto published = lakelog::publish(publication);
    if (!published.ok()) FAIL(published.error().message);
  }
}

json Models::run(const std::string& execution, json task) {
  attempt(execution, std::move(task));
  INFO(host->failure);
  REQUIRE(returned == 0);
  publish();
  return json::parse(host->result);
}

std::string Models::refusal(json task) {
  attempt("run-refused", std::move(task));
  CHECK(returned != 0);
  CHECK(host->failure_kind == BATUTA_FAIL_FINAL);
  CHECK(host->outputs.empty());
  return host->failure;
}

void Models::put(const std::string& table, const std::string& select,
                 const std::vector<std::string>& partition_by) {
  run("load-" + std::to_string(++loads_),
      {{"sql", select}, {"table", table}, {"partition_by", partition_by}});
}

void Models::put_by(const std::string& execution, const std::string& table,
                    const std::string& select) {
  run(execution, {{"sql", select}, {"table", table}});
}

void Models::maintain(const std::string& table) const {
  const lakelog::LogFolder log(*lake.storage(), table);
  const std::int64_t newest = version(table);
  auto optimized = *lakelog::parse_commit(*log.read(newest));
  optimized.protocol.reset();
  optimized.metadata.reset();
  optimized.removes.clear();
  optimized.txns.clear();
  optimized.info_json = R"({"operation":"OPTIMIZE"})";
  for (lakelog::AddFile& file : optimized.adds) file.data_change = false;
  REQUIRE(log.put_if_absent(newest + 1, lakelog::serialise(optimized)).ok());
  lakelog::Commit vacuumed;
  vacuumed.info_json = R"({"operation":"VACUUM END"})";
  REQUIRE(log.put_if_absent(newest + 2, lakelog::serialise(vacuumed)).ok());
}

void Models::erase(const std::string& table) const {
  const lakelog::LogFolder log(*lake.storage(), table);
  const std::int64_t newest = version(table);
  auto erased = *lakelog::parse_commit(*log.read(newest));
  erased.protocol.reset();
  erased.metadata.reset();
  erased.removes.clear();
  erased.txns.clear();
  erased.info_json = R"({"operation":"ERASE"})";
  for (lakelog::AddFile& file : erased.adds) file.data_change = false;
  REQUIRE(log.put_if_absent(newest + 1, lakelog::serialise(erased)).ok());
}

std::int64_t Models::version(const std::string& table) const {
  return lake::DeltaTable::open(stores::Lake(lake.path()).on_branch(branch), table).version();
}

std::vector<std::string> Models::rows(const std::string& table, const std::string& sql) {
  return table_rows(stores::Lake(lake.path()).on_branch(branch), table, sql);
}

bool Models::said(const std::string& words) const {
  return std::any_of(host->lines.begin(), host->lines.end(), [&](const std::string& line) {
    return line.find(words) != std::string::npos;
  });
}

}  // namespace batuta
