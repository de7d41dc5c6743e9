// What lake_sql says one version of a table has otherwise than another.
#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/table.h"
#include "plugins/lake/session.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using nlohmann::json;

namespace {

using Columns = std::vector<std::pair<std::string, std::string>>;
const Columns deal_columns = {
    {"id", "integer"}, {"amount", "integer"}, {"note", "string"}, {"_run", "string"}};

// Of ten rows each; version 1 takes out the second file and puts one in its place.
class Deals {
 public:
  lakelog::TempLake lake;
  int returned = 0;

  Deals() {
    engine_ = std::make_unique<lake::Session>(lake::engine_in(scratch()));
    std::filesystem::create_directories(lake.path() + "/" + table + "/_delta_log");
    std::filesystem::create_directories(scratch());
    const json same = file("a",
                           "SELECT CAST(i AS INTEGER) AS id, 1 AS amount, 'SAME' AS note, "
                           "'r0' AS _run FROM range(10) t(i)");
    const json before = file("b",
                             "SELECT CAST(i AS INTEGER) AS id, 2 AS amount, 'before' AS note, "
                             "'r0' AS _run FROM range(10, 20) t(i)");
    commit(0, {protocol(), metadata(deal_columns), same, before});
  }
  // Of 10 to 19 without the 10, with another amount for the 11, and with a 20.
  void write_second() {
    commit(1, {removed("b"), file("c",
                                  "SELECT CAST(i AS INTEGER) AS id, CASE WHEN i = 11 THEN 3 "
                                  "ELSE 2 END AS amount, 'before' AS note, 'r1' AS _run FROM "
                                  "range(11, 21) t(i)")});
  }
  json ask(json parameters) {
    parameters.update({{"operation", "diff"}, {"table", table}, {"return_errors", true}});
    FakeHost host;
    host.context = {{"execution_id", "x"}, {"lake", lake.path()}, {"scratch", scratch()}};
    host.parameters = std::move(parameters);
    returned = host.run("lake_sql");
    return returned == 0 ? json::parse(host.result) : json({{"failure", host.failure}});
  }
  json diff(json parameters = json::object()) {
    json answer = ask(std::move(parameters));
    INFO(answer.dump());
    REQUIRE(answer.contains("diff"));
    return answer["diff"];
  }
  std::string refusal(json parameters) {
    const json answer = ask(std::move(parameters));
    INFO(answer.dump());
    REQUIRE(answer.contains("error"));
    return answer["error"]["text"];
  }

  static json protocol() {
    return {{"protocol", {{"minReaderVersion", 1}, {"minWriterVersion", 2}}}};
  }
  static json metadata(const Columns& columns) {
    json fields = json::array();
    for (const auto& [column, type] : columns)
      fields.push_back(
          {{"name", column}, {"type", type}, {"nullable", true}, {"metadata", json::object()}});
    return {{"metaData",
             {{"id", "0198"},
              {"format", {{"provider", "parquet"}, {"options", json::object()}}},
              {"schemaString", json{{"type", "struct"}, {"fields", fields}}.dump()},
              {"partitionColumns", json::array()},
              {"configuration", json::object()}}}};
  }
  json file(const std::string& name, const std::string& rows) {
    const std::string path = lake.path() + "/" + table + "/" + name + ".parquet";
    engine_->run("COPY (" + rows + ") TO $1 (FORMAT parquet)", {path});
    return {{"add",
             {{"path", name + ".parquet"},
              {"partitionValues", json::object()},
              {"size", std::filesystem::file_size(path)},
              {"modificationTime", 1},
              {"dataChange", true},
              {"stats", json{{"numRecords", 10}}.dump()}}}};
  }
  static json removed(const std::string& name) {
    return {
        {"remove", {{"path", name + ".parquet"}, {"dataChange", true}, {"deletionTimestamp", 1}}}};
  }
  void commit(std::int64_t version, const std::vector<json>& actions) {
    std::string text;
    for (const json& action : actions) text += action.dump() + "\n";
    REQUIRE(lake.storage()->put(table + "/_delta_log/" + lakelog::commit_file_name(version), text));
  }
  std::string scratch() const { return lake.path() + "/_scratch"; }

  const std::string table = "silver/bank/deals";

 private:
  std::unique_ptr<lake::Session> engine_;  // that writes the files
};

}  // namespace

TEST_CASE(
    "diff: rows are told apart by a key, and the files that both versions have are not read") {
  Deals deals;
  deals.write_second();
  // What is not read need not be there.
  std::filesystem::resize_file(deals.lake.path() + "/" + deals.table + "/a.parquet", 1);
  const json told = deals.diff({{"key", {"id"}}, {"key_is_asked", true}});
  CHECK(told["from"]["version"] == 0);
  CHECK(told["to"]["version"] == 1);
  CHECK(told["to"]["rows"] == 20);
  CHECK(told["files_added"] == 1);
  CHECK(told["files_removed"] == 1);
  CHECK(told["compared"] == json({"amount", "note"}));  // what the lake itself writes is not
  CHECK(told["added"] == 1);
  CHECK(told["removed"] == 1);
  CHECK(told["changed"] == 1);
  CHECK(told["unchanged"] == 18);
  CHECK(told["cut"] == false);
  REQUIRE(told["rows"].size() == 3);
  CHECK(told["rows"][0] == json{{"what", "removed"},
                                {"times", 1},
                                {"key", {{"id", 10}}},
                                {"values",
                                 {{"amount", {{"from", 2}, {"to", nullptr}}},
                                  {"note", {{"from", "before"}, {"to", nullptr}}}}}});
  CHECK(told["rows"][1] == json{{"what", "changed"},
                                {"times", 1},
                                {"key", {{"id", 11}}},
                                {"values", {{"amount", {{"from", 2}, {"to", 3}}}}}});
  CHECK(told["rows"][2]["what"] == "added");
  // A sample is bounded by rows and by bytes, and says so.
  const json one = deals.diff({{"key", {"id"}}, {"limit", 1}});
  CHECK(one["rows"].size() == 1);
  CHECK(one["cut"] == true);
  CHECK(one["changed"] == 1);
  CHECK(deals.diff({{"key", {"id"}}, {"bytes", 1200}})["cut"] == true);
}

TEST_CASE("diff: without a key whole rows are compared, each as often as it is there") {
  Deals deals;
  deals.commit(1, {Deals::removed("b"),
                   deals.file("c",
                              "SELECT CAST(1 AS INTEGER) AS id, 7 AS amount, 'twice' AS note, "
                              "'r1' AS _run FROM range(2) UNION ALL SELECT CAST(i AS "
                              "INTEGER), 2, 'before', 'r1' FROM range(10, 18) t(i)")});
  for (const json& key : {json::array(), json({"amount"})}) {
    CAPTURE(key.dump());
    const json told = deals.diff({{"key", key}});  // a contract's, which is none here
    CHECK(told["key"].empty());
    CHECK(told["added"] == 2);
    CHECK(told["removed"] == 2);
    CHECK(told["changed"] == 0);
    CHECK(told["unchanged"] == 18);
    REQUIRE(told["rows"].size() == 3);
    CHECK(told["rows"][0]["what"] == "added");
    CHECK(told["rows"][0]["times"] == 2);
    CHECK(told["rows"][0]["values"]["note"] == json{{"from", nullptr}, {"to", "twice"}});
    CHECK(told["rows"][2]["what"] == "removed");
  }
  CHECK(deals.refusal({{"key", {"amount"}}, {"key_is_asked", true}}).starts_with("key: "));
  CHECK(deals.refusal({{"key", {"none"}}, {"key_is_asked", true}}).starts_with("key: "));
}

TEST_CASE("diff: columns that came, went or have another type, and rows that lost one") {
  Deals deals;
  const Columns columns = {
      {"id", "long"}, {"amount", "string"}, {"place", "string"}, {"_run", "string"}};
  deals.commit(1, {Deals::metadata(columns), Deals::removed("b"),
                   deals.file("c",
                              "SELECT i AS id, '2' AS amount, 'x' AS place, 'r1' AS _run FROM "
                              "range(10, 20) t(i)")});
  const json told = deals.diff({{"key", {"id"}}});
  CHECK(told["columns_added"] == json({"place"}));
  CHECK(told["columns_removed"] == json({"note"}));
  CHECK(told["columns_changed"][1] ==
        json{{"column", "amount"}, {"from", "integer"}, {"to", "string"}});
  CHECK(told["changed"] == 0);  // 2 and '2' are alike as texts
  CHECK(told["unchanged"] == 20);
}

TEST_CASE("diff: what cannot be compared says why, and nothing is read for it") {
  Deals deals;
  CHECK(deals.refusal(json::object()).find("none before it") != std::string::npos);
  CHECK(deals.refusal({{"from_version", 0}, {"version", 9}}).find("version 9") !=
        std::string::npos);
  deals.write_second();
  const json told = deals.diff({{"key", {"id"}}, {"most_bytes", 10}});
  CHECK(told["added"].is_null());
  CHECK(told["bytes_compared"] == 0);
  CHECK(told["not_compared"].get<std::string>().find("at most 1 MiB are read") !=
        std::string::npos);
  const json same = deals.diff({{"from_version", 1}, {"version", 1}, {"key", {"id"}}});
  CHECK(same["added"] == 0);
  CHECK(same["unchanged"] == 20);
}

TEST_CASE("diff: a masked column is compared as it is shown, and no value of it is told") {
  Deals deals;
  deals.write_second();
  const json masks{{"contracts",
                    {{"bank/deals",
                      {{"masks", {{"amount", "redact"}, {"note", "hash"}}},
                       {"received", json::object()},
                       {"open", {"id", "_run"}}}}}},
                   {"unmasked", json::array()}};
  const json answer = deals.ask({{"key", {"id"}}, {"masks", masks}});
  INFO(answer.dump());
  CHECK(answer["tables"][0]["masked"] == json({"amount", "note"}));
  CHECK(answer["diff"]["added"] == 1);
  CHECK(answer["diff"]["changed"] == 0);  // the amount of the 11, which nobody here may see
  CHECK(answer.dump().find("before") == std::string::npos);
  // Who may see it is told of what was bare.
  json bare = masks;
  bare["unmasked"] = {"bank/silver"};
  const json seen = deals.ask({{"key", {"id"}}, {"masks", bare}});
  CHECK(seen["tables"][0]["unmasked"] == json({"amount", "note"}));
  CHECK(seen["diff"]["changed"] == 1);
}
