// What a monitor says of what was seen, and what becomes of alerts.
#include "monitor/judge.h"

#include <doctest/doctest.h>

#include "monitor/alert.h"

using namespace batuta;
using namespace batuta::monitor;

namespace {

const Time noon = *parse_iso("2026-11-20T12:00:00Z");

Monitor of_kind(Kind kind) {
  Monitor m;
  m.id = "bank/m";
  m.domain = "bank";
  m.kind = kind;
  m.table = "silver/bank/clients";
  m.within = std::chrono::hours(24);
  return m;
}

Sight table_with(std::vector<std::optional<std::int64_t>> written) {
  Sight seen;
  seen.is_there = true;
  seen.written = std::move(written);
  return seen;
}

Status status_of(const Monitor& m, const Sight& seen, const Columns* baseline = nullptr) {
  return judge(m, seen, baseline, noon).status;
}

Judged judged(const std::string& name, Status status) {
  Judged out;
  out.monitor = of_kind(Kind::freshness);
  out.monitor.id = "bank/" + name;
  out.verdict.status = status;
  out.verdict.message = "why " + name;
  return out;
}

}  // namespace

TEST_CASE("a table is fresh up to its bound, and one that is not there is not") {
  const Monitor m = of_kind(Kind::freshness);
  Sight seen;
  CHECK(status_of(m, seen) == Status::unwell);
  seen.is_there = true;
  CHECK(status_of(m, seen) == Status::unknown);  // its log no longer tells
  seen.changed = noon - std::chrono::hours(24);
  CHECK(status_of(m, seen) == Status::well);
  seen.changed = noon - std::chrono::hours(25);
  const Verdict late = judge(m, seen, nullptr, noon);
  CHECK(late.status == Status::unwell);
  CHECK(late.value == 90000.0);
  CHECK(late.limit == 86400.0);
  CHECK(late.message == "the newest version is 1d 1h old, and 1d are allowed");
  seen.changed = noon + std::chrono::hours(1);  // another machine's clock
  CHECK(status_of(m, seen) == Status::well);
}

TEST_CASE(
    "a table whose last change lies beyond what was looked at is late when that alone is old") {
  const Monitor m = of_kind(Kind::freshness);
  Sight seen;
  seen.is_there = true;
  seen.unchanged_since = noon - std::chrono::hours(24);
  CHECK(status_of(m, seen) == Status::unknown);  // it may have changed just before
  seen.unchanged_since = noon - std::chrono::hours(25);
  const Verdict late = judge(m, seen, nullptr, noon);
  CHECK(late.status == Status::unwell);
  CHECK(late.value == 90000.0);
  CHECK(late.message ==
        "no change since at least 2026-11-19T11:00:00Z, 1d 1h ago, and 1d are allowed");
}

TEST_CASE("ages are told in two units at most") {
  CHECK(age_text(std::chrono::seconds(0)) == "0s");
  CHECK(age_text(std::chrono::seconds(61)) == "1m 1s");
  CHECK(age_text(std::chrono::hours(24)) == "1d");
  CHECK(age_text(std::chrono::seconds(86'400 + 5)) == "1d");
  CHECK(age_text(std::chrono::minutes(26 * 60 + 5)) == "1d 2h");
}

TEST_CASE("volume is held against the median of the versions before, and needs three of them") {
  const Monitor m = of_kind(Kind::volume);
  CHECK(status_of(m, table_with({})) == Status::unknown);
  CHECK(status_of(m, table_with({100, 100, 100})) == Status::unknown);
  CHECK(status_of(m, table_with({100, 100, 90, 110})) == Status::well);
  CHECK(status_of(m, table_with({50, 100, 100, 100})) == Status::well);  // the bound itself
  CHECK(status_of(m, table_with({49, 100, 100, 100})) == Status::unwell);
  CHECK(status_of(m, table_with({0, 100, 100, 100})) == Status::unwell);
  CHECK(status_of(m, table_with({201, 100, 100, 100})) == Status::unwell);
  CHECK(status_of(m, table_with({100, 1'000'000, 100, 90, 110})) == Status::well);  // one odd day
  CHECK(status_of(m, table_with({std::nullopt, 100, 100, 100})) == Status::unknown);
  CHECK(status_of(m, table_with({100, std::nullopt, 100, 100})) == Status::unknown);
  CHECK(status_of(m, table_with({5, 0, 0, 0})) == Status::unwell);
  CHECK(status_of(m, table_with({0, 0, 0, 0})) == Status::well);
  Monitor short_memory = m;
  short_memory.history = 3;
  CHECK(status_of(short_memory, table_with({10, 10, 10, 10, 1000, 1000, 1000, 1000})) ==
        Status::well);
  CHECK(judge(m, table_with({10, 100, 100, 100}), nullptr, noon).message ==
        "the newest version wrote 10 rows, and the median of 3 before it is 100: below 0.5 times");
}

TEST_CASE("columns drift from what the monitor names, or from what was there when it was well") {
  Monitor m = of_kind(Kind::schema);
  Sight seen;
  CHECK(status_of(m, seen) == Status::unknown);
  seen.is_there = true;
  seen.columns = {{"id", "long"}, {"name", "string"}};
  CHECK(status_of(m, seen) == Status::well);  // the first look
  Columns before = seen.columns;
  CHECK(status_of(m, seen, &before) == Status::well);
  seen.columns = {{"id", "integer"}, {"city", "string"}};
  const Verdict drift = judge(m, seen, &before, noon);
  CHECK(drift.status == Status::unwell);
  CHECK(drift.value == 3.0);
  CHECK(drift.message ==
        "the columns differ: id is integer, was long; name is gone; city (string) is new");
  m.columns = {{"id", "integer"}};
  CHECK(status_of(m, seen, &before) == Status::unwell);
  m.new_columns = true;
  CHECK(status_of(m, seen, &before) == Status::well);
}

TEST_CASE("quality is what the newest attempt told, warnings too") {
  const Monitor m = of_kind(Kind::quality);
  Sight seen;
  CHECK(status_of(m, seen) == Status::unknown);
  seen.quality = std::vector<RuleResult>{{"price", true, true, 0, 10}};
  CHECK(judge(m, seen, nullptr, noon).message == "1 rule holds");
  seen.quality->push_back({"unique", true, false, 0, 10});
  CHECK(judge(m, seen, nullptr, noon).message == "2 rules hold");
  CHECK(status_of(m, seen) == Status::well);
  seen.quality->back() = {"unique", false, false, 2, 10};
  seen.quality_at = noon;
  const Verdict broken = judge(m, seen, nullptr, noon);
  CHECK(broken.status == Status::unwell);
  CHECK(broken.message == "broken: unique (2 of 10 rows), at 2026-11-20T12:00:00Z");
  seen.trouble = "nobody tells";
  CHECK(judge(m, seen, nullptr, noon).message == "nobody tells");
  CHECK(status_of(m, seen) == Status::unknown);
}

TEST_CASE("tasks may fail so often in a row, each by itself") {
  Monitor m = of_kind(Kind::failures);
  m.dag = "bank";
  Sight seen;
  CHECK(status_of(m, seen) == Status::unknown);
  seen.tasks = {{"extract", 0, ""}, {"load", 2, "disk full"}};
  const Verdict failing = judge(m, seen, nullptr, noon);
  CHECK(failing.status == Status::unwell);
  CHECK(failing.message == "load failed 2 times in a row: disk full");
  m.let_pass = 2;
  CHECK(status_of(m, seen) == Status::well);
  m.let_pass = 0;
  m.task = "extract";
  CHECK(status_of(m, seen) == Status::well);
  m.task = "other";
  CHECK(status_of(m, seen) == Status::unknown);
}

TEST_CASE("who reads a topic may be so far behind, and nothing may go unread") {
  const MonitorFile file = parse_monitors(
      "bank", R"({"monitors": [{"name": "read", "kind": "lag", "topic": "orders", "group": "g",
              "connection": "hub", "at_most": 10}]})");
  REQUIRE(file.problems.empty());
  const Monitor& m = file.monitors.at(0);
  CHECK(m.connection == "hub");
  CHECK(m.target() == "orders of g");
  Sight seen;
  seen.behind = 10;
  CHECK(status_of(m, seen) == Status::well);
  seen.behind = 11;
  const Verdict late = judge(m, seen, nullptr, noon);
  CHECK(late.status == Status::unwell);
  CHECK(late.value == 11);
  CHECK(late.limit == 10);
  CHECK(late.message == "g is 11 records behind in orders");
  seen.behind = 1;
  seen.lost = 4;
  const Verdict lost = judge(m, seen, nullptr, noon);
  CHECK(lost.status == Status::unwell);
  CHECK(lost.message == "g is 1 record behind in orders; 4 were deleted before it read them");
  seen.trouble = "the broker does not answer";
  CHECK(status_of(m, seen) == Status::unknown);
}

TEST_CASE("a cost is held against each of its bounds, and what is known in part holds none") {
  Monitor m = of_kind(Kind::cost);
  m.window = std::chrono::hours(7 * 24);
  m.bounds.runs = 10;
  m.bounds.bytes_stored = 2048;
  Sight seen;
  CHECK(status_of(m, seen) == Status::unknown);
  Cost cost;
  cost.runs = 5;
  cost.bytes_stored = 2048;
  cost.cpu_seconds = 1e9;  // no bound is set to it
  cost.unmeasured = 1;     // of what no bound is held against
  seen.cost = cost;
  const Verdict within = judge(m, seen, nullptr, noon);
  CHECK(within.status == Status::well);
  CHECK(within.value == 1);
  CHECK(within.limit == 1);
  CHECK(within.message == "in 7d: 5 of 10 runs; 2 KiB of 2 KiB stored");
  seen.cost->runs = 25;
  const Verdict over = judge(m, seen, nullptr, noon);
  CHECK(over.status == Status::unwell);
  CHECK(over.value == 2.5);
  CHECK(over.message == "in 7d: 25 runs, and 10 are allowed");
  seen.cost->more = true;  // so many or more are too many
  CHECK(status_of(m, seen) == Status::unwell);
  seen.cost->runs = 5;
  CHECK(status_of(m, seen) == Status::unknown);
  seen.cost->more = false;
  seen.cost->size_unknown = true;
  CHECK(judge(m, seen, nullptr, noon).message ==
        "in 7d: 5 of 10 runs; 2 KiB of 2 KiB stored, and more: the size of a table is not known");
  m.bounds = {};
  m.bounds.cpu_seconds = 60;
  seen.cost->cpu_seconds = 61.5;
  seen.cost->unmeasured = 2;
  CHECK(judge(m, seen, nullptr, noon).message ==
        "in 7d: 61.5 CPU seconds, and 60 are allowed (without 2 tries that were not measured)");
  seen.trouble = "the store does not answer";
  CHECK(judge(m, seen, nullptr, noon).message == "the store does not answer");
}

TEST_CASE(
    "a message counts what opened and closed, names the gravest first, and leaves out what is "
    "less") {
  const auto alert = [](std::int64_t id, const char* severity, const char* closed_why) {
    Alert out;
    out.id = id;
    out.monitor_id = "bank/m" + std::to_string(id);
    out.kind = "freshness";
    out.target = "silver/bank/clients";
    out.severity = severity;
    out.message = "it is\nlate";
    out.close_note = closed_why;
    if (!out.close_note.empty()) out.closed_at = noon;
    return out;
  };
  const std::vector<Alert> opened{alert(1, "warning", ""), alert(2, "critical", ""),
                                  alert(3, "info", "")};
  const std::vector<Alert> closed{alert(4, "warning", "it is fresh")};
  const Message told = message_of(opened, closed, Severity::warning);
  CHECK(told.alerts == 3);
  CHECK(told.text ==
        "Alerts of monitors: 2 opened, 1 closed\n"
        "Opened: critical, alert 2 of bank/m2 (freshness of silver/bank/clients): it is late\n"
        "Opened: warning, alert 1 of bank/m1 (freshness of silver/bank/clients): it is late\n"
        "Closed: warning, alert 4 of bank/m4 (freshness of silver/bank/clients): it is fresh");
  const Message nothing = message_of({alert(3, "info", "")}, {}, Severity::critical);
  CHECK(nothing.alerts == 0);
  CHECK(nothing.text.empty());
  // More than are named are counted, and a long reason is cut between characters.
  std::vector<Alert> many(22, alert(9, "info", ""));
  many[0].message = std::string(299, 'x') + "ãã";
  const Message storm = message_of(many, {}, Severity::info);
  CHECK(storm.alerts == 22);
  CHECK(storm.text.find("\nOpened: 2 more, as") != std::string::npos);
  CHECK(storm.text.find(std::string(299, 'x') + "…\n") != std::string::npos);
}

TEST_CASE("sizes are told in the largest unit that they fill") {
  CHECK(bytes_text(1) == "1 byte");
  CHECK(bytes_text(1023) == "1023 bytes");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(bytes_text(std::int64_t{3} << 30) == "3 GiB");
  CHECK(bytes_text(std::int64_t{1} << 62) == "4096 PiB");
}

TEST_CASE("an alert opens once, stands while its monitor is not well, and closes by itself") {
  const auto first = settle({}, {judged("a", Status::unwell), judged("b", Status::unknown)},
                            {"bank"}, 7, "run-1", noon);
  REQUIRE(first.opened.size() == 1);
  CHECK(first.opened[0].id == 7);
  CHECK(first.opened[0].monitor_id == "bank/a");
  CHECK(first.opened[0].message == "why a");
  CHECK(first.opened[0].opened_run == "run-1");
  CHECK(first.open.size() == 1);
  for (const Status status : {Status::unwell, Status::unknown}) {
    const auto again = settle(first.open, {judged("a", status)}, {"bank"}, 8, "run-2", noon);
    CHECK_FALSE(again.differs());
    CHECK(again.open.size() == 1);
  }
  const auto well = settle(first.open, {judged("a", Status::well)}, {"bank"}, 8, "run-3", noon);
  CHECK(well.open.empty());
  REQUIRE(well.closed.size() == 1);
  CHECK(well.closed[0].closed_by == closed_by_itself);
  CHECK(well.closed[0].closed_run == "run-3");
  CHECK(well.closed[0].close_note == "why a");
}

TEST_CASE(
    "an alert of a monitor that is gone closes, and one of a domain that was not judged stays") {
  const auto before = settle({}, {judged("a", Status::unwell)}, {"bank"}, 1, "run", noon);
  const auto gone = settle(before.open, {}, {"bank"}, 2, "run", noon);
  REQUIRE(gone.closed.size() == 1);
  CHECK(gone.closed[0].close_note == "there is no such monitor any more");
  CHECK_FALSE(settle(before.open, {}, {"shop"}, 2, "run", noon).differs());
}

TEST_CASE("an older look closes nothing that a newer one opened, and opens nothing beside it") {
  const auto later = settle({}, {judged("a", Status::unwell)}, {"bank"}, 5, "run-2",
                            noon + std::chrono::minutes(5));
  for (const Status status : {Status::well, Status::unwell}) {
    const auto older = settle(later.open, {judged("a", status)}, {"bank"}, 6, "run-1", noon);
    CHECK_FALSE(older.differs());
    CHECK(older.open.size() == 1);
  }
  CHECK_FALSE(settle(later.open, {}, {"bank"}, 6, "run-1", noon).differs());
  // From so far ahead it was another clock's, and must not stand until that hour comes.
  const auto ahead = settle({}, {judged("a", Status::unwell)}, {"bank"}, 5, "run-2",
                            noon + std::chrono::hours(24));
  CHECK(settle(ahead.open, {judged("a", Status::well)}, {"bank"}, 6, "run-3", noon).closed.size() ==
        1);
}

TEST_CASE("an older look opens nothing again that was closed meanwhile") {
  Alert closed;
  closed.monitor_id = "bank/a";
  closed.closed_at = noon + std::chrono::minutes(5);
  closed.closed_by = "ana";
  const std::vector<Judged> looked = {judged("a", Status::unwell), judged("b", Status::unwell)};
  const auto older = settle({}, looked, {"bank"}, 6, "run-1", noon, {closed});
  REQUIRE(older.opened.size() == 1);
  CHECK(older.opened[0].monitor_id == "bank/b");
  const auto next =
      settle({}, looked, {"bank"}, 6, "run-2", noon + std::chrono::minutes(5), {closed});
  CHECK(next.opened.size() == 2);
  closed.closed_at = noon + std::chrono::hours(24);  // another clock's
  CHECK(settle({}, looked, {"bank"}, 6, "run-3", noon, {closed}).opened.size() == 2);
}
