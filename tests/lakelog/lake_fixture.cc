#include "tests/lakelog/lake_fixture.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace batuta::lakelog {

TempLake::TempLake() {
  char name[] = "/tmp/batuta-lake-XXXXXX";
  path_ = ::mkdtemp(name);
  storage_ = *open_storage(path_);
}
TempLake::~TempLake() {
  std::filesystem::remove_all(path_);
}

nlohmann::json data_file(const std::string& lake, const std::string& name, const std::string& day,
                         std::int64_t rows, const std::string& table) {
  const std::string path = "day=" + day + "/" + name;
  const auto file = std::filesystem::path(lake) / table / path;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << "data of " << name;
  return {{"path", path},
          {"size", std::filesystem::file_size(file)},
          {"modification_time", 1'700'000'000'000},
          {"partition_values", {{"day", day}}},
          {"stats", {{"numRecords", rows}}}};
}

nlohmann::json add_json(const AddFile& add) {
  auto values = nlohmann::json::object();
  for (const auto& [name, value] : add.partition_values)
    values[name] = value ? nlohmann::json(*value) : nlohmann::json();
  return {{"path", add.path},
          {"size", add.size},
          {"modification_time", add.modification_ms},
          {"partition_values", values},
          {"stats", nlohmann::json::parse(add.stats_json)}};
}

nlohmann::json schema_json(const std::vector<Column>& columns) {
  auto out = nlohmann::json::array();
  for (const auto& column : columns)
    out.push_back({{"name", column.name}, {"type", column.type}, {"nullable", column.nullable}});
  return out;
}

nlohmann::json append_payload(std::vector<nlohmann::json> adds, std::int64_t read_version) {
  return {{"table", test_table},
          {"operation", "append"},
          {"append", true},
          {"read_version", read_version},
          {"schema",
           {{{"name", "n"}, {"type", "long"}, {"nullable", true}},
            {{"name", "day"}, {"type", "date"}, {"nullable", true}}}},
          {"partition_columns", {"day"}},
          {"add", adds}};
}

nlohmann::json merge_payload(std::vector<nlohmann::json> removes, std::vector<nlohmann::json> adds,
                             std::int64_t read_version, nlohmann::json read_partitions) {
  auto payload = append_payload(std::move(adds), read_version);
  payload["operation"] = "merge";
  payload["append"] = false;
  payload["remove"] = removes;
  payload["read_partitions"] = std::move(read_partitions);
  return payload;
}

nlohmann::json merge_payload(std::vector<nlohmann::json> removes, std::vector<nlohmann::json> adds,
                             std::int64_t read_version) {
  return merge_payload(std::move(removes), std::move(adds), read_version, nullptr);
}

Publication publication(const TempLake& lake, const nlohmann::json& payload, std::int64_t number,
                        const std::string& app_id) {
  Publication out;
  out.storage = lake.storage().get();
  out.payload_json = payload.dump();
  out.app_id = app_id;
  out.number = number;
  out.uuid = app_id + "#" + std::to_string(number);
  out.info_json = R"({"dag_id":"demo","execution_id":"0198"})";
  return out;
}

LogFolder test_log(const TempLake& lake) {
  return LogFolder(*lake.storage(), test_table);
}

std::string log_file(const TempLake& lake, const std::string& name) {
  return lake.path() + "/" + test_table + "/_delta_log/" + name;
}

}  // namespace batuta::lakelog
