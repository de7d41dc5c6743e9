// SQL for people over HTTP: what is asked of the plugin, for whom, what becomes of it, and that it
// is written down.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "common/safe_json.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr char console[] = "/api/lake/sql";

struct Console : TestApi {
  Console() {
    lake_answer = [] {
      return Result<std::string>(
          R"({"columns":["id","name"],"rows":[[1,"a, \"b\""],[null,""]],"cut":false,)"
          R"("tables":[{"table":"gold/sales/orders","version":4}]})");
    };
  }
  void add_reader(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  Response ask(const json& body, const std::string& role = "viewer", const Extra& extra = {}) {
    return call(Method::post, console, body.dump(), role, extra);
  }
  json asked() const { return json::parse(lake_queries.back()); }
  json written() const { return json::parse(registry.audit.back().extra_json); }
  void refuse(const json& error) {
    lake_answer = [error] { return Result<std::string>(json({{"error", error}}).dump()); };
  }
  // Answers when it is to stop, as the slot does.
  void wait_for_stop() {
    lake_answer = [this] {
      while (!lake_stop()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      return Result<std::string>(Errc::unavailable, "interrupted");
    };
  }
  void until_queries(std::size_t count) {
    for (int i = 0; i < 5000 && lake_queries.size() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(lake_queries.size() == count);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Console, "a SELECT answers with its rows, and says what it read") {
  const json answer = body_of(ask({{"sql", "FROM gold.orders"}, {"limit", 7}, {"query_id", "q1"}}));
  CHECK(answer["columns"] == json({"id", "name"}));
  CHECK(answer["rows"][0] == json({1, "a, \"b\""}));
  CHECK(answer["row_count"] == 2);
  CHECK(answer["cut"] == false);
  CHECK(answer["cut_by"].is_null());
  CHECK(answer["limit"] == 7);
  CHECK(answer["query_id"] == "q1");
  CHECK(answer["tables"][0] ==
        json({{"table", "gold/sales/orders"}, {"version", 4}, {"masked", json::array()}}));
  // Whoever may read all of the lake is held to no list.
  CHECK(asked() == json({{"operation", "sql"},
                         {"sql", "FROM gold.orders"},
                         {"limit", 7},
                         {"bytes", 4 << 20},
                         {"return_errors", true}}));
  CHECK(ask({{"sql", "FROM gold.orders"}, {"at", "2026-11-20T10:00:00Z"}}).status == 200);
  CHECK(asked()["at"] == "2026-11-20T10:00:00Z");
  CHECK(asked()["limit"] == 1000);
}

TEST_CASE_FIXTURE(
    Console,
    "a SELECT reads a version of a table, or a branch of the lake, and that is written down") {
  write_lake_version(home, "silver/shop/sales", 0, empty_lake_table());
  REQUIRE(call(Method::post, "/api/lake/branches", R"({"name":"fix"})", "admin").status == 201);
  CHECK(ask({{"sql", "FROM silver.sales"}, {"branch", "fix"}}).status == 200);
  CHECK(asked()["lake_branch"].get<std::string>().starts_with("fix/"));
  CHECK(written()["branch"] == "fix");
  CHECK(ask({{"sql", "FROM silver.sales"}, {"version", 0}}).status == 200);
  CHECK(asked()["version"] == 0);
  CHECK_FALSE(asked().contains("lake_branch"));
  CHECK(written()["version"] == 0);
  const auto none = ask({{"sql", "SELECT 1"}, {"branch", "none"}});
  CHECK(none.status == 422);
  CHECK(body_of(none)["detail"][0]["loc"] == json({"body", "branch"}));
}

TEST_CASE_FIXTURE(Console, "an answer that is cut says so, in JSON and in CSV") {
  lake_answer = [] {
    return Result<std::string>(R"({"columns":["id"],"rows":[[1]],"cut":true,"cut_by":"bytes"})");
  };
  const json answer = body_of(ask({{"sql", "FROM gold.orders"}}));
  CHECK(answer["cut"] == true);
  CHECK(answer["cut_by"] == "bytes");
  const auto csv = ask({{"sql", "FROM gold.orders"}}, "viewer", {{{"accept", "text/csv"}}});
  using Header = std::pair<std::string, std::string>;
  CHECK(std::count(csv.headers.begin(), csv.headers.end(), Header{"Batuta-Cut", "bytes"}) == 1);
  CHECK(std::count(csv.headers.begin(), csv.headers.end(), Header{"Batuta-Rows", "1"}) == 1);
}

TEST_CASE_FIXTURE(Console,
                  "rows come as a Parquet file, which is written down and goes with its answer") {
  lake_answer = [this] {
    std::ofstream(asked()["result_folder"].get<std::string>() + "/rows.parquet") << "PAR1 PAR1";
    return Result<std::string>(
        R"({"rows":2,"bytes":9,"file":"rows.parquet","tables":[{"table":"gold/sales/orders","version":4,"masked":["id"]}]})");
  };
  const Extra parquet{{{"accept", "application/vnd.apache.parquet"}}};
  std::string folder;
  {
    const Response file = ask({{"sql", "FROM gold.orders"}, {"limit", 7}}, "viewer", parquet);
    CHECK(file.status == 200);
    CHECK(file.content_type == "application/vnd.apache.parquet");
    using Header = std::pair<std::string, std::string>;
    CHECK(std::count(file.headers.begin(), file.headers.end(),
                     Header{"Batuta-Masked", "gold/sales/orders:id"}) == 1);
    REQUIRE(file.stream);
    CHECK(file.stream->next() == "PAR1 PAR1");
    CHECK(asked()["operation"] == "sql");
    CHECK(asked()["limit"] == 7);
    CHECK(asked()["most_bytes"] == 4 << 20);
    CHECK(written()["rows"] == 2);
    CHECK(written()["tables"][0]["table"] == "gold/sales/orders");
    folder = asked()["result_folder"];
  }
  // The lake's thread may still be letting go of what it answered with.
  const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::filesystem::exists(folder) && std::chrono::steady_clock::now() < late)
    std::this_thread::yield();
  CHECK_FALSE(std::filesystem::exists(folder));
  refuse({{"kind", "sql"}, {"text", "more than 7 rows"}, {"line", nullptr}, {"column", nullptr}});
  const Response refused = ask({{"sql", "FROM gold.orders"}}, "viewer", parquet);
  CHECK(refused.status == 422);
  CHECK(refused.body.find("more than 7 rows") != std::string::npos);
}

TEST_CASE_FIXTURE(Console, "CSV tells NULL from the empty text, and quotes what it must") {
  lake_answer = [] {
    return Result<std::string>(
        R"({"columns":["id","a,b"],"rows":[[1,"x"],[null,""],[true,"say \"hi\"\n"],[1.5,[1,null]]],)"
        R"("cut":false})");
  };
  const auto csv = ask({{"sql", "FROM gold.orders"}}, "viewer", {{{"accept", "text/csv"}}});
  CHECK(csv.content_type == "text/csv; charset=utf-8; header=present");
  for (const auto& [name, value] : csv.headers) CHECK(name != "Batuta-Masked");
  CHECK(csv.body ==
        "id,\"a,b\"\r\n1,x\r\n,\"\"\r\ntrue,\"say \"\"hi\"\"\n\"\r\n1.5,\"[1,null]\"\r\n");
}

TEST_CASE_FIXTURE(Console, "who may read some layers is held to them; a refusal names the right") {
  write_lake_version(home, "silver/bank/clients", 0, "{not json\n");
  write_lake_version(home, "gold/bank/clients", 0, "{not json\n");
  add_reader("banker", {"read lake:bank/*"});
  CHECK(ask({{"sql", "FROM silver.clients"}}, "banker").status == 200);
  CHECK(asked()["readable"] == json({"bank/gold", "bank/silver"}));
  refuse({{"kind", "right"},
          {"text", "you may read no table gold.sales.orders: it asks for the right"},
          {"line", nullptr},
          {"column", nullptr}});
  const auto refused = ask({{"sql", "FROM gold.sales.orders"}}, "banker");
  CHECK(refused.status == 403);
  CHECK(refused.body.find("gold.sales.orders") != std::string::npos);
  CHECK(written()["status"] == 403);
  // Nobody's table, and no list at all.
  add_reader("visitor", {"read lake:nothing/*"});
  (void)ask({{"sql", "SELECT 1"}}, "visitor");
  CHECK(asked()["readable"] == json::array());
  add_reader("dagger", {"read dag:demo"});
  CHECK(ask({{"sql", "SELECT 1"}}, "dagger").status == 403);
  CHECK(lake_queries.size() == 3);
}

TEST_CASE_FIXTURE(Console, "what is wrong with a statement is told with its line and column") {
  refuse({{"kind", "sql"}, {"text", "Binder Error: nothing"}, {"line", 2}, {"column", 8}});
  const auto refused = ask({{"sql", "SELECT\n  nothing"}});
  CHECK(refused.status == 422);
  const json detail = body_of(refused)["detail"][0];
  CHECK(detail["loc"] == json({"body", "sql"}));
  CHECK(detail["msg"] == "Binder Error: nothing");
  CHECK(detail["ctx"] == json({{"line", 2}, {"column", 8}}));
  refuse({{"kind", "time"}, {"text", "too slow"}, {"line", nullptr}, {"column", nullptr}});
  const json late = body_of(ask({{"sql", "SELECT 1"}}))["detail"][0];
  CHECK_FALSE(late.contains("ctx"));
}

TEST_CASE_FIXTURE(Console,
                  "a plan is asked for as rows are, with the same rights, and written down") {
  lake_answer = [] {
    return Result<std::string>(
        R"({"plan":[{"operator":"FILTER","details":{},"estimated_rows":3,"rows":null,)"
        R"("seconds":null,"children":[]}],"text":"FILTER\n","hidden":true,"analyzed":true,)"
        R"("tables":[{"table":"gold/sales/orders","version":4,"masked":["id"]}]})");
  };
  add_reader("banker", {"read lake:bank/*"});
  const json told =
      body_of(ask({{"sql", "FROM gold.orders"}, {"explain", true}, {"query_id", "q1"}}, "banker"));
  CHECK(asked()["operation"] == "explain");
  CHECK(asked()["analyze"] == false);
  CHECK(asked()["readable"] == json::array());
  CHECK(told["query_id"] == "q1");
  CHECK(told["hidden"] == true);
  CHECK(told["plan"][0]["operator"] == "FILTER");
  CHECK(told["text"] == "FILTER\n");
  CHECK(told["tables"][0]["masked"] == json({"id"}));
  CHECK(written()["explain"] == "plan");
  CHECK_FALSE(written().contains("rows"));
  const auto analyzed = ask({{"sql", "FROM gold.orders"}, {"explain", true}, {"analyze", true}});
  CHECK(body_of(analyzed)["analyzed"] == true);
  CHECK(asked()["analyze"] == true);
  CHECK(written()["explain"] == "analyze");
  refuse({{"kind", "right"}, {"text", "you may read no table"}, {"line", nullptr}, {"column", 1}});
  CHECK(ask({{"sql", "FROM gold.orders"}, {"explain", true}}, "banker").status == 403);
}

TEST_CASE_FIXTURE(Console, "a body that is no question is refused at its field") {
  for (const auto& [body, field] :
       {std::pair{json::object(), "sql"},
        {json{{"sql", " \n"}}, "sql"},
        {json{{"sql", std::string((64u << 10) + 1, 'x')}}, "sql"},
        {json{{"sql", "SELECT 1"}, {"limit", 0}}, "limit"},
        {json{{"sql", "SELECT 1"}, {"limit", 10'001}}, "limit"},
        {json{{"sql", "SELECT 1"}, {"at", "yesterday"}}, "at"},
        {json{{"sql", "SELECT 1"}, {"version", -1}}, "version"},
        {json{{"sql", "SELECT 1"}, {"version", 3}, {"at", "2026-11-20"}}, "version"},
        {json{{"sql", "SELECT 1"}, {"analyze", true}}, "analyze"},
        {json{{"sql", "SELECT 1"}, {"explain", 1}}, "explain"},
        {json{{"sql", "SELECT 1"}, {"query_id", "../x"}}, "query_id"},
        {json{{"sql", "SELECT 1"}, {"readable", json::array()}}, "readable"},
        {json{{"sql", "SELECT 1"}, {"result_file", "/tmp/x"}}, "result_file"}}) {
    const auto& of = field;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    const auto refused = ask(body);
    CHECK(refused.status == 422);
    CHECK(body_of(refused)["detail"][0]["loc"] == json({"body", field}));
  }
  CHECK(lake_queries.empty());
  CHECK(registry.audit.empty());
}

TEST_CASE_FIXTURE(Console, "every statement that ran is written down: who, what, of which tables") {
  CHECK(ask({{"sql", "FROM gold.orders"}, {"query_id", "q1"}}).status == 200);
  CHECK(registry.audit.back().event == "lake_sql");
  CHECK(registry.audit.back().owner == "viewer");
  CHECK(written()["sql"] == "FROM gold.orders");
  CHECK(written()["rows"] == 2);
  CHECK(written()["tables"][0]["table"] == "gold/sales/orders");
  CHECK(registry.audit.back().extra_json.find("a, ") == std::string::npos);  // of no row
  lake_answer = [] {
    return Result<std::string>(Errc::internal, "the slot ended without a result");
  };
  CHECK(ask({{"sql", "SELECT 1"}}).status == 500);
  CHECK(written()["error"] == "the slot ended without a result");
}

TEST_CASE_FIXTURE(Console, "nobody fills the event log with statements, and none is left out") {
  const json large{{"sql", "SELECT '" + std::string(60u << 10, 'x') + "'"}};
  Response last;
  std::size_t ran = 0;
  while (ran < 50 && (last = ask(large)).status == 200) ++ran;
  CHECK(ran == 17);  // a MiB of them
  CHECK(registry.audit.size() == ran);
  CHECK(written()["sql"] == large["sql"]);
  REQUIRE(last.status == 429);
  CHECK(last.body.find("event log") != std::string::npos);
  const auto after = std::find_if(last.headers.begin(), last.headers.end(),
                                  [](const auto& header) { return header.first == "Retry-After"; });
  REQUIRE(after != last.headers.end());
  const std::chrono::seconds wait(std::stoi(after->second));
  // What failed counts as well; others ask as before.
  refuse({{"kind", "sql"}, {"text", "no"}, {"line", nullptr}, {"column", nullptr}});
  CHECK(ask({{"sql", "SELECT 1"}}).status == 429);
  CHECK(ask({{"sql", "SELECT 1"}}, "admin").status == 422);
  CHECK(lake_queries.size() == ran + 1);
  now += wait - std::chrono::seconds(1);
  CHECK(ask({{"sql", "SELECT 1"}}).status == 429);
  now += std::chrono::seconds(1);
  CHECK(ask(large).status == 422);
  CHECK(ask({{"sql", "SELECT 1"}}).status == 429);
}

TEST_CASE_FIXTURE(Console, "nobody has a row of what could not be written down") {
  backend.write_error = Error{Errc::unavailable, "the disk is full", {}};
  const auto refused = ask({{"sql", "FROM gold.orders"}});
  CHECK(refused.status == 503);
  CHECK(refused.body.find("a, ") == std::string::npos);
}

TEST_CASE_FIXTURE(Console, "a query is ended by its id, by whoever asked it and nobody else") {
  wait_for_stop();
  auto answer = send(Method::post, console, R"({"sql":"SELECT 1","query_id":"q1"})", "viewer");
  until_queries(1);
  CHECK(status(Method::del, std::string(console) + "/q2", "", "viewer") == 404);
  CHECK(status(Method::del, std::string(console) + "/q1", "", "admin") == 404);
  CHECK(ask({{"sql", "SELECT 2"}, {"query_id", "q1"}}).status == 409);
  CHECK(status(Method::del, std::string(console) + "/q1", "", "viewer") == 204);
  const Response ended = answer.get();
  CHECK(ended.status == 409);
  CHECK(ended.body.find("the query was cancelled") != std::string::npos);
  CHECK(written()["error"] == "the query was cancelled");
  CHECK(status(Method::del, std::string(console) + "/q1", "", "viewer") == 404);
}

TEST_CASE_FIXTURE(Console, "who asked looks at what runs and what waits, and how far it is") {
  const auto look = [&](const std::string& role) {
    return body_of(call(Method::get, console, "", role));
  };
  wait_for_stop();
  auto first = send(Method::post, console, R"({"sql":"SELECT 1","query_id":"q1"})", "viewer");
  until_queries(1);
  auto second = send(Method::post, console, R"({"sql":"SELECT 2","query_id":"q2"})", "viewer");
  json told = look("viewer");
  while (told["queries"].size() < 2) told = look("viewer");
  CHECK(told["total_entries"] == 2);
  CHECK(told["queries"][0]["query_id"] == "q1");
  CHECK(told["queries"][0]["state"] == "running");
  CHECK(told["queries"][0]["progress"].is_null());
  CHECK(told["queries"][0]["milliseconds"] >= 0);
  CHECK(told["queries"][1]["state"] == "queued");
  lake_progress(42);
  CHECK(look("viewer")["queries"][0]["progress"] == 42);
  CHECK(look("admin")["queries"].empty());
  for (const char* id : {"/q2", "/q1"})
    CHECK(status(Method::del, std::string(console) + id, "", "viewer") == 204);
  CHECK(first.get().status == 409);
  CHECK(second.get().status == 409);
  CHECK(look("viewer")["queries"].empty());
}

TEST_CASE_FIXTURE(Console, "a query that waits for its turn is ended before it runs") {
  wait_for_stop();
  auto first = send(Method::post, console, R"({"sql":"SELECT 1","query_id":"q1"})", "viewer");
  until_queries(1);
  auto second = send(Method::post, console, R"({"sql":"SELECT 2","query_id":"q2"})", "viewer");
  while (status(Method::del, std::string(console) + "/q2", "", "viewer") != 204) {
  }
  CHECK(status(Method::del, std::string(console) + "/q1", "", "viewer") == 204);
  CHECK(first.get().status == 409);
  CHECK(second.get().status == 409);
  CHECK(lake_queries.size() == 1);
}

TEST_CASE_FIXTURE(Console, "one user's queries beyond those that may wait are refused") {
  wait_for_stop();
  std::vector<std::future<Response>> answers;
  answers.push_back(send(Method::post, console, R"({"sql":"SELECT 1","query_id":"q0"})", "viewer"));
  until_queries(1);
  for (int i = 1; i <= 4; ++i)
    answers.push_back(send(Method::post, console,
                           R"({"sql":"SELECT 1","query_id":"q)" + std::to_string(i) + "\"}",
                           "viewer"));
  const auto refused = ask({{"sql", "SELECT 1"}, {"query_id", "q5"}});
  CHECK(refused.status == 429);
  CHECK(refused.body.find("4 more wait") != std::string::npos);
  for (int i = 4; i >= 0; --i)
    CHECK(status(Method::del, std::string(console) + "/q" + std::to_string(i), "", "viewer") ==
          204);
  for (auto& answer : answers) CHECK(answer.get().status == 409);
}

}  // namespace batuta::http
