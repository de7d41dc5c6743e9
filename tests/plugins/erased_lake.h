// A lake of persons on the real engine, for tests of what is done about them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "lakelog/table.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/erase.h"
#include "plugins/lake/staged_write.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

namespace batuta::lake::erased {

using nlohmann::json;

inline const std::string people = "silver/demo/people";
inline const std::string in_raw = "/raw/demo/people/ingest_date=2026-11-20/run=x/";

inline const std::vector<lakelog::Column> silver_columns = {
    {"id", "long", true}, {"cpf", "string", true}, {"day", "date", true}};
inline const std::vector<lakelog::Column> bronze_text_columns = {
    {"id", "string", true}, {"cpf", "string", true}, {"_source_file", "string", true}};
inline const std::vector<lakelog::Column> letter_columns = {{"key", "string", true},
                                                            {"value", "string", true},
                                                            {"headers", "string", true},
                                                            {"encoding", "string", true}};

class ErasedLake {
 public:
  lakelog::TempLake lake;
  Session session;
  FakeHost host;
  std::int64_t number = 0;

  ErasedLake() : session(engine_in(lake.path())) {}

  // The rows of `select` as a version of its own.
  void append(const std::string& table, const std::vector<lakelog::Column>& columns,
              const std::string& select, const std::vector<std::string>& partitions = {});
  // Files that no version names yet, as an attempt stages them.
  std::vector<json> written(const std::string& table, const std::vector<lakelog::Column>& columns,
                            const std::string& select,
                            const std::vector<std::string>& partitions = {});
  Result<lakelog::Published> published(const std::string& table,
                                       const std::vector<lakelog::Column>& columns,
                                       const std::vector<std::string>& partitions, json payload);
  void publish(const std::string& table, const std::vector<lakelog::Column>& columns,
               const std::vector<std::string>& partitions, json payload);
  std::int64_t newest(const std::string& table);
  // Rows 1 to 6 of two days, version by version; the first version is merged away.
  void fill();
  std::set<std::string> files(const std::string& table);
  std::string ids(const std::string& table, std::int64_t version = lakelog::latest_version);
  // Whether any Parquet file below the table, of whatever version, has the row.
  bool holds(const std::string& table, const std::string& id);
  void raw(const std::string& name, const std::string& text);
  std::string raw(const std::string& name);
  // What lake_erase returns; the host tells the rest.
  int run(json parameters);
  // Its report; fails the test where it fails.
  json told(json parameters);
};

EraseOptions person(const std::string& column, const std::string& value);

json key(const std::string& column, const std::string& value);

// Whether the report says that it did not reach such a thing, for such a reason.
bool misses(const json& report, const std::string& what, const std::string& why);

}  // namespace batuta::lake::erased
