// Data domains over HTTP: planned, made, made again, refused and taken away.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/api/fake_bundles.h"
#include "tests/api/fake_services.h"

namespace batuta::http::domain_test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::string risk_path = "/api/batuta/domains/risk";
const std::string risk_contract = R"(apiVersion: v3.1.0
kind: DataContract
id: risk
version: 1.0.0
status: active
domain: risk
servers:
  - {server: drop, type: local, path: "/srv/orders.csv", format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
)";

struct WithHome {
  TestApi api;
  std::string bundle = api.home + "/bundles/risk";

  json body(const std::string& contract = risk_contract) const {
    return {{"contract", contract}, {"schedule", ""}};
  }
  json plan(const std::string& contract = risk_contract) {
    const auto answer = api.call(Method::post, risk_path + "/plan", body(contract).dump());
    REQUIRE(answer.status == 200);
    return body_of(answer);
  }
  Response apply(json what, const std::string& role = "admin") {
    return api.call(Method::put, risk_path, what.dump(), role);
  }
  json applied() {
    const auto answer = apply(body());
    REQUIRE(answer.status == 200);
    return body_of(answer);
  }
  // Somebody with these rights, whose token is "<name>-token".
  void add(const std::string& name, const std::vector<std::string>& grants) {
    Role role{name, "", {}};
    for (const auto& grant : grants) role.grants.push_back(*parse_grant(grant));
    REQUIRE(api.registry.add_role(role).ok());
    REQUIRE(api.registry.add_user(name, name, "hash").ok());
    api.registry.token_rows[name + "-token"].user = name;
  }
  bool has_role(const std::string& name) const {
    for (const Role& role : api.registry.roles())
      if (role.name == name) return true;
    return false;
  }
};

}  // namespace

TEST_CASE("a plan changes nothing, applying makes it all, and again changes nothing") {
  WithHome world;
  const json plan = world.plan();
  CHECK(plan["changes"] == 8);
  CHECK(plan["steps"].size() == 8);
  CHECK(plan["errors"].empty());
  CHECK_FALSE(plan["done"].get<bool>());
  CHECK_FALSE(fs::exists(world.bundle));
  const json done = world.applied();
  CHECK(done["steps"] == plan["steps"]);
  CHECK(done["done"] == true);
  CHECK(fs::exists(world.bundle + "/dags/risk_ingestion.json"));
  CHECK(world.has_role("risk_reader"));
  CHECK(world.api.registry.groups().size() == 2);
  CHECK(world.api.folder_reads.back() == true);
  const auto& audit = world.api.registry.audit.back();
  CHECK(audit.event == "apply_domain");
  CHECK(audit.owner == "admin");
  CHECK(audit.extra_json.find("create role risk_reader") != std::string::npos);
  CHECK(world.applied()["changes"] == 0);
  CHECK(world.plan()["changes"] == 0);

  const json list = world.api.get("/api/batuta/domains");
  CHECK(list["total_entries"] == 1);
  CHECK(list["domains"][0]["domain"] == "risk");
  CHECK(list["domains"][0]["tables"] == json::array({"orders"}));
  CHECK(list["domains"][0]["unfinished"] == false);
  const json one = world.api.get(risk_path);
  CHECK(one["contract"] == risk_contract);
  CHECK(one["schedule"] == "");
  CHECK(one["removal"]["changes"] == 8);
}

TEST_CASE("a contract that is wrong is told with line and pointer, and nothing is made") {
  WithHome world;
  const std::string bad = risk_contract + "nonsense: 1\n";
  const json plan = world.plan(bad);
  CHECK(plan["steps"].empty());
  REQUIRE(plan["errors"].size() == 1);
  CHECK(plan["errors"][0]["line"] == 13);
  const auto refused = world.apply(world.body(bad));
  CHECK(refused.status == 422);
  CHECK(body_of(refused)["detail"][0]["ctx"]["line"] == 13);
  CHECK_FALSE(fs::exists(world.bundle));
  CHECK(world.plan("not: [a contract")["errors"].size() == 1);
  CHECK(world.api.status(Method::post, "/api/batuta/domains/Risk/plan", world.body().dump()) ==
        422);
  CHECK(world.api.status(Method::put, risk_path, R"({"schedule":""})") == 422);
  const json large = world.body(std::string((256 << 10) + 1, 'x'));
  CHECK(world.api.status(Method::post, risk_path + "/plan", large.dump()) >= 400);
}

TEST_CASE("what others made is a conflict until force says so, and a plan that was seen holds") {
  WithHome world;
  REQUIRE(world.api.registry.add_role({"risk_reader", "mine", {}}).ok());
  CHECK(world.plan()["conflicts"].size() == 1);
  const auto refused = world.apply(world.body());
  CHECK(refused.status == 409);
  CHECK(refused.body.find("risk_reader is there and was not made by this domain") !=
        std::string::npos);
  CHECK_FALSE(fs::exists(world.bundle));
  json forced = world.body();
  forced["force"] = true;
  forced["digest"] = std::string(64, '0');
  CHECK(world.apply(forced).status == 409);
  forced["digest"] = world.plan()["digest"];
  CHECK(world.apply(forced).status == 200);
}

TEST_CASE("an apply that fails half-way is ended by the next") {
  WithHome world;
  const fs::path in_the_way = world.bundle + "/dags/.risk_quality.json.new";
  fs::create_directories(in_the_way);
  const auto failed = world.apply(world.body());
  CHECK(failed.status == 503);
  CHECK(failed.body.find("cannot write") != std::string::npos);
  CHECK(world.has_role("risk_reader"));
  CHECK(world.api.get("/api/batuta/domains")["domains"][0]["unfinished"] == true);
  fs::remove(in_the_way);
  CHECK(world.applied()["changes"] > 0);
  CHECK(world.plan()["changes"] == 0);
  CHECK(world.api.get("/api/batuta/domains")["domains"][0]["unfinished"] == false);
}

TEST_CASE("nobody makes a domain whose roles give more than they have") {
  WithHome world;
  world.add("maker", {"* admin:domains"});
  auto refused = world.apply(world.body(), "maker");
  CHECK(refused.status == 403);
  CHECK(refused.body.find("admin:roles") != std::string::npos);
  world.add("giver", {"* admin:domains", "* admin:roles", "* lake:risk/*"});
  refused = world.apply(world.body(), "giver");
  CHECK(refused.status == 403);
  CHECK_FALSE(fs::exists(world.bundle));
  world.add("owner", {"* admin:domains", "* admin:roles", "* lake:risk/*", "* dag:risk_*"});
  CHECK(world.apply(world.body(), "owner").status == 200);
  world.add("looker", {"read admin:domains"});
  CHECK(world.api.status(Method::post, risk_path + "/plan", world.body().dump(), "looker") == 200);
  CHECK(world.api.status(Method::del, risk_path, "", "looker") == 403);
}

TEST_CASE("taking away takes what was made and nothing of others") {
  WithHome world;
  CHECK(world.api.status(Method::get, risk_path) == 404);
  CHECK(world.api.status(Method::del, risk_path) == 404);
  world.applied();
  std::ofstream(world.bundle + "/notes.txt") << "mine";
  CHECK(world.api.status(Method::del, risk_path) == 409);
  CHECK(world.has_role("risk_reader"));
  fs::remove(world.bundle + "/notes.txt");
  const std::string digest = world.api.get(risk_path)["removal"]["digest"];
  CHECK(world.api.status(Method::del, risk_path + "?digest=" + std::string(64, '0')) == 409);
  const auto gone = world.api.call(Method::del, risk_path + "?digest=" + digest);
  REQUIRE(gone.status == 200);
  CHECK(body_of(gone)["changes"] == 8);
  CHECK_FALSE(fs::exists(world.bundle));
  CHECK_FALSE(world.has_role("risk_reader"));
  CHECK(world.api.registry.groups().empty());
  CHECK(world.api.registry.audit.back().event == "destroy_domain");
  CHECK(world.api.get("/api/batuta/domains")["total_entries"] == 0);
}

TEST_CASE("a bundle that the settings name is no domain") {
  FakeBundles bundles;
  TestApi api(&bundles);
  const json body = {{"contract", risk_contract}};
  const auto refused = api.call(Method::put, risk_path, body.dump());
  CHECK(refused.status == 409);
  CHECK(refused.body.find("one of the settings") != std::string::npos);
}

}  // namespace batuta::http::domain_test
