// The lake over HTTP: what the tables' logs, the contracts and the attempts' reports tell, and to
// whom.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "scheduler/api/lake_catalogue.h"
#include "stores/object_storage.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr char base[] = "/api/lake/tables";

std::string lake_add(const std::string& path, int rows, int size, const std::string& day) {
  return json({{"add",
                {{"path", path},
                 {"partitionValues", {{"day", day}}},
                 {"size", size},
                 {"modificationTime", 1'700'000'000'000},
                 {"dataChange", true},
                 {"stats", rows < 0 ? "" : "{\"numRecords\":" + std::to_string(rows) + "}"}}}})
             .dump() +
         "\n";
}

std::string lake_start(const std::string& description) {
  const json field_id{
      {"name", "id"}, {"type", "long"}, {"nullable", false}, {"metadata", json::object()}};
  const json field_day{
      {"name", "day"}, {"type", "date"}, {"nullable", true}, {"metadata", json::object()}};
  const json schema{{"type", "struct"}, {"fields", {field_id, field_day}}};
  return json({{"protocol", {{"minReaderVersion", 1}, {"minWriterVersion", 2}}}}).dump() + "\n" +
         json({{"metaData",
                {{"id", "11111111-1111-4111-8111-111111111111"},
                 {"description", description},
                 {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                 {"schemaString", schema.dump()},
                 {"partitionColumns", {"day"}},
                 {"configuration", {{"delta.appendOnly", "false"}}},
                 {"createdTime", 1'700'000'000'000}}}})
             .dump() +
         "\n";
}

std::string lake_info(std::int64_t at_ms, const std::string& dag, const std::string& run) {
  return json(
             {{"commitInfo",
               {{"timestamp", at_ms},
                {"operation", "MERGE"},
                {"operationMetrics", {{"contract", "bank/clients"}, {"contract_version", "1.2.0"}}},
                {"batuta",
                 {{"dag_id", dag}, {"run_id", run}, {"task_id", "first"}, {"try_number", 2}}}}}})
             .dump() +
         "\n";
}

constexpr char clients_contract[] = R"(apiVersion: v3.1.0
kind: DataContract
id: bank-clients
version: 1.2.0
status: active
domain: bank
description:
  purpose: Who the bank knows.
team:
  - username: ana
    role: owner
slaProperties:
  - property: freshness
    value: 1
    unit: d
schema:
  - name: clients
    properties:
      - name: id
        logicalType: integer
        primaryKey: true
        primaryKeyPosition: 1
        required: true
        description: The bank's own number.
        classification: restricted
        tags: [pii]
      - name: day
        logicalType: date
)";

// bank: bronze and silver clients, silver of two versions; beside gold/sales/orders.
struct Lake : TestApi {
  Lake() {
    write_lake_version(home, "bronze/bank/clients", 0,
                       lake_start("as received") + lake_add("b.parquet", 5, 50, "2026-11-01"));
    write_lake_version(home, "silver/bank/clients", 0,
                       lake_info(1'763'600'000'000, "demo", "done") + lake_start("<b>clients</b>") +
                           lake_add("one.parquet", 10, 1000, "2026-11-01") +
                           lake_add("two.parquet", 4, 400, "2026-11-02"));
    write_lake_version(
        home, "silver/bank/clients", 1,
        lake_info(1'763'640'000'000, "demo", "done") +
            json({{"remove",
                   {{"path", "one.parquet"}, {"deletionTimestamp", 1}, {"dataChange", true}}}})
                .dump() +
            "\n" + lake_add("three.parquet", 12, 1200, "2026-11-01"));
  }
  void add_reader(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  void add_contract(const std::string& yaml) {
    auto dag = std::make_shared<Dag>(*demo_dag());
    dag->canonical_json =
        json({{"tasks",
               {{{"task_id", "first"}, {"contract", {{"name", "bank/clients"}, {"yaml", yaml}}}}}}})
            .dump();
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    bag->dags["demo"] = dag;
    backend.bag = bag;
  }
  void add_report(int fence, const json& report) {
    history.report_rows.push_back({{RunSeq{1}, 0, unmapped, fence}, fence, report.dump()});
  }
  std::vector<std::string> names(const std::string& query) {
    std::vector<std::string> found;
    const json answer = get(base + query);
    for (const auto& one : answer["tables"])
      found.push_back(one["layer"].get<std::string>() + "/" + one["domain"].get<std::string>() +
                      "/" + one["table"].get<std::string>());
    return found;
  }
};

}  // namespace

using Names = std::vector<std::string>;

TEST_CASE_FIXTURE(Lake, "the lake's tables are listed with what their newest versions hold") {
  const json answer = get(base);
  CHECK(answer["total_entries"] == 3);
  REQUIRE(names("") == Names{"bronze/bank/clients", "gold/sales/orders", "silver/bank/clients"});
  const json& silver = answer["tables"][2];
  CHECK(silver["version"] == 1);
  CHECK(silver["rows"] == 16);
  CHECK(silver["bytes"] == 1600);
  CHECK(silver["files"] == 2);
  CHECK(silver["description"] == "<b>clients</b>");
  CHECK(silver["problem"].is_null());
  CHECK(answer["left_out"].empty());
  CHECK(answer["groups"] == json::parse(R"([{"domain":"bank","layer":"bronze","tables":1},
    {"domain":"bank","layer":"silver","tables":1},{"domain":"sales","layer":"gold","tables":1}])"));
}

TEST_CASE_FIXTURE(Lake, "the list of tables is filtered, ordered and paged") {
  CHECK(names("?layer=silver") == Names{"silver/bank/clients"});
  CHECK(names("?domain=bank&layer=bronze&layer=silver") ==
        Names{"bronze/bank/clients", "silver/bank/clients"});
  CHECK(names("?name_pattern=ORD") == Names{"gold/sales/orders"});
  CHECK(names("?order_by=-rows") ==
        Names{"silver/bank/clients", "bronze/bank/clients", "gold/sales/orders"});
  CHECK(names("?order_by=bytes&limit=1&offset=1") == Names{"gold/sales/orders"});
  CHECK(get(std::string(base) + "?layer=silver&limit=0")["total_entries"] == 1);
}

TEST_CASE_FIXTURE(Lake, "a new version of a table is seen with the next request") {
  CHECK(get(std::string(base) + "/bronze/bank/clients")["rows"] == 5);
  CHECK(get(base)["tables"][0]["rows"] == 5);
  write_lake_version(home, "bronze/bank/clients", 1, lake_add("c.parquet", 7, 70, "2026-11-02"));
  CHECK(get(base)["tables"][0]["rows"] == 12);
  CHECK(get(std::string(base) + "/bronze/bank/clients")["version"] == 1);
  // Dropped and made anew with the same number of versions.
  std::filesystem::remove_all(home + "/lake/bronze/bank/clients");
  write_lake_version(home, "bronze/bank/clients", 0, lake_start("anew"));
  write_lake_version(home, "bronze/bank/clients", 1, lake_add("d.parquet", 1, 10, "2026-11-02"));
  CHECK(get(base)["tables"][0]["description"] == "anew");
}

TEST_CASE_FIXTURE(Lake, "a table whose log cannot be read is listed with the reason") {
  write_lake_version(home, "silver/bank/broken", 0, "{not json\n");
  const json answer = get(std::string(base) + "?name_pattern=broken");
  REQUIRE(answer["tables"].size() == 1);
  CHECK(answer["tables"][0]["problem"].get<std::string>().find("silver/bank/broken") !=
        std::string::npos);
  CHECK(answer["tables"][0]["rows"].is_null());
  const auto one = call(Method::get, std::string(base) + "/silver/bank/broken");
  CHECK(one.status == 409);
  CHECK(one.body.find("silver/bank/broken") != std::string::npos);
}

TEST_CASE_FIXTURE(Lake, "a table that lies elsewhere is told of to who sees the whole lake") {
  write_lake_version(home, "stray/table", 0, lake_start(""));
  CHECK(get(base)["left_out"] == json({"stray/table does not lie in <layer>/<domain>/<table>"}));
  add_reader("silverer", {"read lake:bank/silver"});
  const json seen = body_of(call(Method::get, base, "", "silverer"));
  CHECK(seen["left_out"].empty());
}

TEST_CASE_FIXTURE(Lake, "who may read one layer of a domain finds no other table, total or group") {
  add_reader("silverer", {"read lake:bank/silver"});
  const json seen = body_of(call(Method::get, base, "", "silverer"));
  CHECK(seen["total_entries"] == 1);
  CHECK(seen["tables"][0]["layer"] == "silver");
  CHECK(seen["groups"].size() == 1);
  for (const char* tail : {"", "/versions", "/quality", "/lineage", "/rows"}) {
    CAPTURE(tail);
    CHECK(status(Method::get, std::string(base) + "/silver/bank/clients" + tail, "", "silverer") ==
          200);
    const auto other =
        call(Method::get, std::string(base) + "/gold/sales/orders" + tail, "", "silverer");
    CHECK(other.status == 403);
    CHECK(other.body.find("read lake:sales/gold") != std::string::npos);
    // Whether it is there or not.
    CHECK(status(Method::get, std::string(base) + "/gold/sales/nothing" + tail, "", "silverer") ==
          403);
  }
  add_reader("dagger", {"read dag:demo"});
  CHECK(status(Method::get, base, "", "dagger") == 403);
}

TEST_CASE_FIXTURE(Lake, "one table has its columns, partitions, files and properties") {
  const json table = get(std::string(base) + "/silver/bank/clients");
  REQUIRE(table["columns"].size() == 2);
  CHECK(table["columns"][0]["name"] == "id");
  CHECK(table["columns"][0]["type"] == "long");
  CHECK(table["columns"][0]["nullable"] == false);
  CHECK(table["columns"][1]["is_partition"] == true);
  CHECK(table["partition_columns"] == json({"day"}));
  CHECK(table["partition_count"] == 2);
  CHECK(table["partitions"][0]["values"] == json({{"day", "2026-11-02"}}));  // the newest day first
  CHECK(table["partitions"][1]["rows"] == 12);
  CHECK(table["data_files"].size() == 2);
  CHECK(table["properties"] == json({{"delta.appendOnly", "false"}}));
  CHECK(table["contract_details"].is_null());
  CHECK(status(Method::get, std::string(base) + "/silver/bank/nothing") == 404);
  CHECK(status(Method::get, std::string(base) + "/silver/_bank/clients") == 404);
}

TEST_CASE_FIXTURE(Lake, "a file without statistics leaves the rows unknown, not too few") {
  write_lake_version(home, "silver/bank/clients", 2, lake_add("four.parquet", -1, 7, "2026-11-03"));
  const json table = get(std::string(base) + "/silver/bank/clients");
  CHECK(table["rows"].is_null());
  CHECK(table["bytes"] == 1607);
  const json versions = get(std::string(base) + "/silver/bank/clients/versions");
  CHECK(versions["versions"][0]["rows_added"].is_null());
  CHECK(versions["versions"][0]["rows"].is_null());
  CHECK(versions["versions"][1]["rows"] == 16);
}

TEST_CASE_FIXTURE(Lake, "the contract that a task names tells of its table") {
  add_contract(clients_contract);
  const json table = get(std::string(base) + "/silver/bank/clients");
  CHECK(table["contract"] == "bank/clients");
  CHECK(table["columns"][0]["description"] == "The bank's own number.");
  CHECK(table["columns"][0]["classification"] == "restricted");
  CHECK(table["columns"][0]["tags"] == json({"pii"}));
  CHECK(table["columns"][0]["is_key"] == true);
  CHECK(table["columns"][1]["is_key"] == false);
  CHECK(table["contract_details"]["version"] == "1.2.0");
  CHECK(table["contract_details"]["owners"] == json({"ana"}));
  CHECK(table["fresh_within_seconds"] == 86400.0);
  // Its log was written now, and the API's clock says November.
  CHECK(table["is_fresh"] == (table["age_seconds"].get<double>() <= 86400));
  CHECK(get(std::string(base) + "/gold/sales/orders")["contract"].is_null());
  add_contract("nothing that is a contract");
  CHECK(get(std::string(base) + "/silver/bank/clients")["contract"].is_null());
}

TEST_CASE_FIXTURE(Lake, "a history has the columns of its table's contract, and not its promises") {
  write_lake_version(home, "silver/bank/clients_hist", 0, lake_start("every state"));
  add_contract(clients_contract);
  const json table = get(std::string(base) + "/silver/bank/clients_hist");
  CHECK(table["contract"] == "bank/clients");
  CHECK(table["columns"][0]["classification"] == "restricted");
  CHECK(table["columns"][0]["tags"] == json({"pii"}));
  CHECK(table["contract_details"]["owners"] == json({"ana"}));
  CHECK(table["contract_details"]["service_levels"].empty());
  CHECK(table["fresh_within_seconds"].is_null());  // it has a version only when a state changes
  CHECK(table["is_fresh"].is_null());
  CHECK(get(std::string(base) + "/silver/bank/clients")["fresh_within_seconds"] == 86400.0);
  write_lake_version(home, "silver/bank/other_hist", 0, lake_start("of another table"));
  CHECK(get(std::string(base) + "/silver/bank/other_hist")["contract"].is_null());
}

TEST_CASE_FIXTURE(Lake,
                  "a table is late when its newest version is older than its contract allows") {
  add_contract(clients_contract);
  now = read_clock().wall + std::chrono::hours(23);
  CHECK(get(std::string(base) + "?layer=silver")["tables"][0]["is_fresh"] == true);
  now += std::chrono::hours(2);
  CHECK(get(std::string(base) + "?layer=silver")["tables"][0]["is_fresh"] == false);
}

TEST_CASE_FIXTURE(Lake, "versions say when, by which run and how many rows, newest first") {
  const json answer = get(std::string(base) + "/silver/bank/clients/versions");
  CHECK(answer["total_entries"] == 2);
  const json& newest = answer["versions"][0];
  CHECK(newest["version"] == 1);
  CHECK(newest["time"] == "2025-11-20T12:00:00Z");
  CHECK(newest["operation"] == "MERGE");
  CHECK(newest["dag_id"] == "demo");
  CHECK(newest["dag_run_id"] == "done");
  CHECK(newest["task_id"] == "first");
  CHECK(newest["try_number"] == 2);
  CHECK(newest["rows_added"] == 12);
  CHECK(newest["rows_removed"] == 10);
  CHECK(newest["rows"] == 16);
  CHECK(newest["bytes"] == 1600);
  CHECK(newest["contract_version"] == "1.2.0");
  CHECK(answer["versions"][1]["rows_removed"] == 0);
  const json second = get(std::string(base) + "/silver/bank/clients/versions?offset=1&limit=1");
  CHECK(second["versions"].size() == 1);
  CHECK(second["versions"][0]["version"] == 0);
  CHECK(second["versions"][0]["rows"] == 14);
  CHECK(get(std::string(base) + "/silver/bank/clients/versions?offset=2")["versions"].empty());
  CHECK(status(Method::get, std::string(base) + "/silver/bank/nothing/versions") == 404);
}

TEST_CASE_FIXTURE(Lake, "a version that no run made names none") {
  write_lake_version(home, "silver/bank/clients", 2,
                     lake_info(1'763'650'000'000, "command_line", ""));
  const json answer = get(std::string(base) + "/silver/bank/clients/versions");
  CHECK(answer["versions"][0]["dag_id"] == "command_line");
  CHECK(answer["versions"][0]["dag_run_id"].is_null());
}

TEST_CASE_FIXTURE(Lake, "what made a version is told to who may see that DAG") {
  add_reader("silverer", {"read lake:bank/silver"});
  const auto answer =
      call(Method::get, std::string(base) + "/silver/bank/clients/versions", "", "silverer");
  const json newest = body_of(answer)["versions"][0];
  CHECK(newest["rows"] == 16);
  CHECK(newest["dag_id"].is_null());
  CHECK(newest["dag_run_id"].is_null());
  CHECK(newest["try_number"].is_null());
  CHECK(answer.body.find("demo") == std::string::npos);
}

TEST_CASE_FIXTURE(Lake, "quality has the results of this table alone, by attempt, newest first") {
  add_report(
      1, {{"quality", {{{"table", "silver/bank/clients"}, {"rule", "id"}, {"passed", false}}}}});
  add_report(2, {{"quality",
                  {{{"table", "silver/bank/clients"}, {"rule", "id"}, {"passed", true}},
                   {{"table", "silver/bank/other"}, {"rule", "x"}, {"passed", false}}}}});
  add_report(3,
             {{"quality", {{{"table", "silver/bank/other"}, {"rule", "x"}, {"passed", false}}}}});
  const std::string path = std::string(base) + "/silver/bank/clients/quality";
  const json answer = get(path);
  REQUIRE(answer["reports"].size() == 2);
  CHECK(answer["more"] == false);
  CHECK(answer["reports"][0]["passed"] == true);
  CHECK(answer["reports"][0]["results"].size() == 1);
  CHECK(answer["reports"][0]["dag_id"] == "demo");
  CHECK(answer["reports"][1]["passed"] == false);
  const json first = get(path + "?limit=1");
  CHECK(first["reports"].size() == 1);
  CHECK(first["more"] == true);
  CHECK(get(path + "?limit=1&offset=1")["more"] == false);
  add_reader("silverer", {"read lake:bank/silver"});
  CHECK(call(Method::get, path, "", "silverer").body.find("demo") == std::string::npos);
}

namespace {
json made_of(const std::string& from, const std::string& to) {
  return {{"from", from}, {"to", to}, {"from_version", 3}};
}
std::vector<std::string> lake_distances(const json& answer) {
  std::vector<std::string> found;
  for (const auto& one : answer["tables"])
    found.push_back(one["table"].get<std::string>() + " " +
                    std::to_string(one["distance"].get<int>()));
  return found;
}
}  // namespace

TEST_CASE_FIXTURE(Lake, "lineage leads up and down from a table, step by step") {
  add_report(1, {{"lineage", {made_of("bronze/bank/a", "silver/bank/b")}}});
  add_report(2, {{"lineage",
                  {made_of("silver/bank/b", "gold/bank/c"), made_of("gold/bank/c", "gold/bank/d"),
                   made_of("bronze/bank/x", "gold/bank/y")}}});
  write_lake_version(home, "silver/bank/b", 0, lake_start(""));
  const std::string path = std::string(base) + "/silver/bank/b/lineage";
  const json all = get(path);
  CHECK(lake_distances(all) == Names{"a -1", "c 1", "d 2", "b 0"});  // by path
  CHECK(all["edges"].size() == 3);
  CHECK(all["edges"][0]["dag_id"] == "demo");
  CHECK(all["edges"][0]["from_version"] == 3);
  CHECK(all["more"] == false);
  CHECK(all["hidden"] == 0);
  const json one = get(path + "?depth=1");
  CHECK(lake_distances(one) == Names{"a -1", "c 1", "b 0"});
  CHECK(one["more"] == true);
  CHECK(lake_distances(get(std::string(base) + "/gold/sales/orders/lineage")) == Names{"orders 0"});
  CHECK(status(Method::get, std::string(base) + "/gold/bank/nothing/lineage") == 404);
}

TEST_CASE_FIXTURE(Lake, "lineage ends where somebody may not look, and says how often") {
  add_report(
      1, {{"lineage",
           {made_of("silver/secret/s", "silver/bank/b"),
            made_of("bronze/bank/a", "silver/secret/s"), made_of("../../etc", "silver/bank/b")}}});
  write_lake_version(home, "silver/bank/b", 0, lake_start(""));
  add_reader("banker", {"read lake:bank/*"});
  const auto answer = call(Method::get, std::string(base) + "/silver/bank/b/lineage", "", "banker");
  CHECK(answer.body.find("secret") == std::string::npos);
  CHECK(answer.body.find("etc") == std::string::npos);
  CHECK(lake_distances(body_of(answer)) == Names{"b 0"});
  CHECK(body_of(answer)["hidden"] == 1);
}

TEST_CASE_FIXTURE(Lake, "a ring of tables is walked once") {
  add_report(1, {{"lineage",
                  {made_of("gold/bank/a", "gold/bank/b"), made_of("gold/bank/b", "gold/bank/a"),
                   made_of("gold/bank/a", "gold/bank/a")}}});
  write_lake_version(home, "gold/bank/a", 0, lake_start(""));
  const json answer = get(std::string(base) + "/gold/bank/a/lineage?depth=20");
  CHECK(answer["tables"].size() == 2);
  CHECK(answer["edges"].size() == 2);
}

TEST_CASE_FIXTURE(Lake, "rows are asked of one version, named in the answer") {
  const std::string path = std::string(base) + "/silver/bank/clients/rows";
  const json answer = get(path + "?limit=7");
  CHECK(answer["columns"] == json({"id"}));
  CHECK(answer["rows"] == json::parse("[[1],[null]]"));
  CHECK(answer["version"] == 1);
  CHECK(answer["cut"] == false);
  CHECK(json::parse(lake_queries.back()) == json({{"operation", "rows"},
                                                  {"table", "silver/bank/clients"},
                                                  {"limit", 7},
                                                  {"offset", 0},
                                                  {"bytes", 4 << 20},
                                                  {"return_errors", true},
                                                  {"version", 1}}));
  CHECK(get(path + "?version=0")["version"] == 0);
  CHECK(json::parse(lake_queries.back())["version"] == 0);
  CHECK(status(Method::get, path + "?limit=0") == 422);
  CHECK(status(Method::get, path + "?limit=1001") == 422);
  CHECK(status(Method::get, path + "?version=-1") == 422);
  CHECK(status(Method::get, std::string(base) + "/silver/bank/nothing/rows") == 404);
  lake_answer = [] { return Result<std::string>(Errc::invalid, "version 9 is not there"); };
  const auto refused = call(Method::get, path + "?version=9");
  CHECK(refused.status == 422);
  CHECK(refused.body.find("version 9 is not there") != std::string::npos);
}

TEST_CASE_FIXTURE(TestApi,
                  "a thousand tables are listed, and the next time their logs are not read again") {
  const auto table = [](int i) {
    return "gold/d" + std::to_string(i % 20) + "/t" + std::to_string(i);
  };
  for (int i = 0; i < 1000; ++i) {
    write_lake_version(home, table(i), 0,
                       lake_start("") + lake_add("a.parquet", 1, 10, "2026-11-01"));
  }
  const std::string path = std::string(base) + "?limit=1000&order_by=-rows";
  const auto first = get(path);
  CHECK(first["total_entries"] == 1001);
  for (int i = 0; i < 1000; ++i) {
    const std::filesystem::path entry =
        home + "/lake/" + table(i) + "/_delta_log/" + lakelog::commit_file_name(0);
    const auto written = std::filesystem::last_write_time(entry);
    std::ofstream(entry) << "no log";
    std::filesystem::last_write_time(entry, written);
  }
  CHECK(get(path)["tables"] == first["tables"]);
}

TEST_CASE("a store that is away is not asked anew by all that look at the lake meanwhile") {
  int asked = 0;
  stores::Surroundings away = stores::real_surroundings();
  away.http = [&asked](const batuta::HttpRequest&) -> Result<batuta::HttpAnswer> {
    ++asked;
    return {Errc::unavailable, "nobody answers"};
  };
  away.pause = [](Duration) {};
  const stores::StoreAccess access{
      "s3://lake",
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "r"}}};
  LakeCatalogue catalogue(stores::Lake(access, "", true, [&away] { return away; }));
  const auto first = catalogue.names();
  REQUIRE(!first);
  CHECK(first.error().message.find("nobody answers") != std::string::npos);
  const int once = asked;
  CHECK(once > 0);
  const auto second = catalogue.names();
  REQUIRE(!second);
  CHECK(second.error().message == first.error().message);
  CHECK(asked == once);
}

}  // namespace batuta::http
