// The file of a DAG over HTTP: read, checked while somebody edits it, and written anew.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "scheduler/store/crypto.h"
#include "tests/api/fake_bundles.h"
#include "tests/api/fake_services.h"

namespace batuta::http::dag_file_test {
namespace {

using nlohmann::json;

const std::string file_path = "/api/batuta/dags/demo/file";
const std::string check_path = file_path + "/check";

// The DAG demo with a file in a folder of its own, which people may edit.
struct WithFile {
  FakeBundles bundles;
  TestApi api{&bundles};
  std::string folder = api.home + "/dags";
  std::string text = demo_dag()->source_text;

  WithFile() {
    std::filesystem::create_directory(folder);
    save(text);
    allow("true");
    in_bundle("");
  }
  void allow(const std::string& value) { api.settings = {{"page.edit_dags", value}}; }
  void in_bundle(const std::string& revision) {
    auto bag = std::make_shared<DagBagSnapshot>(*api.backend.bag);
    bag->bundles["default"] = {revision, folder, 1, false};
    api.backend.bag = bag;
  }
  void save(const std::string& what) const { std::ofstream(folder + "/demo.json") << what; }
  std::string saved() const {
    std::stringstream out;
    out << std::ifstream(folder + "/demo.json").rdbuf();
    return out.str();
  }
  Response put(const std::string& content, const std::string& over,
               const std::string& role = "admin") {
    const json body = {{"content", content}, {"hash", sha256_hex(over)}};
    return api.call(Method::put, file_path, body.dump(), role);
  }
  json check(const std::string& content) {
    const auto answer = api.call(Method::post, check_path, json({{"content", content}}).dump());
    REQUIRE(answer.status == 200);
    return body_of(answer);
  }
  // The file with `from` replaced.
  std::string with(const std::string& from, const std::string& to) const {
    std::string changed = text;
    const auto at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, from.size(), to);
  }
};

}  // namespace

TEST_CASE("a DAG's file is read with its hash, and written over exactly that text") {
  WithFile world;
  const json read = world.api.get(file_path);
  CHECK(read["editable"] == true);
  CHECK(read["content"] == world.text);
  CHECK(read["hash"] == sha256_hex(world.text));
  CHECK(read["relative_fileloc"] == "demo.json");
  const std::string changed = world.with("\"retries\": 2", "\"retries\": 3");
  const auto answer = world.put(changed, world.text);
  REQUIRE(answer.status == 200);
  CHECK(body_of(answer)["hash"] == sha256_hex(changed));
  CHECK(world.saved() == changed);
  const auto& audit = world.api.registry.audit.back();
  CHECK(audit.event == "edit_dag_file");
  CHECK(audit.dag_id == "demo");
  const json extra = json::parse(audit.extra_json);
  CHECK(extra["before"] == sha256_hex(world.text));
  CHECK(extra["after"] == sha256_hex(changed));
  CHECK(extra["before_text"] == world.text);
  CHECK(extra["after_text"] == changed);
}

TEST_CASE("a DAG's file that somebody else changed is not written over") {
  WithFile world;
  const std::string theirs = world.with("@hourly", "@daily");
  world.save(theirs);
  const auto rows = world.api.registry.audit.size();
  const auto refused = world.put(world.with("@hourly", "@weekly"), world.text);
  CHECK(refused.status == 409);
  CHECK(refused.body.find("changed by somebody else") != std::string::npos);
  CHECK(world.saved() == theirs);
  CHECK(world.api.registry.audit.size() == rows);
}

TEST_CASE("a text that is no DAG, or another, is checked with its places and never written") {
  WithFile world;
  const json good = world.check(world.text);
  CHECK(good["errors"].empty());
  CHECK(good["task_count"] == 2);
  CHECK(good["tasks"][0]["downstream_task_ids"][0] == "second");
  const std::string torn = world.with("\"retries\": 2", "\"retries\": -2");
  const json bad = world.check(torn);
  REQUIRE(bad["errors"].size() == 1);
  CHECK(bad["errors"][0]["line"] == 5);
  CHECK(bad["errors"][0]["pointer"] == "/default_args/retries");
  CHECK(bad["tasks"].empty());
  const auto refused = world.put(torn, world.text);
  CHECK(refused.status == 422);
  CHECK(body_of(refused)["detail"][0]["ctx"]["line"] == 5);
  const std::string other = world.with("\"demo\"", "\"other\"");
  CHECK(world.check(other)["errors"][0]["pointer"] == "/dag_id");
  CHECK(world.put(other, world.text).status == 422);
  CHECK(world.put("{", world.text).status == 422);
  CHECK(world.saved() == world.text);
  CHECK(world.api.status(Method::post, check_path, "{}") == 422);
  const std::string huge = json({{"content", std::string(300'000, ' ')}}).dump();
  CHECK(world.api.status(Method::post, check_path, huge) >= 400);
}

TEST_CASE("what is checked of a DAG's file knows the plugins that workers offer") {
  WithFile world;
  PluginInfo offered;
  offered.name = "mock_bronze";
  offered.kind = "extract";
  world.api.backend.view.catalogue.push_back(offered);
  const auto warnings = [&](const std::string& source) {
    const json checked =
        world.check(R"({"dag_id": "demo", "tasks": [{"task_id": "a", "type": "extract", )"
                    R"("layer": "bronze", "source": ")" +
                    source + R"("}]})");
    CHECK(checked["errors"].empty());
    return checked["warnings"];
  };
  CHECK(warnings("mock").empty());
  const json misspelt = warnings("mick");
  REQUIRE(misspelt.size() == 1);
  CHECK(misspelt[0]["message"].get<std::string>().find("mick_bronze") != std::string::npos);
}

TEST_CASE("a DAG's file is edited only where the operator lets people, and by who may edit it") {
  WithFile world;
  const std::string changed = world.with("@hourly", "@daily");
  const auto is_refused = [&](const std::string& why) {
    CAPTURE(why);
    const json read = world.api.get(file_path);
    CHECK(read["editable"] == false);
    CHECK(read["content"] == nullptr);
    CHECK(read["reason"].get<std::string>().find(why) != std::string::npos);
    const auto refused = world.put(changed, world.text);
    CHECK(refused.status == 409);
    CHECK(refused.body.find(why) != std::string::npos);
    CHECK(world.saved() == world.text);
  };
  world.allow("false");
  is_refused("page.edit_dags is off");
  CHECK(world.api.status(Method::post, check_path, R"({"content": "{}"})") == 409);
  world.api.settings.clear();
  is_refused("page.edit_dags is off");
  world.allow("true");
  world.in_bundle("1111");
  is_refused("deployed from Git");
  world.in_bundle("");
  for (const char* role : {"viewer", "none"}) {
    CHECK(world.put(changed, world.text, role).status == 403);
    CHECK(world.api.status(Method::get, file_path, "", role) == 403);
  }
  CHECK(world.saved() == world.text);
  CHECK(world.put(changed, world.text, "operator").status == 200);
}

TEST_CASE("a DAG's file that is gone, too large or reached by a link says so") {
  WithFile world;
  const auto reason = [&] { return world.api.get(file_path)["reason"].get<std::string>(); };
  world.save(std::string(300'000, ' '));
  CHECK(reason().find("larger than 256 KiB") != std::string::npos);
  std::filesystem::remove(world.folder + "/demo.json");
  CHECK(reason().find("no such file") != std::string::npos);
  std::ofstream(world.folder + "/real.json") << world.text;
  std::filesystem::create_symlink("real.json", world.folder + "/demo.json");
  CHECK(world.put(world.with("@hourly", "@daily"), world.text).status == 403);
  CHECK(world.saved() == world.text);
  CHECK(world.api.status(Method::get, "/api/batuta/dags/nobody/file") == 404);
}

}  // namespace batuta::http::dag_file_test
