// The badge of a table: what it is made of, and that the list and the table say the same.
#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "scheduler/api/lake_trust.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

contract::Column promised(const std::string& name, bool required = false) {
  contract::Column column;
  column.name = name;
  column.required = required;
  return column;
}

struct Badge {
  Badge() {
    summary.version = 3;
    summary.columns = {"id", "day", "_row_key"};
    promise.name = "bank/clients";
    promise.contract.version = "1.2.0";
    promise.table.columns = {promised("id", true), promised("day")};
    quality.rules = 4;
  }
  json told(const std::optional<bool>& is_fresh, bool with_contract = true,
            bool with_quality = true) const {
    return trust_json(name, summary, with_contract ? &promise : nullptr, is_fresh,
                      with_quality ? &quality : nullptr);
  }
  static json reason(const json& trust, const std::string& subject) {
    for (const json& one : trust["reasons"])
      if (one["subject"] == subject) return one;
    return nullptr;
  }

  LakeName name{"silver", "bank", "clients"};
  LakeSummary summary;
  TableContract promise;
  TableQuality quality;
};

}  // namespace

TEST_CASE_FIXTURE(Badge,
                  "a table is trusted when it is fresh, kept its rules and has its columns") {
  const json trust = told(true);
  CHECK(trust["badge"] == "trusted");
  CHECK(trust["reasons"].size() == 3);
  CHECK(reason(trust, "quality")["message"] == "the newest attempt kept all 4 rules");
  CHECK(reason(trust, "contract")["message"] ==
        "it has the columns of its contract bank/clients, version 1.2.0");
}

TEST_CASE_FIXTURE(Badge, "what was not promised leaves a table unproven, not broken") {
  CHECK(told(std::nullopt)["badge"] == "unproven");
  CHECK(told(true, false)["badge"] == "unproven");
  CHECK(told(true, true, false)["badge"] == "unproven");
  CHECK(reason(told(std::nullopt, false, false), "fresh")["verdict"] == "unknown");
}

TEST_CASE_FIXTURE(Badge, "a table that is late is broken, whatever else holds") {
  const json trust = told(false);
  CHECK(trust["badge"] == "broken");
  CHECK(reason(trust, "fresh")["verdict"] == "broken");
  CHECK(reason(trust, "quality")["verdict"] == "holds");
}

TEST_CASE_FIXTURE(Badge,
                  "a broken warning makes a table doubtful, a broken blocking rule breaks it") {
  quality.broken_warning = {"few_rows"};
  CHECK(told(true)["badge"] == "doubtful");
  CHECK(reason(told(true), "quality")["names"] == json({"few_rows"}));
  quality.broken_blocking = {"unique"};
  CHECK(told(true)["badge"] == "broken");
  CHECK(reason(told(true), "quality")["message"] ==
        "the newest attempt broke 2 of 4 rules, 1 of them blocking");
  CHECK(reason(told(true), "quality")["names"] == json({"unique", "few_rows"}));
}

TEST_CASE_FIXTURE(Badge, "columns that a table lacks break it where they are required") {
  promise.table.columns.push_back(promised("phone"));
  CHECK(told(true)["badge"] == "doubtful");
  CHECK(reason(told(true), "contract")["names"] == json({"phone"}));
  promise.table.columns.push_back(promised("email", true));
  CHECK(told(true)["badge"] == "broken");
  // Of other layers than silver only what must be there counts; what was extracted promises none.
  promise.table.columns.pop_back();
  name.layer = "gold";
  CHECK(told(true)["badge"] == "trusted");
  promise.table.computed.push_back(promised("total", true));
  CHECK(told(true)["badge"] == "broken");
  name.layer = "bronze";
  CHECK(told(true)["badge"] == "trusted");
}

TEST_CASE_FIXTURE(Badge, "a table whose log cannot be read is broken for that alone") {
  summary.problem = "no JSON";
  const json trust = told(true);
  CHECK(trust["badge"] == "broken");
  REQUIRE(trust["reasons"].size() == 1);
  CHECK(trust["reasons"][0]["subject"] == "log");
}

TEST_CASE_FIXTURE(TestApi, "list and table tell the same badge, and the next report changes it") {
  const std::string base = "/api/lake/tables";
  const auto badge = [&] {
    const json listed = get(base + "?layer=gold")["tables"][0]["trust"];
    CHECK(get(base + "/gold/sales/orders")["trust"] == listed);
    return listed;
  };
  CHECK(badge()["badge"] == "unproven");
  const auto report = [&](int fence, bool passed) {
    history.report_rows.push_back({{RunSeq{1}, 0, unmapped, fence},
                                   fence,
                                   json({{"quality", json::array({{{"table", "gold/sales/orders"},
                                                                   {"rule", "positive"},
                                                                   {"severity", "blocking"},
                                                                   {"passed", passed}}})}})
                                       .dump()});
  };
  report(1, false);
  CHECK(badge()["badge"] == "broken");
  report(2, true);
  CHECK(badge()["badge"] == "unproven");
  CHECK(Badge::reason(badge(), "quality")["verdict"] == "holds");
}

TEST_CASE_FIXTURE(TestApi,
                  "of what was rejected nothing is promised: it is never late, and has no badge") {
  for (const char* layer : {"quarantine", "dlq"}) {
    write_lake_version(home, std::string(layer) + "/sales/orders", 0, empty_lake_table());
    const json table = get(std::string("/api/lake/tables/") + layer + "/sales/orders");
    CHECK(table["trust"].is_null());
    CHECK(table["is_fresh"].is_null());
  }
}

}  // namespace batuta::http
