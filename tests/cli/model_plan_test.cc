// What follows from one model of a plan to the next.
#include "scheduler/cli/model_plan.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace batuta;
using namespace batuta::cli;
using nlohmann::json;

namespace {

// silver/shop/a <- gold/shop/b <- gold/shop/c, and gold/shop/alone.
json reads_of(const std::string& table) {
  if (table == "gold/shop/b") return json::array({"silver/shop/a"});
  if (table == "gold/shop/c") return json::array({"gold/shop/b", "gold/shop/c"});
  return json::array({"bronze/shop/raw"});
}

json told_of(const std::string& table, const std::string& change, const std::string& computes) {
  const bool nothing = computes == "nothing";
  return {{"table", table},
          {"change", change},
          {"computes", computes},
          {"reads", reads_of(table)},
          {"why", "as it is"},
          {"rows", nothing ? 0 : 10},
          {"bytes", nothing ? 0 : 100},
          {"seconds", nothing ? 0 : 1},
          {"whole", {{"rows", 90}, {"bytes", 900}, {"seconds", nullptr}}}};
}

}  // namespace

TEST_CASE("a plan: what reads a table that is made anew follows it, with all its rows at most") {
  const json plan = follow_plan(json::array(
      {told_of("silver/shop/a", "additive", "all"), told_of("gold/shop/b", "none", "nothing"),
       told_of("gold/shop/c", "none", "part"), told_of("gold/shop/alone", "none", "nothing")}));
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

TEST_CASE("a plan: what reads a model's history follows the model") {
  json kept = told_of("silver/shop/a", "additive", "all");
  kept["history"] = true;
  json reader = told_of("gold/shop/alone", "none", "nothing");
  reader["reads"] = {"silver/shop/a_hist"};
  const json plan = follow_plan(json::array({kept, reader}));
  CHECK(plan[1]["computes"] == "follows");
  CHECK(plan[0]["downstream"] == json({"gold/shop/alone"}));
  kept["history"] = false;
  CHECK(follow_plan(json::array({kept, reader}))[1]["computes"] == "nothing");
}

TEST_CASE("a plan: where nothing is made anew nothing follows") {
  const json plan = follow_plan(json::array(
      {told_of("silver/shop/a", "none", "nothing"), told_of("gold/shop/b", "none", "nothing")}));
  for (const json& one : plan) CHECK(one["computes"] == "nothing");
}

TEST_CASE(
    "a plan: what cannot be told before another model has run says so, and its cost is null") {
  json unknown = {{"table", "gold/shop/b"},
                  {"change", "new"},
                  {"computes", "unknown"},
                  {"reads", json::array({"silver/shop/a"})},
                  {"missing", json::array({"silver/shop/a"})},
                  {"why", "there is no table silver/shop/a"}};
  json broken = told_of("gold/shop/alone", "breaking", "all");
  broken["problem"] = "column n went";
  const json plan =
      follow_plan(json::array({told_of("silver/shop/a", "new", "all"), unknown, broken}));
  CHECK(plan[1]["why"] ==
        "it cannot be told before silver/shop/a is made anew: there is no table silver/shop/a");
  CHECK(plan[1]["rows"].is_null());
  CHECK(plan[1]["seconds"].is_null());
  CHECK(plan[2]["why"] == "column n went");
  // By itself a table that is not there is named.
  CHECK(follow_plan(json::array({unknown}))[0]["why"] == "there is no table silver/shop/a");
}

TEST_CASE("a plan: its exit code is 2 for what changes, and 1 for what cannot be told") {
  const auto code = [](const std::vector<json>& told) {
    return exit_code_of_plan(follow_plan(json(told)));
  };
  const json same = told_of("silver/shop/a", "none", "nothing");
  CHECK(code({same, told_of("gold/shop/b", "none", "nothing")}) == 0);
  CHECK(code({same, told_of("gold/shop/b", "fields", "all")}) == 2);
  CHECK(code({same, told_of("gold/shop/b", "none", "part")}) == 2);
  CHECK(code({same, told_of("gold/shop/b", "rows", "all"),
              told_of("gold/shop/c", "unknown", "all")}) ==
        2);  // it follows b, and is looked at again behind it
  CHECK(code({same, told_of("gold/shop/b", "unknown", "all")}) == 1);
  CHECK(code({same, told_of("gold/shop/b", "none", "unknown")}) == 1);
  CHECK(code({told_of("silver/shop/a", "breaking", "all"),
              told_of("gold/shop/alone", "none", "unknown")}) == 1);
  // What reads a table that may be made anew may be, too.
  const json behind = follow_plan(json::array(
      {told_of("silver/shop/a", "none", "unknown"), told_of("gold/shop/b", "none", "nothing")}));
  CHECK(behind[1]["computes"] == "unknown");
  CHECK(behind[1]["why"] == "silver/shop/a, which it reads, may be made anew");
}

TEST_CASE("a plan: templates have the values that are given, or their params' defaults, or none") {
  const json params = {{"sql", "SELECT :template_1"},
                       {"parameters",
                        {{"template_1", "{{ ds }}"},
                         {"template_2", "{{params.least}}"},
                         {"template_3", "{{ params.day }}"},
                         {"template_4", "{{ params.day | upper }}"}}}};
  std::vector<std::string> unknown;
  const json filled = with_template_values(params, {{"params.day", "2026-11-20"}},
                                           R"({"least": 3, "day": "x"})", unknown);
  CHECK(filled["parameters"]["template_1"].is_null());
  CHECK(filled["parameters"]["template_2"] == 3);
  CHECK(filled["parameters"]["template_3"] == "2026-11-20");
  CHECK(filled["parameters"]["template_4"].is_null());
  CHECK(unknown == std::vector<std::string>{"{{ ds }}", "{{ params.day | upper }}"});
}

TEST_CASE("a plan: what follows has the estimate of all its rows, and who does not fit is named") {
  json part = told_of("gold/shop/b", "none", "part");
  part["estimate"] = 10;
  part["whole"].update({{"estimate", 900}, {"exceeds", "too much of it"}});
  json alone = told_of("gold/shop/alone", "none", "all");
  alone.update({{"estimate", 5}, {"exceeds", "too much"}});
  const json plan =
      follow_plan(json::array({told_of("silver/shop/a", "rows", "all"), part, alone}));
  CHECK(plan[1]["estimate"] == 900);
  CHECK(plan[1]["exceeds"] == "too much of it");
  CHECK_FALSE(plan[0].contains("exceeds"));
  CHECK(too_large_models(plan) ==
        std::vector<std::string>{"gold/shop/b: too much of it", "gold/shop/alone: too much"});
  // What fits as a whole is not said to exceed by its part.
  part["exceeds"] = "of the part";
  part["whole"].erase("exceeds");
  CHECK(too_large_models(follow_plan(json::array({told_of("silver/shop/a", "rows", "all"), part})))
            .empty());
}

TEST_CASE(
    "a plan: a model on Spark is computed each time, whatever it reads, and that is no riddle") {
  json there = told_of("gold/shop/b", "unknown", "all");
  there.update({{"engine", "spark"}, {"why", "Spark computes it, all each time"}});
  const json plan = follow_plan(json::array(
      {told_of("silver/shop/a", "rows", "all"), there, told_of("gold/shop/c", "none", "nothing")}));
  CHECK(plan[1]["computes"] == "all");
  CHECK(plan[1]["why"] == "Spark computes it, all each time");
  CHECK(plan[2]["computes"] == "follows");
  CHECK(exit_code_of_plan(plan) == 2);
  there.erase("engine");
  CHECK(exit_code_of_plan(follow_plan(json::array({there}))) == 1);
}
