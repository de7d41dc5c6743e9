// A throw-away lake folder and publications to fill it with.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/publish.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {

class TempLake {
 public:
  TempLake() {
    char name[] = "/tmp/batuta-lake-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempLake() { std::filesystem::remove_all(path_); }
  TempLake(const TempLake&) = delete;
  TempLake& operator=(const TempLake&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline constexpr const char* test_table = "silver/demo/numbers";

// Writes a data file (its content does not matter to the log) and returns its `add`.
inline nlohmann::json data_file(const std::string& lake, const std::string& name,
                                const std::string& day = "2026-11-20", std::int64_t rows = 1,
                                const std::string& table = test_table) {
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

inline nlohmann::json append_payload(std::vector<nlohmann::json> adds,
                                     std::int64_t read_version = -1) {
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

inline nlohmann::json merge_payload(std::vector<nlohmann::json> removes,
                                    std::vector<nlohmann::json> adds, std::int64_t read_version,
                                    nlohmann::json read_partitions = nullptr) {
  auto payload = append_payload(std::move(adds), read_version);
  payload["operation"] = "merge";
  payload["append"] = false;
  payload["remove"] = removes;
  payload["read_partitions"] = std::move(read_partitions);
  return payload;
}

inline Publication publication(const TempLake& lake, const nlohmann::json& payload,
                               std::int64_t number, const std::string& app_id = "batuta/store-1") {
  Publication out;
  out.lake = lake.path();
  out.payload_json = payload.dump();
  out.app_id = app_id;
  out.number = number;
  out.uuid = app_id + "#" + std::to_string(number);
  out.info_json = R"({"dag_id":"demo","execution_id":"0198"})";
  return out;
}

inline LogFolder test_log(const TempLake& lake) {
  return LogFolder(lake.path() + "/" + test_table);
}

}  // namespace batuta::lakelog
