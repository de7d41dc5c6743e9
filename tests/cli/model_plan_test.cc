// What follows from one model of a plan to the next.
#include "scheduler/cli/model_plan.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace batuta;
using namespace batuta::cli;
using nlohmann::json;

namespace {

// silver/shop/a <- gold/shop/b <- gold/shop/c, and gold/shop/alone.
std::vector<ModelFile> chain_of_models() {
  return {{"a.sql", "silver/shop/a", "{}", "", {"bronze/shop/raw"}},
          {"b.sql", "gold/shop/b", "{}", "", {"silver/shop/a"}},
          {"c.sql", "gold/shop/c", "{}", "", {"gold/shop/b", "gold/shop/c"}},
          {"d.sql", "gold/shop/alone", "{}", "", {"bronze/shop/raw"}}};
}

json told_of(const std::string& table, const std::string& change, const std::string& computes) {
  const bool nothing = computes == "nothing";
  return {{"table", table},
          {"change", change},
          {"computes", computes},
          {"why", "as it is"},
          {"rows", nothing ? 0 : 10},
          {"bytes", nothing ? 0 : 100},
          {"seconds", nothing ? 0 : 1},
          {"whole", {{"rows", 90}, {"bytes", 900}, {"seconds", nullptr}}}};
}

}  // namespace

TEST_CASE("a plan: what reads a table that is made anew follows it, with all its rows at most") {
  const json plan = follow_plan(
      chain_of_models(),
      {told_of("silver/shop/a", "additive", "all"), told_of("gold/shop/b", "none", "nothing"),
       told_of("gold/shop/c", "none", "part"), told_of("gold/shop/alone", "none", "nothing")});
  CHECK(plan[0]["computes"] == "all");
  CHECK(plan[0]["rows"] == 10);
  CHECK(plan[0]["at_most"] == false);
  CHECK(plan[0]["downstream"] == json({"gold/shop/b", "gold/shop/c"}));
  for (const int n : {1, 2}) {
    CAPTURE(n);
    CHECK(plan[n]["computes"] == "follows");
    CHECK(plan[n]["at_most"] == true);
    CHECK(plan[n]["rows"] == 90);
    CHECK(plan[n]["seconds"].is_null());
  }
  CHECK(plan[2]["why"] == "gold/shop/b, which it reads, is made anew");
  CHECK(plan[2]["downstream"].empty());
  CHECK(plan[3]["computes"] == "nothing");
  CHECK_FALSE(plan[3].contains("whole"));
}

TEST_CASE("a plan: where nothing is made anew nothing follows") {
  const json plan = follow_plan(chain_of_models(), {told_of("silver/shop/a", "none", "nothing"),
                                                    told_of("gold/shop/b", "none", "nothing")});
  for (const json& one : plan) CHECK(one["computes"] == "nothing");
}

TEST_CASE(
    "a plan: what cannot be told before another model has run says so, and its cost is null") {
  json unknown = {{"table", "gold/shop/b"},
                  {"change", "new"},
                  {"computes", "all"},
                  {"missing", json::array({"silver/shop/a"})},
                  {"why", "there is no table silver/shop/a"}};
  json broken = told_of("gold/shop/alone", "breaking", "all");
  broken["problem"] = "column n went";
  const json plan =
      follow_plan(chain_of_models(), {told_of("silver/shop/a", "new", "all"), unknown, broken});
  CHECK(plan[1]["why"] ==
        "it cannot be told before silver/shop/a is made anew: there is no table silver/shop/a");
  CHECK(plan[1]["rows"].is_null());
  CHECK(plan[1]["seconds"].is_null());
  CHECK(plan[2]["why"] == "column n went");
  // By itself a table that is not there is named.
  CHECK(follow_plan(chain_of_models(), json::array({unknown}))[0]["why"] ==
        "there is no table silver/shop/a");
}
