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

}  // namespace batuta::http
