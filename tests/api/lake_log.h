// A Delta log by hand, for tests of the lake's routes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "lakelog/log_folder.h"

namespace batuta::http {

// Version `version` of the table in <home>/lake, as `text` says.
inline void write_lake_version(const std::string& home, const std::string& table,
                               std::int64_t version, const std::string& text) {
  const std::filesystem::path log = home + "/lake/" + table + "/_delta_log";
  std::filesystem::create_directories(log);
  std::ofstream(log / lakelog::commit_file_name(version)) << text;
}

// The first version of a table of which only the version counts.
inline std::string empty_lake_table() {
  return R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2}})"
         "\n"
         R"({"metaData":{"id":"t","format":{"provider":"parquet","options":{}},)"
         R"("schemaString":"{\"type\":\"struct\",\"fields\":[]}",)"
         R"("partitionColumns":[],"configuration":{},"createdTime":1700000000000}})"
         "\n";
}

// gold/sales/orders: one version, one file of three rows.
inline void write_orders(const std::string& home) {
  write_lake_version(home, "gold/sales/orders", 0,
                     R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2}})"
                     "\n"
                     R"({"metaData":{"id":"t1","format":{"provider":"parquet","options":{}},)"
                     R"("schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",)"
                     R"(\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}",)"
                     R"("partitionColumns":[],"configuration":{},"createdTime":1700000000000}})"
                     "\n"
                     R"({"add":{"path":"a.parquet","partitionValues":{},"size":100,)"
                     R"("modificationTime":1700000000000,"dataChange":true,)"
                     R"("stats":"{\"numRecords\":3}"}})"
                     "\n");
}

}  // namespace batuta::http
