// What a run of a model would do, told without one: beside what the run then does.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

json planned_model(Models& world, const json& task) {
  world.plugin = "model_plan";
  world.attempt("plan", task);
  world.plugin = "sql_model";
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
  CHECK(first["why"] == "gold/shop/sums is new");
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
  CHECK(world.said(part["why"].get<std::string>()));
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
  json dated = {{"sql", "SELECT day, n FROM silver.shop.sold WHERE day <= :until"},
                {"parameters", {{"until", 9}}},
                {"table", "gold/shop/dated"}};
  for (const json& task : {clock, ruled, appended, dated}) world.run("run-1", task);
  CHECK(planned_model(world, clock)["why"] == "now gives something else each time");
  CHECK(planned_model(world, appended)["why"] == "each run appends its rows");
  CHECK(planned_model(world, ruled)["computes"] == "nothing");
  ruled["quality"] = json::array({{{"rule", "not_null"}, {"column", "n"}}});
  CHECK(planned_model(world, ruled)["computes"] == "all");
  CHECK(world.run("run-2", ruled)["unchanged"] == true);  // computed, and the same
  CHECK(world.said("computed: the model or its values"));
  dated["parameters"]["until"] = nullptr;
  CHECK(planned_model(world, dated)["why"] ==
        "made by this model of what its inputs hold, if the values of its templates are what they "
        "were");
  json gone = sums_by_day();
  gone.update({{"sql", "SELECT 1 AS n FROM silver.shop.nowhere"}, {"table", "gold/shop/gone"}});
  gone.erase("partition_by");
  const json missing = planned_model(world, gone);
  CHECK(missing["missing"] == json::array({"silver/shop/nowhere"}));
  CHECK(missing["why"] == "there is no table silver/shop/nowhere");
}
