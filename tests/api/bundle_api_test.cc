// Bundles over HTTP: what is listed, and how a switch is asked for, refused and told.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_bundles.h"
#include "tests/api/fake_services.h"

namespace batuta::http::bundle_test {
namespace {

const std::string bundles_path = "/api/batuta/bundles";

struct WithBundles {
  FakeBundles bundles;
  TestApi api;
  WithBundles() : api(&bundles) {}
};

}  // namespace

TEST_CASE("bundles are listed with what is live of them, for who administers bundles") {
  WithBundles world;
  auto bag = std::make_shared<DagBagSnapshot>(*world.api.backend.bag);
  bag->bundles["default"] = {"", "/srv/dags", 2, false};
  bag->bundles["risk"] = {"1111", "/home/revisions/risk/1111/dags", 1, false};
  bag->bundles["web"] = {"", "/home/bundles/web/dags", 0, true};
  bag->import_errors.push_back({9, world.bundles.now, "risk://x.json", "broken"});
  world.api.backend.bag = bag;
  const auto list = world.api.get(bundles_path);
  REQUIRE(list["total_entries"] == 3);
  CHECK(list["bundles"][0]["import_errors"] == 1);  // of the fixture
  const auto& risk = list["bundles"][1];
  CHECK(risk["kind"] == "git");
  CHECK(risk["place"] == "/srv/risk.git");
  CHECK(risk["revision"] == "1111");
  CHECK(risk["tip"] == "2222");
  CHECK(risk["import_errors"] == 1);
  CHECK(risk["revisions"][0]["subject"] == "first");
  CHECK(list["bundles"][2]["problem"] == "the folder cannot be opened");
  CHECK(world.api.status(Method::get, bundles_path, "", "operator") == 403);
  auto& registry = world.api.registry;
  REQUIRE(registry.add_role({"deployer", "", {*parse_grant("edit admin:bundles")}}).ok());
  REQUIRE(registry.add_user("deployer", "deployer", "hash").ok());
  registry.token_rows["deployer-token"].user = "deployer";
  CHECK(world.api.status(Method::get, bundles_path, "", "deployer") == 200);
}

TEST_CASE("a deploy compares, switches with a row of audit, and says what it changed") {
  WithBundles world;
  const auto answer =
      world.api.call(Method::post, bundles_path + "/risk/deploy", R"({"revision": "v2"})");
  REQUIRE(answer.status == 200);
  CHECK(body_of(answer)["switched"] == true);
  CHECK(body_of(answer)["added"][0] == "a");
  REQUIRE(world.bundles.acts.size() == 1);
  CHECK(world.bundles.acts[0].revision == "v2");
  CHECK(world.bundles.switched == std::vector<std::string>{"risk 2222 admin"});
  CHECK(world.api.registry.audit.back().event == "deploy_bundle");
  CHECK(world.api.registry.audit.back().extra_json.find("\"to\":\"2222\"") != std::string::npos);
  CHECK(world.api.status(Method::post, bundles_path + "/risk/rollback") == 200);
  CHECK(world.bundles.acts[1].back);
  CHECK(world.api.registry.audit.back().event == "rollback_bundle");
  CHECK(world.api.get(bundles_path + "/risk/diff?revision=v2")["changed"][0] == "b");
  CHECK(world.bundles.switched.size() == 2);
}

TEST_CASE(
    "a revision with errors is refused unless they are allowed, and one that is live is not "
    "switched to") {
  WithBundles world;
  world.bundles.answer = BundleDiff{"1111", "2222", "second", {}, {}, {}, {}, {"x.json: broken"}};
  const std::string deploy = bundles_path + "/risk/deploy";
  const auto refused = world.api.call(Method::post, deploy);
  CHECK(refused.status == 409);
  CHECK(refused.body.find("x.json: broken") != std::string::npos);
  CHECK(world.bundles.switched.empty());
  CHECK(world.api.status(Method::post, deploy, R"({"allow_errors": true})") == 200);
  CHECK(world.bundles.switched.size() == 1);
  world.bundles.answer = BundleDiff{"2222", "2222", "second", {}, {}, {}, {}, {}};
  CHECK(body_of(world.api.call(Method::post, deploy))["switched"] == false);
  CHECK(world.bundles.switched.size() == 1);
  world.bundles.answer = Error{Errc::not_found, "there is no bundle x", {}};
  CHECK(world.api.status(Method::post, bundles_path + "/x/deploy") == 404);
  CHECK(world.api.status(Method::post, deploy, R"({"branch": "x"})") == 422);
  TestApi without;
  CHECK(without.status(Method::post, deploy) == 404);
}

TEST_CASE("a bundle that is a folder is said to be one, whether a setting names it or not") {
  WithBundles world;
  auto bag = std::make_shared<DagBagSnapshot>(*world.api.backend.bag);
  bag->bundles["default"] = {"", "/srv/dags", 2, false};
  bag->bundles["risk"] = {"1111", "/home/revisions/risk/1111/dags", 1, false};
  world.api.backend.bag = bag;
  TestApi without;
  without.backend.bag = bag;
  for (TestApi* api : {&world.api, &without}) {
    for (const char* verb : {"deploy", "rollback"}) {
      const auto refused = api->call(Method::post, bundles_path + "/default/" + verb);
      CHECK(refused.status == 409);
      CHECK(refused.body.find("default is a folder") != std::string::npos);
    }
    CHECK(api->status(Method::get, bundles_path + "/default/diff") == 409);
  }
  CHECK(world.bundles.acts.empty());
  CHECK(world.api.status(Method::post, bundles_path + "/risk/deploy") == 200);
}

}  // namespace batuta::http::bundle_test
