// Branches of the lake over HTTP: who may make and drop them, what they show, and runs that name
// them.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "lakelog/branch.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr const char* branches_url = "/api/lake/branches";

struct Branches : TestApi {
  Branches() {
    history.run_rows.clear();
    write_lake_version(home, "gold/sales/orders", 0, empty_lake_table());
    write_lake_version(home, "gold/hr/people", 0, empty_lake_table());
    add_clerk("ana", {"edit lake:sales/*", "trigger dag:*"});
    add_clerk("bia", {"edit lake:sales/gold"});
    add_clerk("boss", {"edit lake:*"});
    add_clerk("reader", {"read lake:*"});
    add_clerk("reader_of_sales", {"edit lake:sales/*"});
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    auto dag = std::make_shared<Dag>(*demo_dag());
    for (Task& task : dag->tasks) task.plugin = "sql_model";
    dag->params_json = "{}";
    bag->dags["demo"] = dag;
    backend.bag = bag;
  }
  void add_clerk(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  Response make(const std::string& name, const std::string& who = "ana") {
    return call(Method::post, branches_url, json{{"name", name}, {"note", "why"}}.dump(), who);
  }
  Response drop(const std::string& name, const std::string& who = "ana") {
    return call(Method::del, std::string(branches_url) + "/" + name, "", who);
  }
  // A table of the branch, as a publication leaves it.
  void write_on(const std::string& name, const std::string& table, std::int64_t version) {
    const auto lake = lakelog::open_storage(home + "/lake");
    const auto branch = lakelog::find_branch(**lake, name);
    REQUIRE(branch.ok());
    write_lake_version(home, lakelog::branch_key(branch->ref(), table), version,
                       empty_lake_table());
  }
};

}  // namespace

TEST_CASE_FIXTURE(Branches, "branches: one is made, written down, listed, shown and dropped") {
  const Response made = make("fix");
  INFO(made.body);
  REQUIRE(made.status == 201);
  CHECK(body_of(made)["created_by"] == "ana");
  CHECK(body_of(made)["note"] == "why");
  CHECK(registry.audit.back().event == "lake_branch_created");
  CHECK(registry.audit.back().owner == "ana");
  CHECK(make("fix").status == 409);
  for (const char* wrong : {"", "..", "a/b", "Fix"}) CHECK(make(wrong).status == 422);
  const json listed = body_of(call(Method::get, branches_url, "", "reader"));
  REQUIRE(listed["branches"].size() == 1);
  CHECK(listed["branches"][0]["name"] == "fix");
  write_on("fix", "gold/sales/orders", 1);
  write_on("fix", "gold/hr/people", 0);
  const std::string url = std::string(branches_url) + "/fix";
  const json all = body_of(call(Method::get, url, "", "reader"));
  REQUIRE(all["tables"].size() == 2);
  CHECK(all["tables"][0] == json{{"table", "gold/hr/people"},
                                 {"base_version", nullptr},
                                 {"version", 0},
                                 {"lake_version", 0},
                                 {"has_moved", true}});
  CHECK(all["tables"][1]["base_version"] == 0);
  CHECK(all["tables"][1]["has_moved"] == false);
  // What one may not read is counted.
  const json some = body_of(call(Method::get, url, "", "ana"));
  REQUIRE(some["tables"].size() == 1);
  CHECK(some["tables"][0]["table"] == "gold/sales/orders");
  CHECK(some["hidden"] == 1);
  CHECK(drop("fix", "bia").status == 403);
  CHECK(drop("fix", "reader").status == 403);
  CHECK(drop("none").status == 404);
  RunRow going;
  going.dag_id = "demo";
  going.dag_run_id = "run_7";
  going.state = DagRunState::running;
  going.branch = "fix/0123456789abcdef";
  history.run_rows = {going};
  const Response busy = drop("fix");
  CHECK(busy.status == 409);
  CHECK(busy.body.find("demo run_7 goes on on the branch fix") != busy.body.npos);
  CHECK(history.last_run_query.filters.at(0).field == "branch");
  history.run_rows.clear();
  CHECK(drop("fix").status == 204);
  CHECK(registry.audit.back().event == "lake_branch_dropped");
  CHECK(call(Method::get, url, "", "reader").status == 404);
  CHECK_FALSE(std::filesystem::exists(home + "/lake/_branches/fix"));
  CHECK(std::filesystem::exists(home + "/lake/gold/hr/people"));
  REQUIRE(make("other", "bia").status == 201);
  CHECK(drop("other", "boss").status == 204);
  CHECK(make("more", "reader").status == 403);
}

TEST_CASE_FIXTURE(Branches,
                  "branches: a run names one that is there, no date, and tasks that may") {
  const auto start = [this](json body) {
    body.emplace("logical_date", nullptr);
    return call(Method::post, "/api/v2/dags/demo/dagRuns", body.dump(), "ana");
  };
  backend.answer = [](const Event&) {
    Reply reply;
    reply.code = Errc::conflict;
    return reply;
  };
  const auto none = start({{"branch", "fix"}});
  CHECK(none.status == 422);
  CHECK(none.body.find("there is no branch fix") != none.body.npos);
  REQUIRE(make("fix").status == 201);
  start({{"branch", "fix"}});
  const auto& run = std::get<RunRequested>(backend.events.back());
  CHECK(lakelog::branch_name_of(run.branch) == "fix");
  CHECK(run.branch.size() == std::string("fix/0123456789abcdef").size());
  const std::size_t asked = backend.events.size();
  CHECK(start({{"branch", "fix"}, {"logical_date", "2026-11-20T00:00:00Z"}}).status == 422);
  CHECK(start({{"branch", "fix/0123456789abcdef"}}).status == 422);
  CHECK(start({{"branch", ""}}).status == 422);
  CHECK(start({{"branch", 7}}).status == 422);
  auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
  auto dag = std::make_shared<Dag>(*bag->dags.at("demo"));
  dag->tasks[1].plugin = "shell";
  bag->dags["demo"] = dag;
  backend.bag = bag;
  const auto shell = start({{"branch", "fix"}});
  CHECK(shell.status == 422);
  CHECK(shell.body.find("(shell) writes elsewhere") != shell.body.npos);
  CHECK(backend.events.size() == asked);
  start({{"branch", "fix"}, {"only", {dag->tasks[0].id}}});
  CHECK(backend.events.size() == asked + 1);
}

TEST_CASE_FIXTURE(Branches, "branches: a backfill names one, whose dates it leaves to the lake") {
  constexpr const char* backfills = "/api/v2/backfills";
  const auto ask = [this](const json& more, const std::string& rest = "") {
    json body = {{"dag_id", "demo"},
                 {"from_date", "2026-11-20T00:00:00Z"},
                 {"to_date", "2026-11-20T03:00:00Z"}};
    body.update(more);
    return call(Method::post, backfills + rest, body.dump(), "ana");
  };
  backend.answer = [](const Event& event) {
    Reply reply;
    reply.backfill = std::get<BackfillRequested>(event).backfill;
    return reply;
  };
  for (const char* rest : {"", "/dry_run"}) {
    const Response none = ask({{"branch", "fix"}}, rest);
    CHECK(none.status == 422);
    CHECK(none.body.find("branch") != none.body.npos);
  }
  CHECK(ask({{"branch", "../fix"}}).status == 422);
  CHECK(backend.events.empty());
  REQUIRE(make("fix").status == 201);
  const Response made = ask({{"branch", "fix"}});
  INFO(made.body);
  REQUIRE(made.status == 200);
  CHECK(body_of(made)["batuta"]["branch"] == "fix");
  CHECK(body_of(ask(json::object()))["batuta"]["branch"].is_null());
  const auto& asked = std::get<BackfillRequested>(backend.events.front()).backfill;
  CHECK(asked.branch.size() == std::string("fix/0123456789abcdef").size());
  BackfillRow going = asked;
  going.id = 7;
  history.backfill_rows = {going};
  const Response busy = drop("fix");
  CHECK(busy.status == 409);
  CHECK(busy.body.find("backfill 7 of demo goes on") != busy.body.npos);
}

TEST_CASE_FIXTURE(Branches, "branches: one is promoted by who may edit each table, as one run") {
  const std::string url = std::string(branches_url) + "/fix/promote";
  const auto promote = [&](const json& body, const std::string& who = "boss") {
    return call(Method::post, url, body.dump(), who);
  };
  CHECK(promote({{"dry_run", true}}).status == 404);
  REQUIRE(make("fix").status == 201);
  CHECK(branches_made == 1);
  const Response none = promote(json::object());
  CHECK(none.status == 409);
  CHECK(none.body.find("nothing that the lake has not") != none.body.npos);
  write_on("fix", "gold/sales/orders", 1);
  write_on("fix", "gold/hr/more", 0);
  const json told = body_of(promote({{"dry_run", true}}, "reader_of_sales"));
  CHECK(told["hidden"] == 1);
  const json ahead = body_of(promote({{"dry_run", true}}));
  INFO(ahead.dump());
  CHECK(ahead["may_promote"] == true);
  REQUIRE(ahead["tables"].size() == 2);
  CHECK(ahead["tables"][0]["table"] == "gold/hr/more");
  CHECK(ahead["tables"][0]["base_version"].is_null());
  CHECK(ahead["tables"][0]["expected_version"] == 0);
  CHECK(ahead["tables"][1]["expected_version"] == 1);
  CHECK(ahead["tables"][1]["moved"].is_null());
  CHECK(backend.events.empty());
  backend.answer = [](const Event&) { return Reply{}; };
  CHECK(promote(json::object()).status == 503);  // the server has not read its DAG yet
  auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
  auto dag = std::make_shared<Dag>(*demo_dag());
  dag->id = "lake_promotion";
  dag->params_json = "{}";
  bag->dags["lake_promotion"] = dag;
  backend.bag = bag;
  const Response foreign = promote(json::object(), "ana");
  CHECK(foreign.status == 403);
  CHECK(foreign.body.find("lake:hr/gold") != foreign.body.npos);
  CHECK(promote({{"note", 7}}).status == 422);
  CHECK(backend.events.empty());
  const Response done = promote({{"note", "the new rule"}});
  INFO(done.body);
  REQUIRE(done.status == 200);
  CHECK(body_of(done)["dag_id"] == "lake_promotion");
  CHECK(registry.audit.back().event == "lake_branch_promoted");
  CHECK(registry.audit.back().extra_json.find(R"("gold/sales/orders":1)") != std::string::npos);
  const auto& run = std::get<RunRequested>(backend.events.back());
  CHECK(run.dag_run_id == body_of(done)["dag_run_id"]);
  CHECK(run.user == "boss");
  CHECK(run.branch.empty());
  const json order = json::parse(run.conf_json)["batuta:promotion"];
  CHECK(order["tables"] == json{{"gold/hr/more", 0}, {"gold/sales/orders", 1}});
  // Who may look at the branch is told how it ended, and who ordered it why.
  RunRow ordered;
  ordered.dag_id = "lake_promotion";
  ordered.dag_run_id = run.dag_run_id;
  ordered.conf_json = run.conf_json;
  ordered.triggering_user = "boss";
  ordered.state = DagRunState::failed;
  ordered.reason = "the lake has moved";
  RunRow other = ordered;
  other.conf_json = R"({"batuta:promotion":{"branch":"fix/fedcba9876543210","tables":{}}})";
  other.state = DagRunState::success;
  history.run_rows = {other, ordered};
  const json ended = body_of(promote({{"dry_run", true}}))["last_run"];
  CHECK(ended == json{{"dag_run_id", ordered.dag_run_id},
                      {"state", "failed"},
                      {"reason", "the lake has moved"}});
  add_clerk("of_sales", {"read lake:sales/*", "edit lake:sales/*"});
  const json told_others = body_of(promote({{"dry_run", true}}, "of_sales"))["last_run"];
  CHECK(told_others["state"] == "failed");
  CHECK(told_others["reason"].is_null());
  // A run there, or the lake's own, is in the way.
  RunRow going;
  going.dag_id = "demo";
  going.dag_run_id = "run_7";
  going.branch = "fix/0123456789abcdef";
  history.run_rows = {going};
  CHECK(promote(json::object()).body.find("run demo run_7 goes on") != std::string::npos);
  history.run_rows.clear();
  write_lake_version(home, "gold/sales/orders", 1,
                     R"({"commitInfo":{"operation":"MERGE","timestamp":1700000000000,)"
                     R"("batuta":{"dag_id":"demo","run_id":"run_8"}}})"
                     "\n"
                     R"({"add":{"path":"x.parquet","partitionValues":{},"size":1,)"
                     R"("modificationTime":1,"dataChange":true}})"
                     "\n");
  const json moved = body_of(promote({{"dry_run", true}}));
  CHECK(moved["may_promote"] == false);
  CHECK(moved["tables"][1]["moved"]["dag_run_id"] == "run_8");
  CHECK(moved["tables"][1]["moved"]["version"] == 1);
  const Response refused = promote(json::object());
  CHECK(refused.status == 409);
  CHECK(refused.body.find("gold/sales/orders left at version 0, and at version 1 of the lake's "
                          "rows were written (by demo run_8)") != refused.body.npos);
}

TEST_CASE_FIXTURE(Branches, "branches: a table is compared by its key with what it left from") {
  const std::string meta =
      R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2}})"
      "\n"
      R"({"metaData":{"id":"t","format":{"provider":"parquet","options":{}},)"
      R"("schemaString":"{\"type\":\"struct\",\"fields\":[)"
      R"({\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},)"
      R"({\"name\":\"amount\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},)"
      R"({\"name\":\"_run\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}",)"
      R"("partitionColumns":[],"configuration":{},"createdTime":1700000000000}})"
      "\n";
  write_lake_version(home, "gold/sales/deals", 0, meta);
  REQUIRE(make("fix").status == 201);
  const std::string url = std::string(branches_url) + "/fix/diff?table=gold/sales/deals";
  const auto ask = [&](const std::string& more, const std::string& who = "ana") {
    return call(Method::get, url + more, "", who);
  };
  CHECK(ask("&key=id").status == 404);  // nothing of it was written there
  const auto lake = lakelog::open_storage(home + "/lake");
  const auto branch = lakelog::find_branch(**lake, "fix");
  write_lake_version(home, lakelog::branch_key(branch->ref(), "gold/sales/deals"), 1,
                     R"({"commitInfo":{"operation":"MERGE"}})"
                     "\n");
  const Response keyless = ask("");
  CHECK(keyless.status == 422);
  CHECK(keyless.body.find("which columns are the key") != keyless.body.npos);
  CHECK(ask("&key=none").status == 422);
  CHECK(ask("&limit=201").status == 422);
  CHECK(call(Method::get, std::string(branches_url) + "/fix/diff?table=deals", "", "ana").status ==
        422);
  CHECK(lake_queries.empty());
  const auto answers = [this](std::vector<std::string> texts) {
    lake_answer = [texts, at = std::size_t{0}]() mutable {
      return Result<std::string>(texts.at(at++));
    };
  };
  const std::string tables = R"("tables":[{"table":"gold/sales/deals","version":0,"masked":[]}])";
  answers({R"({"columns":[],"rows":[[1,0,1,7,0,0]],)" + tables + "}",
           R"({"columns":[],"rows":[[true,true,3,10,12,true],[null,true,4,null,5,true]],)" +
               tables + "}"});
  const Response answer = ask("&key=id");
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  const json told = body_of(answer);
  CHECK(told["added"] == 1);
  CHECK(told["changed"] == 1);
  CHECK(told["unchanged"] == 7);
  CHECK(told["compared"] == json{"amount"});  // what the lake itself writes is not
  CHECK(told["lake"]["version"] == 0);
  CHECK(told["on_branch"]["version"] == 1);
  CHECK(told["rows"][0] == json{{"what", "changed"},
                                {"key", {{"id", 3}}},
                                {"values", {{"amount", {{"lake", 10}, {"branch", 12}}}}}});
  CHECK(told["rows"][1]["what"] == "added");
  REQUIRE(lake_queries.size() == 2);
  const std::string sql = json::parse(lake_queries[0])["sql"];
  CHECK(sql.find("\"gold/sales/deals@v0\"") != sql.npos);
  CHECK(sql.find("\"gold/sales/deals@branch:fix\"") != sql.npos);
  CHECK(sql.find("_run") == sql.npos);
  const std::string same = R"({"columns":[],"rows":[[0,0,0,9,0,0]],)" + tables + "}";
  answers({R"({"columns":[],"rows":[[1,0,1,7,0,2]],)" + tables + "}", same});
  const Response twice = ask("&key=id");
  CHECK(twice.status == 422);
  CHECK(twice.body.find("are no key of gold/sales/deals") != twice.body.npos);
  const Response alike = ask("&key=id", "reader");
  INFO(alike.body);
  REQUIRE(alike.status == 200);
  CHECK(body_of(alike)["unchanged"] == 9);
  CHECK(lake_queries.size() == 4);  // where nothing differs no rows are asked for
  add_clerk("other", {"read lake:hr/*"});
  CHECK(ask("&key=id", "other").status == 403);
}

}  // namespace batuta::http
