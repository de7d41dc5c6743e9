// Which rows a contract lets go by their age.
#include "contract/retention.h"

#include <doctest/doctest.h>

#include <string>

#include "common/time.h"

using namespace batuta;
using namespace batuta::contract;

namespace {

ContractResult kept(const std::string& layers, const std::string& level,
                    const std::string& columns =
                        "      - {name: id, logicalType: integer, primaryKey: true}\n"
                        "      - {name: day, logicalType: date, partitioned: true}\n"
                        "      - {name: seen, logicalType: timestamp}\n") {
  return read_contract(
      "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: shop\n"
      "schema:\n  - name: orders\n    properties:\n" +
          columns +
          (layers.empty()
               ? ""
               : "    customProperties: [{property: batuta.retention, value: " + layers + "}]\n") +
          (level.empty() ? "" : "slaProperties:\n  - {property: retention, " + level + "}\n"),
      "orders.odcs.yaml");
}

std::vector<Expiry> expired(const ContractResult& read, const char* now = "2026-11-28T10:00:00Z") {
  for (const auto& problem : read.problems) MESSAGE(problem.text());
  REQUIRE(read.contract);
  return expiries(read.contract->tables[0], "shop/orders", *parse_iso(now));
}

}  // namespace

TEST_CASE("contract retention: no row goes unless the table names layers, and only of these") {
  CHECK(expired(kept("", "value: 3, unit: y")).empty());
  const auto one = expired(kept("[silver]", "value: 3, unit: y"));
  REQUIRE(one.size() == 1);
  CHECK(one[0] == Expiry{"silver/shop/orders", "day", "2023-11-28"});
  const auto all = expired(kept("[bronze, silver]", "value: 3, unit: y, element: orders.seen"));
  REQUIRE(all.size() == 2);
  CHECK(all[0] == Expiry{"bronze/shop/orders", "ingest_date", "2023-11-28"});
  CHECK(all[1] == Expiry{"silver/shop/orders", "seen", "2023-11-28"});
}

TEST_CASE("contract retention: months and years are the calendar's") {
  const auto day = [](const char* level, const char* now) {
    return expired(kept("[silver]", level), now).at(0).before;
  };
  CHECK(day("value: 30, unit: d", "2026-03-01T00:00:00Z") == "2026-01-30");
  CHECK(day("value: 2, unit: w", "2026-11-28T23:59:59Z") == "2026-11-14");
  CHECK(day("value: 1, unit: mo", "2026-03-31T10:00:00Z") == "2026-02-28");
  CHECK(day("value: 1, unit: year", "2024-02-29T10:00:00Z") == "2023-02-28");
  CHECK(day("value: 13, unit: months", "2026-01-15T10:00:00Z") == "2024-12-15");
  // Before the first of all days nothing goes, however long ago that is.
  for (const char* level : {"value: 2026, unit: y", "value: 34800, unit: y",
                            "value: 36500, unit: y", "value: 36500, unit: mo"})
    CHECK_MESSAGE(day(level, "2026-11-28T10:00:00Z") == "0001-01-01", level);
  CHECK(day("value: 36500, unit: w", "2026-11-28T10:00:00Z") == "1327-05-17");
}

TEST_CASE("contract retention: one that cannot be carried out is refused") {
  const std::string good = "value: 3, unit: y";
  CHECK(kept("[raw]", good).problems.at(0).message.find("raw is files") != std::string::npos);
  CHECK_FALSE(kept("[gold]", good).problems.empty());
  CHECK_FALSE(kept("[silver]", "").problems.empty());
  CHECK_FALSE(kept("[silver]", "value: 3, unit: h").problems.empty());
  CHECK_FALSE(kept("[silver]", "value: 0, unit: d").problems.empty());
  CHECK_FALSE(kept("[silver]", "value: long, unit: d").problems.empty());
  CHECK_FALSE(kept("[silver]", good + ", element: orders.id").problems.empty());
  CHECK_FALSE(kept("[silver]", good + ", element: orders.none").problems.empty());
  CHECK_FALSE(kept("[silver]", good + ", element: clients.day").problems.empty());
  CHECK_FALSE(
      kept("[silver]", good, "      - {name: id, logicalType: integer}\n").problems.empty());
  // What says nothing of its layers is as it was: a promise.
  CHECK(kept("", "value: 90, unit: minutes").problems.empty());
}
