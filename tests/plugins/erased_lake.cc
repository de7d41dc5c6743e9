#include "tests/plugins/erased_lake.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/staged_write.h"

namespace batuta::lake::erased {

void ErasedLake::append(const std::string& table, const std::vector<lakelog::Column>& columns,
                        const std::string& select, const std::vector<std::string>& partitions) {
  publish(table, columns, partitions,
          lakelog::append_payload(written(table, columns, select, partitions), newest(table)));
}

std::vector<json> ErasedLake::written(const std::string& table,
                                      const std::vector<lakelog::Column>& columns,
                                      const std::string& select,
                                      const std::vector<std::string>& partitions) {
  const StagedWrite write{lake.storage(), table, columns, partitions, select, {}, {}};
  std::vector<json> adds;
  for (const auto& add : write_files(session, write)) adds.push_back(lakelog::add_json(add));
  return adds;
}

Result<lakelog::Published> ErasedLake::published(const std::string& table,
                                                 const std::vector<lakelog::Column>& columns,
                                                 const std::vector<std::string>& partitions,
                                                 json payload) {
  payload["table"] = table;
  payload["schema"] = lakelog::schema_json(columns);
  payload["partition_columns"] = partitions;
  return lakelog::publish(lakelog::publication(lake, payload, ++number));
}

void ErasedLake::publish(const std::string& table, const std::vector<lakelog::Column>& columns,
                         const std::vector<std::string>& partitions, json payload) {
  const auto done = published(table, columns, partitions, std::move(payload));
  if (!done.ok()) FAIL(done.error().message);
}

std::int64_t ErasedLake::newest(const std::string& table) {
  const auto listing = lakelog::LogFolder(*lake.storage(), table).list();
  REQUIRE(listing.ok());
  return lakelog::newest_version(*listing);
}

void ErasedLake::fill() {
  append(people, silver_columns,
         "SELECT i::BIGINT AS id, 'c' || i AS cpf, DATE '2026-11-20' AS day FROM range(1, 4) "
         "t(i)",
         {"day"});
  append(people, silver_columns,
         "SELECT i::BIGINT AS id, 'c' || i AS cpf, DATE '2026-11-21' AS day FROM range(4, 7) "
         "t(i)",
         {"day"});
  const auto table = DeltaTable::open(session, lake.path(), people);
  const auto& old = table.snapshot().files.begin()->second;
  json values = json::object();
  for (const auto& [name, value] : old.partition_values) values[name] = *value;
  auto adds = written(people, silver_columns,
                      "SELECT i::BIGINT AS id, 'c' || i AS cpf, DATE '2026-11-20' AS day FROM "
                      "range(1, 4) t(i)",
                      {"day"});
  publish(people, silver_columns, {"day"},
          lakelog::merge_payload(
              {{{"path", old.path}, {"partition_values", values}, {"size", old.size}}}, adds,
              table.version()));
}

std::set<std::string> ErasedLake::files(const std::string& table) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(lake.path() + "/" + table))
    if (entry.path().extension() == ".parquet") out.insert(entry.path().string());
  return out;
}

std::string ErasedLake::ids(const std::string& table, std::int64_t version) {
  create_view(session, "all_people", DeltaTable::open(session, lake.path(), table, version));
  return session
      .value(
          "SELECT coalesce(string_agg(CAST(id AS VARCHAR), ' ' ORDER BY CAST(id AS BIGINT)), "
          "'') FROM all_people")
      .text();
}

bool ErasedLake::holds(const std::string& table, const std::string& id) {
  for (const std::string& file : files(table))
    if (session
            .value("SELECT count(*) FROM read_parquet($1) WHERE CAST(id AS VARCHAR) = $2",
                   {file, id})
            .integer() > 0)
      return true;
  return false;
}

void ErasedLake::raw(const std::string& name, const std::string& text) {
  const std::string path = lake.path() + in_raw + name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string ErasedLake::raw(const std::string& name) {
  std::ifstream in(lake.path() + in_raw + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int ErasedLake::run(json parameters) {
  const std::string scratch = lake.path() + "/_scratch";
  std::filesystem::create_directories(scratch);
  host.context = {{"execution_id", "x"}, {"lake", lake.path()}, {"scratch", scratch}};
  json all = {{"operation", "op-1"}, {"subject", "ticket-7"}};
  all.update(parameters);
  host.parameters = std::move(all);
  host.failure.clear();
  return host.run("lake_erase");
}

json ErasedLake::told(json parameters) {
  const int rc = run(std::move(parameters));
  INFO(host.failure);
  REQUIRE(rc == 0);
  return json::parse(host.result);
}

EraseOptions person(const std::string& column, const std::string& value) {
  EraseOptions options;
  options.keys = {{column, {column}, {value}}};
  options.apply = true;
  options.operation = "op-1";
  return options;
}

json key(const std::string& column, const std::string& value) {
  return json::array({{{"column", column}, {"value", value}}});
}

bool misses(const json& report, const std::string& what, const std::string& why) {
  for (const json& one : report["not_reached"])
    if (one["what"].get<std::string>().find(what) != std::string::npos &&
        one["why"].get<std::string>().find(why) != std::string::npos)
      return true;
  return false;
}

}  // namespace batuta::lake::erased
