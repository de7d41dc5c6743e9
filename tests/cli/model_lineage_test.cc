// The way of a column up to the tables that no model makes.
#include "scheduler/cli/model_lineage.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>

using namespace batuta;
using namespace batuta::cli;
using nlohmann::json;

namespace {

// An array by name: of pairs of texts in braces nlohmann::json makes an object.
json origin_in(const char* table, const char* column) {
  return json::array({table, column});
}

json lineage_in(const std::string& table) {
  static const std::map<std::string, json> told = {
      {"gold/shop/sums",
       {{"n",
         {{"from", json::array({origin_in("silver/shop/sold", "n"),
                                origin_in("silver/shop/sold", "price")})}}},
        {"at", {{"unknown", "it is told no more"}}},
        {"one", {{"from", json::array()}}}}},
      {"silver/shop/sold",
       {{"n", {{"from", json::array({origin_in("bronze/shop/raw", "n")})}}},
        {"price",
         {{"from",
           json::array({origin_in("gold/shop/sums", "n"), origin_in("bronze/shop/raw", "p")})}}}}}};
  const auto found = told.find(table);
  if (found == told.end()) return nullptr;
  return {{"version", 4}, {"columns", found->second}};
}

}  // namespace

TEST_CASE("lineage of a column goes up to tables that no model makes, each column once") {
  const json rows = trace_columns(lineage_in, "gold/shop/sums", "n");
  REQUIRE(rows.size() == 5);
  CHECK(rows[0]["from_column"] == "n");
  CHECK(rows[1]["from_column"] == "price");
  CHECK(rows[1]["distance"] == 1);
  CHECK(rows[2]["table"] == "silver/shop/sold");
  CHECK(rows[2]["from_table"] == "bronze/shop/raw");
  CHECK(rows[2]["distance"] == 2);
  CHECK(rows[4]["from_column"] == "p");  // of what names itself the circle is gone once
}

TEST_CASE("lineage of a table is a step of each column; what is unknown says why") {
  const json rows = trace_columns(lineage_in, "gold/shop/sums", "");
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]["column"] == "at");
  CHECK(rows[0]["unknown"] == "it is told no more");
  CHECK(rows[3]["column"] == "one");
  CHECK(rows[3]["from_table"].is_null());
  CHECK(rows[3]["unknown"].is_null());
  CHECK_THROWS_WITH_AS(trace_columns(lineage_in, "gold/shop/sums", "no"),
                       "the newest version of gold/shop/sums has no column no",
                       batuta::cli::Failure);
  CHECK_THROWS_AS(trace_columns(lineage_in, "bronze/shop/raw", ""), batuta::cli::Failure);
}
