// What a run of a model would do, told without one: beside what the run then does.
#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "plugins/models/model_cost.h"
#include "tests/plugins/models_fixture.h"
#include "tests/support/rounds.h"

using namespace batuta;
using nlohmann::json;

namespace {

json planned_model(Models& world, json task, const std::vector<std::string>& unknown = {}) {
  task["plan"] = {{"unknown", unknown}};
  world.attempt("plan", task);
  INFO(world.host->failure);
  REQUIRE(world.returned == 0);
  CHECK(world.host->outputs.empty());
  return json::parse(world.host->result);
}

json sums_by_day(const std::string& columns = "day, CAST(sum(n) AS BIGINT) AS n") {
  return {{"sql", "SELECT " + columns + " FROM silver.shop.sold GROUP BY day"},
          {"table", "gold/shop/sums"},
          {"partition_by", {"day"}}};
}

bool holds_words(const json& text, const std::string& words) {
  return text.get<std::string>().find(words) != std::string::npos;
}

void put_sold(Models& world, const std::string& rows) {
  world.put("silver/shop/sold", "SELECT * FROM (VALUES " + rows + ") v(day, n)", {"day"});
}

}  // namespace

TEST_CASE("a plan classifies what another text makes of a table's columns") {
  Models world;
  put_sold(world, "(1, 5), (2, 6)");
  CHECK(planned_model(world, sums_by_day())["change"] == "new");
  world.run("run-1", sums_by_day());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"day, CAST(sum(n) AS BIGINT) AS n", "none"},
      {"day, CAST(max(n) AS BIGINT) AS n", "rows"},
      {"day, CAST(max(n) AS INTEGER) AS n", "rows"},
      {"day, CAST(sum(n) AS BIGINT) AS n, count(*) AS sales", "additive"},
      {"day, CAST(sum(n) AS VARCHAR) AS n", "breaking"},
      {"day, count(*) AS sales", "breaking"},
      {"day, CAST(sum(no) AS BIGINT) AS n", "unknown"}};
  for (const auto& [columns, change] : cases) {
    const std::string of = columns;
    CAPTURE(of);
    const json told = planned_model(world, sums_by_day(of));
    CHECK(told["change"] == change);
    CHECK(told["computes"] == (change == "none" ? "nothing" : "all"));
    CHECK(told.contains("problem") == (change == "breaking" || change == "unknown"));
  }
  CHECK(world.version("gold/shop/sums") == 0);
}

TEST_CASE("a plan tells what of the inputs a run would read, as the run then does") {
  Models world;
  put_sold(world, "(1, 5), (2, 6), (3, 7)");
  const json first = planned_model(world, sums_by_day());
  CHECK(first["computes"] == "all");
  CHECK(first["rows"] == 3);
  CHECK(first["bytes"].get<std::int64_t>() > 0);
  CHECK(first["seconds"].is_null());
  CHECK(first["why"] == "the table is new");
  world.run("run-1", sums_by_day());
  CHECK(planned_model(world, sums_by_day())["rows"] == 0);
  CHECK(world.run("run-2", sums_by_day())["unchanged"] == true);

  put_sold(world, "(1, 5), (2, 8), (3, 7)");
  const json part = planned_model(world, sums_by_day());
  CHECK(part["computes"] == "part");
  CHECK(part["rows"] == 1);
  CHECK(part["seconds"].is_number());
  CHECK(part["whole"]["rows"] == 3);
  CHECK(part["change"] == "none");
  CHECK(part["why"].get<std::string>().find("since version 0: 2") != std::string::npos);
  world.run("run-3", sums_by_day());
  const std::string told = part["why"];
  const auto second = told.find("; ") + 2;
  CHECK(world.said("computed: " + told.substr(0, second - 2)));
  CHECK(world.said(told.substr(second)));
}

TEST_CASE("a plan says nothing is computed only where a run would not") {
  Models world;
  put_sold(world, "(1, 5)");
  json clock = sums_by_day("day, CAST(sum(n) AS BIGINT) AS n, CAST(now() AS VARCHAR) AS at");
  clock["table"] = "gold/shop/clock";
  json ruled = sums_by_day();
  ruled["table"] = "gold/shop/ruled";
  json appended = sums_by_day();
  appended.update({{"table", "gold/shop/appended"}, {"mode", "append"}});
  for (const json& task : {clock, ruled, appended}) world.run("run-1", task);
  CHECK(planned_model(world, clock)["why"] ==
        "now gives something else each time; a full pass: now gives something else each time");
  CHECK(holds_words(planned_model(world, appended)["why"], "each run appends its rows"));
  CHECK(planned_model(world, ruled)["computes"] == "nothing");
  ruled["quality"] = json::array({{{"rule", "not_null"}, {"column", "n"}}});
  const json other_rules = planned_model(world, ruled);
  CHECK(other_rules["change"] == "fields");
  CHECK(other_rules["computes"] == "all");
  CHECK(world.run("run-2", ruled)["unchanged"] == true);  // computed, and the same
  CHECK(world.said("computed: the rules or the description of the model are not those of version"));
  // That is known from then on.
  CHECK(planned_model(world, ruled)["computes"] == "nothing");
  CHECK(world.run("run-3", ruled)["because"].get<std::string>().starts_with(
      "unchanged since version 0, because"));
  json gone = sums_by_day();
  gone.update({{"sql", "SELECT 1 AS n FROM silver.shop.nowhere"}, {"table", "gold/shop/gone"}});
  gone.erase("partition_by");
  const json missing = planned_model(world, gone);
  CHECK(missing["missing"] == json::array({"silver/shop/nowhere"}));
  CHECK(missing["why"] == "there is no table silver/shop/nowhere");
  CHECK(missing["computes"] == "unknown");
}

TEST_CASE("a plan tells rules and description of a model with templates from its values") {
  Models world;
  put_sold(world, "(1, 5)");
  const auto dated = [](const json& until) {
    return json{{"sql", "SELECT day, n FROM silver.shop.sold WHERE day <= :until"},
                {"parameters", {{"until", until}}},
                {"table", "gold/shop/dated"}};
  };
  world.run("run-1", dated(9));
  CHECK(planned_model(world, dated(9))["computes"] == "nothing");
  const json other = planned_model(world, dated(8));
  CHECK(other["computes"] == "all");
  CHECK(
      holds_words(other["why"], "the values of the model's templates are not those of version 0"));
  const json open = planned_model(world, dated(nullptr), {"{{ params.until }}"});
  CHECK(open["computes"] == "unknown");
  CHECK(open["change"] == "none");
  CHECK(holds_words(open["why"], "not known: {{ params.until }}"));
  for (const char* field : {"quality", "description"}) {
    const std::string of = field;
    CAPTURE(of);
    json task = dated(nullptr);
    task[of] = of == "quality" ? json::array({{{"rule", "not_null"}, {"column", "n"}}})
                               : json("what was sold");
    const json told = planned_model(world, task, {"{{ params.until }}"});
    CHECK(told["change"] == "fields");
    CHECK(told["computes"] == "all");
  }
  put_sold(world, "(1, 6)");
  CHECK(planned_model(world, dated(nullptr), {"{{ params.until }}"})["computes"] == "all");
}

TEST_CASE("a plan looks at the newest version of the history, too") {
  Models world;
  put_sold(world, "(1, 5)");
  json task = sums_by_day();
  task.update({{"history", true}, {"keys", {"day"}}, {"quality", json::array()}});
  world.run("run-1", task);
  CHECK(planned_model(world, task)["computes"] == "nothing");
  // The table is made by other rules, and its history is not: a run without it is no run of this.
  json ruled = task;
  ruled["quality"] = json::array({{{"rule", "not_null"}, {"column", "n"}}});
  json without = ruled;
  without["history"] = false;
  world.run("run-2", without);
  CHECK(planned_model(world, without)["computes"] == "nothing");
  CHECK(planned_model(world, ruled)["computes"] != "nothing");
  world.run("run-3", ruled);
  CHECK(world.said("computed: "));
  CHECK(planned_model(world, ruled)["computes"] == "nothing");
  CHECK(world.run("run-4", ruled).contains("because"));
}

TEST_CASE("a table that an older release wrote: its plan says that it cannot be told") {
  Models world;
  put_sold(world, "(1, 5)");
  const json task = {{"sql", "SELECT day, n FROM silver.shop.sold WHERE day <= :until"},
                     {"parameters", {{"until", 9}}},
                     {"table", "gold/shop/dated"}};
  world.run("run-1", task);
  // The version as releases before it wrote it.
  const std::string file =
      world.lake.path() + "/gold/shop/dated/_delta_log/00000000000000000000.json";
  std::ifstream in(file);
  std::string lines, line;
  while (std::getline(in, line)) {
    json action = json::parse(line);
    if (action.contains("commitInfo"))
      for (const char* name : {"fields", "build"})
        action["commitInfo"]["operationMetrics"].erase(name);
    lines += action.dump() + "\n";
  }
  std::ofstream(file) << lines;
  json open = task;
  open["parameters"]["until"] = nullptr;
  const json told = planned_model(world, open, {"{{ params.until }}"});
  CHECK(told["change"] == "unknown");
  CHECK(told["computes"] == "unknown");
  CHECK(holds_words(told["why"], "was written by an older release"));
}

TEST_CASE(
    "whatever changes, a plan says nothing is computed exactly where the run then does none") {
  for (unsigned seed = 1; seed <= rounds(3); ++seed) {
    Models world;
    std::mt19937 random(seed);
    const auto one_of = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    put_sold(world, "(1, 5), (2, 6)");
    json task = sums_by_day();
    task.update({{"keys", {"day"}}});
    for (int step = 0; step < 10; ++step) {
      switch (one_of(8)) {
        case 0:
          put_sold(world, one_of(2) == 0 ? "(1, 5), (2, 6)" : "(1, 5), (2, 7), (3, 1)");
          break;
        case 1:
          task["sql"] = sums_by_day(one_of(2) == 0 ? "day, CAST(sum(n) AS BIGINT) AS n"
                                                   : "day, CAST(max(n) AS BIGINT) AS n")["sql"];
          break;
        case 2:
          task["quality"] = one_of(2) == 0 ? json::array()
                                           : json::array({{{"rule", "not_null"}, {"column", "n"}}});
          break;
        case 3:
          task["description"] = one_of(2) == 0 ? "sums" : "of days";
          break;
        case 4:
          task["history"] = one_of(2) == 0;
          break;
        case 5:
          task["incremental"] = one_of(2) == 0 ? "auto" : "off";
          break;
        case 6:
          if (world.version("gold/shop/sums") >= 0) world.maintain("gold/shop/sums");
          break;
        default:
          break;  // the same again
      }
      const json told = planned_model(world, task);
      const auto before = world.version("gold/shop/sums");
      const json run = world.run("run-" + std::to_string(seed) + "-" + std::to_string(step), task);
      CAPTURE(seed);
      CAPTURE(step);
      const std::string computes = told["computes"], why = told["why"];
      CAPTURE(why);
      CHECK((computes == "nothing") == run.contains("because"));
      CHECK(computes != "unknown");
      if (computes == "nothing") CHECK(world.version("gold/shop/sums") == before);
      // What a plan calls no change is none of the table's columns and rules.
      if (computes == "nothing") CHECK(told["change"] == "none");
    }
  }
}

TEST_CASE(
    "the estimate of a model is its inputs in memory, and what does not fit is told in words") {
  Models world;
  put_sold(world, "(1, 5), (2, 6), (3, 7)");
  const json first = planned_model(world, sums_by_day());
  // Two columns of 4 bytes and their rows are less than the files themselves.
  CHECK(first["estimate"].get<std::int64_t>() >= first["bytes"].get<std::int64_t>());
  CHECK_FALSE(first.contains("exceeds"));
  world.run("run-1", sums_by_day());
  CHECK_FALSE(world.said("by the statistics of their files"));
  CHECK(planned_model(world, sums_by_day())["estimate"] == 0);

  constexpr std::int64_t mib = 1 << 20;
  models::Reading read;
  read.held = 100 * mib;
  CHECK(models::exceeds_room(read, {40 * mib, 60 * mib}).empty());
  const std::string told = models::exceeds_room(read, {40 * mib, 60 * mib - 1});
  CHECK(told.find("about 100 MiB in memory") != std::string::npos);
  CHECK(told.find("40 MiB of memory and 59 MiB of scratch") != std::string::npos);
  CHECK(models::exceeds_room(read, {40 * mib, std::nullopt}).empty());  // not known
}

TEST_CASE("a plan of a model on Spark tells what it reads and that it is computed each time") {
  Models world;
  put_sold(world, "(1, 5), (2, 6)");
  const auto told = [&](const std::string& table) {
    world.attempt("plan", {{"sql", "SELECT 1 AS none"},
                           {"table", "gold/shop/sums"},
                           {"plan", {{"engine", "spark"}, {"reads", json::array({table})}}}});
    INFO(world.host->failure);
    REQUIRE(world.returned == 0);
    return json::parse(world.host->result);
  };
  const json first = told("silver/shop/sold");
  CHECK(first["engine"] == "spark");
  CHECK(first["change"] == "new");
  CHECK(first["computes"] == "all");
  CHECK(first["rows"] == 2);
  CHECK(first["bytes"].get<std::int64_t>() > 0);
  CHECK(first["versions"].contains("silver/shop/sold"));
  CHECK(told("silver/shop/nowhere")["computes"] == "unknown");
  world.run("run-1", sums_by_day());
  CHECK(told("silver/shop/sold")["change"] == "unknown");
}
