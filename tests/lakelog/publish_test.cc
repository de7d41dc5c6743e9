#include "lakelog/publish.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lakelog/schema.h"
#include "lakelog/table.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;
using nlohmann::json;

namespace {

json first_file(const TempLake& lake) {
  return data_file(lake.path(), "a.parquet", "2026-11-20", 3);
}

Errc code_of(const Result<Published>& result) {
  return result ? Errc::ok : result.error().code;
}

}  // namespace

TEST_CASE("the first publication creates the table at version 0") {
  TempLake lake;
  auto payload = append_payload({first_file(lake)});
  payload["description"] = "numbers";
  payload["txn"] = {{{"app_id", "reader/bronze"}, {"version", 5}}};
  const auto published = publish(publication(lake, payload, 1));
  REQUIRE(published.ok());
  CHECK(published->version == 0);
  CHECK_FALSE(published->already_done);

  const auto snapshot = read_snapshot(test_log(lake));
  REQUIRE(snapshot.ok());
  CHECK(snapshot->version == 0);
  CHECK(snapshot->protocol.min_reader == 1);
  CHECK(snapshot->protocol.min_writer == 2);
  CHECK(snapshot->metadata.description == "numbers");
  CHECK(snapshot->metadata.partition_columns == std::vector<std::string>{"day"});
  CHECK(snapshot->files.count("day=2026-11-20/a.parquet") == 1);
  CHECK(snapshot->txns.at("reader/bronze").version == 5);
  CHECK(snapshot->txns.at("batuta/store-1").version == 1);
}

TEST_CASE("publishing twice leaves one entry and tells its version") {
  TempLake lake;
  const auto once = publication(lake, append_payload({first_file(lake)}), 1);
  REQUIRE(publish(once).ok());
  REQUIRE(publish(publication(lake, append_payload({data_file(lake.path(), "b")}, 0), 2)).ok());
  const auto again = publish(once);
  REQUIRE(again.ok());
  CHECK(again->already_done);
  CHECK(again->version == 0);
  CHECK(read_snapshot(test_log(lake))->version == 1);
}

TEST_CASE("a publication older than one in the log is a conflict, not a second entry") {
  TempLake lake;
  REQUIRE(publish(publication(lake, append_payload({first_file(lake)}), 4)).ok());
  const auto late = publish(publication(lake, append_payload({data_file(lake.path(), "b")}), 3));
  CHECK(code_of(late) == Errc::conflict);
  CHECK(read_snapshot(test_log(lake))->version == 0);
}

TEST_CASE("a merge replaces files and a merge over changed files is a conflict") {
  TempLake lake;
  const auto a = first_file(lake);
  REQUIRE(publish(publication(lake, append_payload({a}), 1)).ok());
  const json removal = {
      {"path", a["path"]}, {"partition_values", a["partition_values"]}, {"size", a["size"]}};
  const auto b = data_file(lake.path(), "b");
  REQUIRE(publish(publication(lake, merge_payload({removal}, {b}, 0), 2)).ok());
  const auto snapshot = read_snapshot(test_log(lake));
  CHECK(snapshot->files.size() == 1);
  CHECK(snapshot->files.count("day=2026-11-20/b") == 1);

  const auto stale = merge_payload({removal}, {data_file(lake.path(), "c")}, 0);
  CHECK(code_of(publish(publication(lake, stale, 3))) == Errc::conflict);
  CHECK(read_snapshot(test_log(lake))->version == 1);
}

TEST_CASE("a merge passes commits that touched only partitions it did not read") {
  TempLake lake;
  REQUIRE(publish(publication(lake, append_payload({first_file(lake)}), 1)).ok());
  const auto other = data_file(lake.path(), "o", "2026-11-21");
  REQUIRE(publish(publication(lake, append_payload({other}, 0), 2, "someone/else")).ok());

  const auto read_20 = json::array({{{"day", "2026-11-20"}}});
  const auto read_21 = json::array({{{"day", "2026-11-21"}}});
  const auto fresh = data_file(lake.path(), "n");
  CHECK(code_of(publish(publication(lake, merge_payload({}, {fresh}, 0, read_21), 3))) ==
        Errc::conflict);
  CHECK(code_of(publish(publication(lake, merge_payload({}, {fresh}, 0, nullptr), 3))) ==
        Errc::conflict);
  CHECK(publish(publication(lake, merge_payload({}, {fresh}, 0, read_20), 3)).ok());
}

TEST_CASE("two readers of one source cannot both move the same progress marker") {
  TempLake lake;
  REQUIRE(publish(publication(lake, append_payload({first_file(lake)}), 1)).ok());
  auto second = append_payload({data_file(lake.path(), "b")}, 0);
  second["txn"] = {{{"app_id", "reader/bronze"}, {"version", 1}}};
  REQUIRE(publish(publication(lake, second, 2)).ok());
  auto rival = append_payload({data_file(lake.path(), "c")}, 0);
  rival["txn"] = second["txn"];
  CHECK(code_of(publish(publication(lake, rival, 3))) == Errc::conflict);
}

TEST_CASE("another schema or partitioning is no conflict: no repeat could mend it") {
  TempLake lake;
  REQUIRE(publish(publication(lake, append_payload({first_file(lake)}), 1)).ok());
  auto wider = append_payload({data_file(lake.path(), "b")}, 0);
  wider["schema"][0]["type"] = "string";
  const auto refused = publish(publication(lake, wider, 2));
  CHECK(code_of(refused) == Errc::invalid);
  CHECK(refused.error().where == "schema");
}

TEST_CASE("a publication that may evolve adds nullable columns at the end, and no others") {
  TempLake lake;
  REQUIRE(publish(publication(lake, append_payload({first_file(lake)}), 1)).ok());
  const auto before = read_snapshot(test_log(lake))->metadata;
  auto wider = append_payload({data_file(lake.path(), "b")}, 0);
  wider["schema"].push_back({{"name", "note"}, {"type", "string"}, {"nullable", true}});
  CHECK(publish(publication(lake, wider, 2)).error().where == "schema");
  wider["evolve"] = true;
  auto strict = wider;
  strict["schema"].back()["nullable"] = false;
  CHECK(publish(publication(lake, strict, 2)).error().where == "schema");
  auto retyped = wider;
  retyped["schema"][0]["type"] = "double";
  CHECK(publish(publication(lake, retyped, 2)).error().where == "schema");
  REQUIRE(publish(publication(lake, wider, 2)).ok());
  const auto after = read_snapshot(test_log(lake))->metadata;
  CHECK(after.id == before.id);
  REQUIRE(after.columns.size() == before.columns.size() + 1);
  CHECK(after.columns.back() == Column{"note", "string", true});

  // Who prepared an append before that may still add rows, without the new column; who rewrites may
  // not, for its values would be lost.
  CHECK(publish(publication(lake, append_payload({data_file(lake.path(), "c")}, 0), 3)).ok());
  const auto blind_to_it =
      merge_payload({}, {data_file(lake.path(), "d")}, 2, json::array({{{"day", "2026-11-29"}}}));
  CHECK(publish(publication(lake, blind_to_it, 4)).error().where == "schema");
  CHECK(read_snapshot(test_log(lake))->metadata.columns.size() == after.columns.size());
}

TEST_CASE("what another writer says of the columns stays when a column is added") {
  Metadata metadata;
  metadata.columns = {{"n", "long", true}};
  metadata.extra_json =
      json{{"schemaString",
            R"({"type":"struct","fields":[{"name":"n","type":"long","nullable":true,)"
            R"("metadata":{"comment":"counted"}}]})"}}
          .dump();
  add_columns(metadata, {{"note", "string", true}});
  const auto schema =
      json::parse(json::parse(metadata.extra_json)["schemaString"].get<std::string>());
  CHECK(schema["fields"][0]["metadata"]["comment"] == "counted");
  CHECK(schema["fields"][1]["name"] == "note");
  CHECK(metadata.columns.size() == 2);
}

TEST_CASE("no table is made below or above another one") {
  TempLake lake;
  const auto publish_as = [&](const std::string& table, std::int64_t number) {
    auto payload = append_payload({data_file(lake.path(), "a.parquet", "2026-11-20", 1, table)});
    payload["table"] = table;
    return publish(publication(lake, payload, number));
  };
  REQUIRE(publish_as("gold/demo/sales", 1).ok());
  const auto below = publish_as("gold/demo/sales/by_day", 2);
  REQUIRE_FALSE(below.ok());
  CHECK(below.error().code == Errc::invalid);
  CHECK(below.error().message ==
        "gold/demo/sales/by_day: it lies below the table gold/demo/sales: call one of them "
        "otherwise");
  const auto above = publish_as("gold/demo", 3);
  REQUIRE_FALSE(above.ok());
  CHECK(above.error().code == Errc::invalid);
  CHECK(above.error().message ==
        "gold/demo: it lies above the table gold/demo/sales: call one of them otherwise");
  CHECK(publish_as("gold/demo/sales_by_day", 4).ok());  // beside it
  CHECK(list_tables(*lake.storage())->names.size() == 2);
}

TEST_CASE("a log entry never names a file that is absent, cut short or outside the table") {
  TempLake lake;
  auto absent = append_payload({{{"path", "day=2026-11-20/none"},
                                 {"size", 1},
                                 {"modification_time", 1},
                                 {"partition_values", {{"day", "2026-11-20"}}}}});
  CHECK(code_of(publish(publication(lake, absent, 1))) == Errc::conflict);
  auto cut = append_payload({first_file(lake)});
  cut["add"][0]["size"] = 1;
  CHECK(code_of(publish(publication(lake, cut, 1))) == Errc::invalid);
  auto outside = append_payload({first_file(lake)});
  outside["add"][0]["path"] = "../../../etc/passwd";
  CHECK(code_of(publish(publication(lake, outside, 1))) == Errc::invalid);
  auto escape = append_payload({first_file(lake)});
  escape["table"] = "../../tmp/x";
  CHECK(code_of(publish(publication(lake, escape, 1))) == Errc::invalid);
  CHECK(read_snapshot(test_log(lake)).error().code == Errc::not_found);
}

TEST_CASE("wrong payloads are refused with the field's name") {
  TempLake lake;
  const auto where = [&lake](const char* field, json value) {
    auto payload = append_payload({});
    payload[field] = std::move(value);
    const auto result = publish(publication(lake, payload, 1));
    REQUIRE(!result.ok());
    CHECK(result.error().code == Errc::invalid);
    return result.error().where;
  };
  CHECK(where("operation", "upsert") == "operation");
  CHECK(where("read_version", -2) == "read_version");
  CHECK(where("read_version", 1.5) == "read_version");
  CHECK(where("schema", json::array()) == "schema");
  CHECK(where("schema", {{{"name", "n"}, {"type", "hugeint"}}}) == "schema");
  CHECK(where("schema", {{{"name", "n"}, {"type", "long"}}, {{"name", "N"}, {"type", "long"}}}) ==
        "schema");
  CHECK(where("partition_columns", {"nope"}) == "partition_columns");
  CHECK(where("add", {{{"path", "x"}, {"size", 1}, {"modification_time", 1}}}) == "add");
  CHECK(where("txn", {{{"app_id", "a"}, {"version", "1"}}}) == "txn");
  CHECK(where("remove", {{{"path", "x"}}}) == "append");
}

TEST_CASE("tables that ask for a newer writer, invariants or append only are left alone") {
  TempLake lake;
  const auto log = test_log(lake);
  Commit commit;
  commit.protocol = Protocol{1, 4};
  commit.metadata = Metadata{};
  commit.metadata->id = "x";
  commit.metadata->columns = {{"n", "long", true}, {"day", "date", true}};
  commit.metadata->partition_columns = {"day"};
  REQUIRE(log.put_if_absent(0, serialise(commit)).ok());
  const auto a = first_file(lake);
  const auto append = publication(lake, append_payload({a}, 0), 1);
  CHECK(code_of(publish(append)) == Errc::invalid);

  commit.protocol = Protocol{1, 2};
  commit.metadata->configuration["delta.appendOnly"] = "true";
  REQUIRE(log.put_if_absent(1, serialise(commit)).ok());
  CHECK(publish(publication(lake, append_payload({a}, 1), 1)).ok());
  const auto removal = merge_payload({{{"path", a["path"]}}}, {}, 2);
  CHECK(code_of(publish(publication(lake, removal, 2))) == Errc::invalid);
}

TEST_CASE("a disk that refuses is worth another try") {
  TempLake lake;
  std::filesystem::create_directories(lake.path() + "/silver/demo");
  std::ofstream(lake.path() + "/silver/demo/numbers") << "a file where the folder should be";
  auto payload = append_payload({});
  CHECK(code_of(publish(publication(lake, payload, 1))) == Errc::unavailable);
}

TEST_CASE("history and description tell what the log knows") {
  TempLake lake;
  auto payload = append_payload({first_file(lake)});
  payload["metrics"] = {{"rows_out", 3}};
  REQUIRE(publish(publication(lake, payload, 1)).ok());
  const auto b = data_file(lake.path(), "b", "2026-11-21", 4);
  REQUIRE(publish(publication(lake, append_payload({b}, 0), 2)).ok());

  const auto info = describe_table(*lake.storage(), test_table);
  REQUIRE(info.ok());
  CHECK(info->version == 1);
  CHECK(info->files == 2);
  CHECK(info->partitions == 2);
  CHECK(info->rows == 7);
  CHECK(info->created_ms > 0);

  const auto history = table_history(*lake.storage(), test_table, 10);
  REQUIRE(history.ok());
  REQUIRE(history->size() == 2);
  CHECK(history->front().version == 1);
  CHECK(history->back().operation == "WRITE");
  CHECK(json::parse(history->back().metrics_json)["rows_out"] == "3");
  CHECK(json::parse(history->back().info_json)["batuta"]["dag_id"] == "demo");
  CHECK(table_history(*lake.storage(), test_table, 1)->size() == 1);
  CHECK(table_history(*lake.storage(), test_table, 10, 1)->front().version == 0);

  const auto tables = list_tables(*lake.storage());
  REQUIRE(tables.ok());
  CHECK(tables->names == std::vector<std::string>{test_table});
  CHECK(describe_table(*lake.storage(), "../x").error().code == Errc::invalid);
  CHECK(describe_table(*lake.storage(), "silver/none").error().code == Errc::not_found);
}

TEST_CASE("a list of tables says what it leaves out") {
  TempLake lake;
  for (const char* name : {"gold/demo/a", "gold/demo/b", "silver/demo/c"})
    REQUIRE(
        lake.storage()->put(std::string(name) + "/_delta_log/" + commit_file_name(0), "{}").ok());
  CHECK(list_tables(*lake.storage(), 3)->names.size() == 3);
  CHECK_FALSE(list_tables(*lake.storage(), 3)->cut);
  const auto two = list_tables(*lake.storage(), 2);
  CHECK(two->names.size() == 2);
  CHECK(two->cut);
  CHECK(two->unreadable.empty());
  // A folder that cannot be listed, here because of its name's length, hides no other.
  std::filesystem::path deep = lake.path();
  for (int level = 0; level < 5; ++level) deep /= std::string(250, 'a');
  std::filesystem::create_directories(deep);
  const auto all = list_tables(*lake.storage());
  CHECK(all->names.size() == 3);
  REQUIRE(all->unreadable.size() == 1);
  CHECK(all->unreadable[0].find("aaaa") != std::string::npos);
}
