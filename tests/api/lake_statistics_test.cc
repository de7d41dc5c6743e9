// What the columns of a table held, in any of its versions.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

std::string file_line(const std::string& path, const json& day, const json& stats) {
  const json add{{"path", path},       {"partitionValues", {{"day", day}}},
                 {"size", 100},        {"modificationTime", 1'700'000'000'000},
                 {"dataChange", true}, {"stats", stats.is_null() ? "" : stats.dump()}};
  return json{{"add", add}}.dump() + "\n";
}

json stats_of(std::int64_t rows, const json& nulls, const json& low, const json& high) {
  return {{"numRecords", rows}, {"nullCount", nulls}, {"minValues", low}, {"maxValues", high}};
}

struct Statistics : TestApi {
  Statistics() {
    std::string columns;
    for (const auto& [name, type] : {std::pair{"id", "long"}, {"name", "string"}, {"day", "date"}})
      columns +=
          (columns.empty() ? "" : ",") +
          json{{"name", name}, {"type", type}, {"nullable", true}, {"metadata", json::object()}}
              .dump();
    const json metadata{{"id", "t1"},
                        {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                        {"schemaString", R"({"type":"struct","fields":[)" + columns + "]}"},
                        {"partitionColumns", json::array({"day"})},
                        {"configuration", json::object()},
                        {"createdTime", 1'700'000'000'000}};
    write(0, R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2}})"
             "\n" +
                 json{{"metaData", metadata}}.dump() + "\n" +
                 file_line("a.parquet", "2026-11-20",
                           stats_of(3, {{"id", 0}, {"name", 1}}, {{"id", 9}, {"name", "bia"}},
                                    {{"id", 10}, {"name", "rui"}})));
  }
  void write(std::int64_t version, const std::string& text) {
    write_lake_version(home, "gold/sales/people", version, text);
  }
  json told(const std::string& query = "") {
    return body_of(call(Method::get, "/api/lake/tables/gold/sales/people/statistics" + query));
  }
};

std::string shown(const json& column) {
  return column["name"].get<std::string>() + " " + column["nulls"].dump() + " " +
         column["min"].dump() + " " + column["max"].dump();
}

}  // namespace

TEST_CASE_FIXTURE(Statistics, "statistics of columns are those of the version that is asked for") {
  // Numbers are compared as such, and a file in which a column is all NULL says nothing of its
  // bounds.
  write(1, file_line("b.parquet", nullptr,
                     stats_of(2, {{"id", 0}, {"name", 2}}, {{"id", 100}}, {{"id", 200}})));
  const json now = told();
  CHECK(now["version"] == 1);
  CHECK(now["rows"] == 5);
  CHECK(now["files"] == 2);
  CHECK(now["bytes"] == 200);
  CHECK(shown(now["columns"][0]) == R"(id 0 "9" "200")");
  CHECK(shown(now["columns"][1]) == R"(name 3 "bia" "rui")");
  CHECK(shown(now["columns"][2]) == R"(day 2 "2026-11-20" "2026-11-20")");
  const json then = told("?version=0");
  CHECK(then["version"] == 0);
  CHECK(shown(then["columns"][0]) == R"(id 0 "9" "10")");
  CHECK(status(Method::get, "/api/lake/tables/gold/sales/people/statistics?version=7") == 404);
}

TEST_CASE_FIXTURE(Statistics, "statistics: what one file does not tell is not known of the table") {
  write(1, file_line("b.parquet", "2026-11-21", nullptr));
  const json without = told();
  CHECK(without["rows"].is_null());
  CHECK(shown(without["columns"][0]) == "id null null null");
  CHECK(shown(without["columns"][2]) == R"(day 0 "2026-11-20" "2026-11-21")");
}

}  // namespace batuta::http
