// Files of monitors: what is read, and what is said of what is wrong.
#include "monitor/definition.h"

#include <doctest/doctest.h>

using namespace batuta::monitor;

namespace {

std::vector<std::string> problems_in(const std::string& monitors) {
  return parse_monitors("bank", "{\"monitors\": [" + monitors + "]}").problems;
}

}  // namespace

TEST_CASE("a file of monitors of every kind is read with its defaults") {
  const auto read =
      parse_monitors("bank", R"json({"description": "what bank promises", "monitors": [
    {"name": "fresh", "kind": "freshness", "table": "silver/bank/clients", "within": "26h",
     "severity": "critical", "description": "the desk opens at 8"},
    {"name": "volume", "kind": "volume", "table": "silver/bank/clients", "at_least": 0.8},
    {"name": "columns", "kind": "schema", "table": "silver/bank/clients",
     "columns": {"id": "long", "price": "decimal(18,6)"}, "new_columns": "allow"},
    {"name": "rules", "kind": "quality", "table": "gold/bank/position"},
    {"name": "ingest", "kind": "failures", "dag": "bank", "task": "extract", "let_pass": 2},
    {"name": "all", "kind": "failures", "dag": "bank"}]})json");
  for (const auto& problem : read.problems) FAIL(problem);
  REQUIRE(read.monitors.size() == 6);
  const Monitor& fresh = read.monitors[0];
  CHECK(fresh.id == "bank/fresh");
  CHECK(fresh.domain == "bank");
  CHECK(fresh.within == std::chrono::hours(26));
  CHECK(fresh.severity == Severity::critical);
  CHECK(fresh.target() == "silver/bank/clients");
  const Monitor& volume = read.monitors[1];
  CHECK(volume.severity == Severity::warning);
  CHECK(volume.history == 10);
  CHECK(volume.at_least == 0.8);
  CHECK(volume.at_most == 2);
  CHECK(read.monitors[2].columns.size() == 2);
  CHECK(read.monitors[2].new_columns);
  CHECK(read.monitors[4].target() == "bank.extract");
  CHECK(read.monitors[4].let_pass == 2);
  CHECK(read.monitors[5].target() == "bank");
}

TEST_CASE("what is wrong with a monitor is told with its place and the nearest right word") {
  struct Case {
    const char *monitor, *problem;
  };
  const Case cases[] = {
      {R"({"name": "a", "kind": "fresh", "table": "a/b/c"})",
       "/monitors/0/kind: \"fresh\" is unknown; it is one of freshness, volume, schema, quality, "
       "failures, lag, cost"},
      {R"({"name": "a", "kind": "cost", "at_most": {"runs": 5}})",
       "/monitors/0/window: is missing: how long it looks back, from \"1h\" to \"31d\""},
      {R"({"name": "a", "kind": "cost", "window": "90d", "at_most": {"runs": 5}})",
       "/monitors/0/window: must be how long it looks back, from \"1h\" to \"31d\""},
      {R"({"name": "a", "kind": "cost", "window": "7d"})",
       "/monitors/0/at_most: is missing; it is one of runs, cpu_seconds, bytes_stored, "
       "bytes_scanned: {\"runs\": 500, \"bytes_stored\": \"2GiB\"}"},
      {R"({"name": "a", "kind": "cost", "window": "7d", "at_most": {"run": 5}})",
       "/monitors/0/at_most/run: no bound of a cost monitor; did you mean \"runs\"?"},
      {R"({"name": "a", "kind": "cost", "window": "7d", "at_most": {"bytes_stored": "much"}})",
       "/monitors/0/at_most/bytes_stored: must be a size above zero, such as \"2GiB\", or bytes "
       "as a number"},
      {R"({"name": "a", "kind": "cost", "window": "7d", "at_most": {"runs": 0}})",
       "/monitors/0/at_most/runs: must be a whole number from 1"},
      {R"({"name": "a", "kind": "cost", "window": "7d", "table": "bank", "at_most": {"runs": 5}})",
       "/monitors/0/table: must be a table's name, such as \"silver/bank/clients\""},
      {R"({"name": "a", "kind": "lag", "topic": "orders", "group": "bank"})",
       "/monitors/0/at_most: is missing: how many records it may be behind, such as 10000"},
      {R"({"name": "a", "kind": "lag", "topic": "../x", "group": "bank", "at_most": 1})",
       "/monitors/0/topic: must be the name of a topic, 1 to 249 letters, digits, '.', '_' or "
       "'-'"},
      {R"({"name": "a", "kind": "qualty", "table": "a/b/c"})",
       "/monitors/0/kind: \"qualty\" is unknown; did you mean \"quality\"?"},
      {R"({"name": "a", "kind": "freshness", "table": "a/b/c", "within": "1h", "witin": "1h"})",
       "/monitors/0/witin: no field of a freshness monitor; did you mean \"within\"?"},
      {R"({"name": "a", "kind": "quality", "table": "a/b/c", "severity": "critcal"})",
       "/monitors/0/severity: \"critcal\" is unknown; did you mean \"critical\"?"},
      {R"({"name": "a", "kind": "quality"})",
       "/monitors/0/table: is missing: a table's name, such as \"silver/bank/clients\""},
      {R"({"name": "a", "kind": "quality", "table": "clients"})",
       "/monitors/0/table: must be a table's name, such as \"silver/bank/clients\""},
      {R"({"name": "a", "kind": "quality", "table": "../../etc"})",
       "/monitors/0/table: must be a table's name, such as \"silver/bank/clients\""},
      {R"({"name": "a", "kind": "freshness", "table": "a/b/c", "within": "soon"})",
       "/monitors/0/within: must be a duration above zero, such as \"26h\" or \"90m\""},
      {R"({"name": "a", "kind": "volume", "table": "a/b/c", "at_most": 0.5})",
       "/monitors/0/at_most: must be a number from 1.0 to 1000000.0"},
      {R"({"name": "A b", "kind": "quality", "table": "a/b/c"})",
       "/monitors/0/name: must be 1 to 64 of a-z, 0-9, _ and -"},
      {R"({"name": "a", "kind": "failures", "table": "a/b/c", "dag": "d"})",
       "/monitors/0/table: no field of a failures monitor; it is one of name, kind, severity, "
       "description, dag, task, let_pass"},
      {R"({"name": "a", "kind": "schema", "table": "a/b/c", "columns": {"id": 1}})",
       "/monitors/0/columns/id: must be a Delta type, such as \"long\" or \"decimal(18,6)\""},
      {"7", "/monitors/0: must be an object"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.monitor);
    const auto problems = problems_in(each.monitor);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0] == each.problem);
  }
}

TEST_CASE("what a table or the whole domain may cost is read with sizes as people write them") {
  const auto read = parse_monitors("bank", R"({"monitors": [
    {"name": "all", "kind": "cost", "window": "7d",
     "at_most": {"runs": 500, "cpu_seconds": 0.5, "bytes_stored": "2GiB", "bytes_scanned": 4096}},
    {"name": "one", "kind": "cost", "table": "gold/bank/position", "window": "1h",
     "at_most": {"runs": 1}}]})");
  for (const auto& problem : read.problems) FAIL(problem);
  REQUIRE(read.monitors.size() == 2);
  const Monitor& all = read.monitors[0];
  CHECK(all.target() == "bank");
  CHECK(all.window == std::chrono::hours(7 * 24));
  CHECK(all.bounds.runs == 500);
  CHECK(all.bounds.cpu_seconds == 0.5);
  CHECK(all.bounds.bytes_stored == std::int64_t{2} << 30);
  CHECK(all.bounds.bytes_scanned == 4096);
  CHECK(read.monitors[1].target() == "gold/bank/position");
  CHECK_FALSE(read.monitors[1].bounds.cpu_seconds.has_value());
}

TEST_CASE("a name stands once in a file, and a file is an object of monitors") {
  const auto twice = problems_in(R"({"name": "a", "kind": "quality", "table": "a/b/c"},
                                    {"name": "a", "kind": "quality", "table": "a/b/d"})");
  REQUIRE(twice.size() == 1);
  CHECK(twice[0] == "/monitors/1/name: \"a\" is the name of an earlier monitor of this file");
  CHECK(parse_monitors("bank", "[]").problems.size() == 1);
  CHECK(parse_monitors("bank", "{\"monitor\": []}").problems ==
        std::vector<std::string>{"/monitor: no field of a monitor file; did you mean \"monitors\"?",
                                 "/monitors: must be a list of monitors"});
  CHECK(parse_monitors("bank", "{\"monitors\": [}").problems.size() == 1);
  CHECK(parse_monitors("no domain", "{\"monitors\": []}").problems.size() == 1);
  // It travels in the definition of a DAG, where this would be a template.
  const auto templated = problems_in(
      R"({"name": "a", "kind": "quality", "table": "a/b/c", "description": "{{ ds }}"})");
  REQUIRE(templated.size() == 1);
  CHECK(templated[0].find("no templates") != std::string::npos);
}
