// What says why nothing is computed, and what makes a model be computed all the same.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "lakelog/branch.h"
#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

const std::string skip_input = "silver/shop/sold";
const std::string skip_table = "gold/shop/sums";
const std::string skip_rows = "SELECT * FROM (VALUES ('ana', 10), ('bia', 7)) v(client, n)";

json skipped_sums() {
  return {{"sql", "SELECT client, CAST(sum(n) AS BIGINT) AS n FROM silver.shop.sold GROUP BY ALL"},
          {"table", skip_table},
          {"keys", {"client"}}};
}

}  // namespace

TEST_CASE("a task says why nothing was computed, and is computed where it says always") {
  Models world;
  world.put(skip_input, skip_rows);
  world.run("run-1", skipped_sums());
  CHECK(world.host->note.empty());
  const json same = world.run("run-2", skipped_sums());
  CHECK(world.host->note.starts_with("unchanged since version 0, because the model"));
  CHECK(world.host->note.find("silver/shop/sold version 0") != std::string::npos);
  CHECK(same["because"] == world.host->note);
  json always = skipped_sums();
  always["always"] = true;
  CHECK_FALSE(world.run("run-3", always).contains("because"));
  CHECK(world.said("computed: the model has always: true"));
  CHECK(world.host->note.empty());
  CHECK(world.version(skip_table) == 0);
  CHECK(world.run("run-4", skipped_sums()).contains("because"));  // it is the same model
}

TEST_CASE("what another build of the plugin computed is computed again, and then is known") {
  Models world;
  world.put(skip_input, skip_rows);
  world.run("run-1", skipped_sums());
  const std::string file =
      world.lake.path() + "/" + skip_table + "/_delta_log/00000000000000000000.json";
  std::ifstream in(file);
  std::string lines, line;
  while (std::getline(in, line)) {
    json action = json::parse(line);
    if (action.contains("commitInfo")) {
      json& metrics = action["commitInfo"]["operationMetrics"];
      REQUIRE_FALSE(metrics["build"].get<std::string>().starts_with("/"));  // the linker's id
      metrics["build"] = "another";
      metrics["model"] = "of another";
    }
    lines += action.dump() + "\n";
  }
  std::ofstream(file) << lines;
  CHECK(world.run("run-2", skipped_sums())["unchanged"] == true);
  CHECK(world.said("was made by another build of the plugin or of the engine"));
  CHECK(world.run("run-3", skipped_sums()).contains("because"));
  // What was confirmed of one table says nothing of another in its place.
  std::ofstream(file) << [&] {
    std::string other = lines;
    const auto at = other.find("\"metaData\":{");
    const auto id = other.find("\"id\":\"", at);
    other.replace(id + 6, 4, "ffff");
    return other;
  }();
  CHECK_FALSE(world.run("run-4", skipped_sums()).contains("because"));
}

TEST_CASE("on a branch a version is not taken for the lake's version of the same number") {
  Models world;
  world.put(skip_input, skip_rows);
  world.run("run-1", skipped_sums());
  const std::string ref = lakelog::create_branch(*world.lake.storage(), {"fix", ""})->ref();
  const auto put_at = [&](const std::string& branch, const std::string& values) {
    world.branch = branch;
    world.put(skip_input, "SELECT * FROM (VALUES " + values + ") v(client, n)");
  };
  const auto sums = [&](const std::string& branch) {
    world.branch = branch;
    return world.rows(skip_table, "SELECT client, n FROM t ORDER BY 1");
  };
  put_at(ref, "('ana', 99), ('bia', 7)");
  put_at("", "('ana', 11), ('bia', 7)");
  world.run("run-2", skipped_sums());  // the lake's version 1 of the lake's version 1
  world.branch = ref;
  CHECK_FALSE(world.run("run-3", skipped_sums()).contains("because"));
  CHECK(sums(ref) == std::vector<std::string>{"ana|99", "bia|7"});
  CHECK(sums("") == std::vector<std::string>{"ana|11", "bia|7"});
  world.branch = ref;
  CHECK(world.run("run-4", skipped_sums()).contains("because"));
  CHECK(world.version(skip_table) == 2);
  // What is confirmed of the lake's version 2, of the lake's version 3, says nothing of the
  // branch's.
  put_at("", "('ana', 12), ('bia', 7)");
  world.run("run-5", skipped_sums());
  put_at("", "('ana', 6), ('ana', 6), ('bia', 7)");
  CHECK(world.run("run-6", skipped_sums())["unchanged"] == true);
  CHECK(world.version(skip_table) == 2);
  put_at(ref, "('ana', 98), ('bia', 7)");
  put_at(ref, "('ana', 97), ('bia', 7)");
  CHECK(world.version(skip_input) == 3);
  CHECK_FALSE(world.run("run-7", skipped_sums()).contains("because"));
  CHECK(sums(ref) == std::vector<std::string>{"ana|97", "bia|7"});
}
