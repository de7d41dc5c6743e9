// A throw-away lake folder and publications to fill it with.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "lakelog/publish.h"
#include "lakelog/snapshot.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

class TempLake {
 public:
  TempLake();
  ~TempLake();
  TempLake(const TempLake&) = delete;
  TempLake& operator=(const TempLake&) = delete;
  const std::string& path() const { return path_; }
  const std::shared_ptr<Storage>& storage() const { return storage_; }

 private:
  std::string path_;
  std::shared_ptr<Storage> storage_;
};

inline constexpr const char* test_table = "silver/demo/numbers";

// Writes a data file (its content does not matter to the log) and returns its `add`.
nlohmann::json data_file(const std::string& lake, const std::string& name,
                         const std::string& day = "2026-11-20", std::int64_t rows = 1,
                         const std::string& table = test_table);

// A file that was written, as a task hands it in; and columns, likewise.
nlohmann::json add_json(const AddFile& add);
nlohmann::json schema_json(const std::vector<Column>& columns);

nlohmann::json append_payload(std::vector<nlohmann::json> adds, std::int64_t read_version = -1);

// A merge that read the whole table, or those partitions of it.
nlohmann::json merge_payload(std::vector<nlohmann::json> removes, std::vector<nlohmann::json> adds,
                             std::int64_t read_version);
nlohmann::json merge_payload(std::vector<nlohmann::json> removes, std::vector<nlohmann::json> adds,
                             std::int64_t read_version, nlohmann::json read_partitions);

Publication publication(const TempLake& lake, const nlohmann::json& payload, std::int64_t number,
                        const std::string& app_id = "batuta/store-1");

LogFolder test_log(const TempLake& lake);
// The path of one of its files, such as "00000000000000000002.json".
std::string log_file(const TempLake& lake, const std::string& name);

}  // namespace batuta::lakelog
