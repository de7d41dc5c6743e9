#include "scheduler/cli/domain_cost.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace batuta::cli {
namespace {

using nlohmann::json;

json try_of(const char* dag, const char* run, const char* task, const char* state, json seconds) {
  return {{"dag_id", dag},
          {"dag_run_id", run},
          {"task_id", task},
          {"state", state},
          {"start_date", seconds.is_null() ? json(nullptr) : json("2026-03-02T10:00:00Z")},
          {"duration", seconds},
          {"batuta", {{"peak_rss_kib", 2048}}}};
}

}  // namespace

TEST_CASE("domain cost: tables by layer, and one whose rows are not known is named") {
  DomainCost cost;
  cost.add_table({{"layer", "gold"},
                  {"domain", "risk"},
                  {"table", "a"},
                  {"rows", 3},
                  {"bytes", 100},
                  {"files", 1}});
  cost.add_table({{"layer", "gold"},
                  {"domain", "risk"},
                  {"table", "b"},
                  {"rows", nullptr},
                  {"bytes", 50},
                  {"files", 2}});
  cost.add_table({{"layer", "silver"},
                  {"domain", "risk"},
                  {"table", "a"},
                  {"rows", 7},
                  {"bytes", 25},
                  {"files", 1}});
  const json report = cost.report();
  CHECK(report["tables"] == 3);
  CHECK(report["rows"] == 10);
  CHECK(report["bytes"] == 175);
  CHECK(report["stored"] == json::parse(R"([
    {"layer": "gold", "tables": 2, "rows": 3, "files": 3, "bytes": 150},
    {"layer": "silver", "tables": 1, "rows": 7, "files": 1, "bytes": 25}])"));
  CHECK(report["unknown"] == json::array({"gold/risk/b"}));
}

TEST_CASE("domain cost: every try of the tasks that write the domain, and of no others") {
  DomainCost cost;
  cost.add_version({{"dag_id", "risk"}, {"task_id", "score"}});
  cost.add_version({{"dag_id", nullptr}, {"task_id", nullptr}});  // written by others
  cost.add_try(try_of("risk", "1", "score", "failed", 1.5));
  cost.add_try(try_of("risk", "1", "score", "success", 2.25));
  cost.add_try(try_of("risk", "2", "score", "running", 0.5));
  cost.add_try(try_of("risk", "3", "score", "upstream_failed", nullptr));
  cost.add_try(try_of("risk", "2", "mail", "success", 100));
  cost.add_try(try_of("other", "1", "score", "success", 100));
  const json report = cost.report();
  CHECK(report["work"] == json::parse(R"([{"dag_id": "risk", "runs": 2, "attempts": 3, "failed": 1,
    "busy_seconds": 4.25, "peak_rss_kib": 2048}])"));
  CHECK(report["runs"] == 2);
  CHECK(report["attempts"] == 3);
  CHECK(report["busy_seconds"] == 4.25);
}

}  // namespace batuta::cli
