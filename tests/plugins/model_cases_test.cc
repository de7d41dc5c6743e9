// The plugin model_test: models over made rows, and what its answer says and leaves out.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"

using namespace batuta;
using nlohmann::json;

namespace {

bool says(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

json tested(const json& cases) {
  const lakelog::TempLake lake;
  FakeHost host;
  std::filesystem::create_directories(lake.path() + "/_scratch");
  host.context = {
      {"execution_id", "x"}, {"lake", lake.path()}, {"scratch", lake.path() + "/_scratch"}};
  host.parameters = json::object();
  host.parameters["cases"] = cases;
  REQUIRE_MESSAGE(host.run("model_test") == 0, host.failure);
  CHECK(host.result.size() < 64u << 10);
  return json::parse(host.result)["cases"];
}

}  // namespace

TEST_CASE("a model is tested over made rows, and what differs is told row by row") {
  const json made = json::parse(R"~({"name": "made",
    "sql": "SELECT id, sum(price) AS price FROM silver.a.b WHERE id < :template_1 GROUP BY id",
    "parameters": {"template_1": 9},
    "inputs": {"silver/a/b": {
      "columns": [{"name": "id", "type": "BIGINT"}, {"name": "price", "type": "DECIMAL(8,2)"}],
      "rows": [["1", "2.50"], ["1", "4"], ["2", null]]}},
    "expected": {"columns": ["id", "price"], "rows": [["2", null], ["1", "6.5"]]}})~");
  json wrong = made;
  wrong["expected"]["rows"] = json::parse(R"([["1", "6.5"], ["3", "0"]])");
  json partly = made;
  partly["expected"] = json::parse(R"({"columns": ["id"], "rows": [["1"], ["2"]]})");
  json absent = made;
  absent["inputs"] = json::object();
  json type = made;
  type["inputs"]["silver/a/b"]["columns"][0]["type"] = "BIGINT); DROP TABLE x; --";
  json file = made;
  file["sql"] = "SELECT * FROM read_csv('/etc/passwd')";
  const json looked = {{"name", "looked"}, {"sql", "FROM silver.a.b JOIN \"gold/c/d\" USING (id)"}};
  json condition = looked;
  condition["conditions"] = json::parse(R"([["delete_when", "getenv('HOME') = 'x'"]])");
  const json told =
      tested(json::array({made, wrong, partly, absent, type, file, looked, condition}));
  CHECK(told[0]["passed"] == true);
  CHECK(told[1]["missing"] == json::parse(R"([["3", "0.00"]])"));
  CHECK(told[1]["unexpected"] == json::parse(R"([["2", null]])"));
  CHECK(told[2]["passed"] == true);
  CHECK(told[3]["error"] == "the test has no input silver/a/b, which the model reads");
  CHECK(says(told[4]["error"], "not a type"));
  CHECK(says(told[5]["error"], "function read_csv"));
  CHECK(told[6]["tables"] == json::parse(R"(["gold/c/d", "silver/a/b"])"));
  CHECK(told[6]["passed"] == true);
  CHECK(told[7]["passed"] == false);
  CHECK(says(told[7]["error"], "delete_when: the function getenv"));
}

TEST_CASE("an expected number that the column would round is no match") {
  const auto expecting = [](const std::string& type, const std::string& number) {
    return json{{"name", number},
                {"sql", "SELECT CAST('10.25' AS " + type + ") AS n"},
                {"expected", {{"columns", {"n"}}, {"rows", {{number}}}}}};
  };
  const json told = tested(json::array(
      {expecting("BIGINT", "10.4"), expecting("BIGINT", "10.0"), expecting("BIGINT", "1e1"),
       expecting("DECIMAL(8,2)", "10.251"), expecting("DECIMAL(8,2)", "10.2500"),
       expecting("DECIMAL(8,2)", "1025e-2"), expecting("DOUBLE", "10.25"),
       expecting("VARCHAR", "10.25"), expecting("DECIMAL(8,2)", "10250.1e-3")}));
  CHECK(says(told[0]["error"], "column n: 10.4 is expected, but the result's column is BIGINT"));
  CHECK(says(told[3]["error"], "DECIMAL(8,2), which cannot hold that"));
  CHECK(says(told[8]["error"], "cannot hold that"));
  for (const std::size_t fine : {1, 2, 4, 5, 6, 7})
    CHECK_MESSAGE(told[fine]["passed"] == true, fine);
}

TEST_CASE("rows too long to be told differ all the same, and what is left out is said") {
  const json none = {{"columns", {"t"}}, {"rows", json::array()}};
  const json told = tested(json::array(
      {{{"name", "long"}, {"sql", "SELECT repeat('\u00e9', 50001) AS t"}, {"expected", none}},
       {{"name", "many"},
        {"sql", "SELECT repeat(chr(1), 200) AS t FROM range(100) r(n)"},
        {"expected", none}}}));
  for (const json& each : told) CHECK(each["passed"] == false);
  CHECK(told[0]["unexpected"][0][0].get<std::string>().size() == 200);
  CHECK(told[1]["unexpected"].size() < 20);
  CHECK(told[1]["cut"] == true);
  const json run = tested(json::array({{{"name", "run"},
                                        {"sql", "SELECT repeat('x', 150) AS t FROM range(500)"},
                                        {"limit", 1000}}}));
  CHECK(run[0]["rows"].size() > 200);
  CHECK(run[0]["rows"].size() < 500);
  CHECK(run[0]["cut"] == true);
}

TEST_CASE("of more cases than one answer can hold the first are answered, and one at least") {
  json cases = json::array();
  for (int i = 0; i < 30; ++i)
    cases.push_back(
        {{"name", std::to_string(i) + std::string(5000, 'n')}, {"sql", "SELECT 1 AS a"}});
  const json told = tested(cases);
  CHECK(told.size() > 5);
  CHECK(told.size() < 30);
  CHECK(told.back()["name"].get<std::string>().starts_with(std::to_string(told.size() - 1)));
}
