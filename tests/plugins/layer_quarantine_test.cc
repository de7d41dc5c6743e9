// What becomes of rows in quarantine that somebody decided on.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lakelog/restore.h"
#include "plugins/lake/delta_table.h"
#include "tests/plugins/layer_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

using Lines = std::vector<std::string>;
using Verb = lake::QuarantineOrder::Verb;
const std::string kept_rows = "quarantine/demo/readings";
const std::string good_rows = "silver/demo/readings";

std::string at_minute(int minute) {
  return "2024-05-06T10:0" + std::to_string(minute) + ":00Z";
}

lake::QuarantineOrder order_of(Verb verb, const std::string& operation, const std::string& reason) {
  lake::QuarantineOrder order;
  order.verb = verb;
  order.operation = operation;
  order.by = "ana";
  order.note = "a typing error";
  order.reason = reason;
  return order;
}

// a is good, b has no number, c was not asked for.
struct Quarantined : Readings {
  Quarantined() {
    extract("run-1", {"a", "b"},
            {{at_minute(1), "a", "1"}, {at_minute(2), "b", "x"}, {at_minute(3), "c", "33"}});
    REQUIRE(transform("run-1").quarantined == 2);
  }
  json told(const lake::QuarantineOrder& one, const std::string& run = "run-9") {
    return json::parse(order(run, one));
  }
  std::string id_of(const std::string& sensor) {
    return rows(kept_rows, "SELECT _row_id FROM t WHERE sensor = '" + sensor + "'").at(0);
  }
  Lines silver_rows() { return rows(good_rows, "SELECT sensor, value FROM t ORDER BY sensor"); }
  std::int64_t version(const std::string& table) {
    return lake::DeltaTable::open(lake.path(), table).version();
  }
  void restore_silver(std::int64_t to) {
    REQUIRE(lakelog::restore(*lake.storage(), good_rows, {to, 1'800'000'000'000}).ok());
  }
  // A row of d, whose value 5 was too little for the contract of its time.
  void extract_little() {
    extract("run-2", {"d"}, {{at_minute(4), "d", "5"}});
    least_value = 10;
    REQUIRE(transform("run-2").quarantined == 1);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Quarantined, "quarantine: a repaired row is judged again and published, once") {
  auto order = order_of(Verb::repair, "op-1", "bad_value");
  order.set_json = R"({"value":"2"})";
  order.dry_run = true;
  json found = told(order);
  CHECK(found["published"] == 1);
  CHECK(found["rows"][0]["row"] == id_of("b"));
  CHECK(outputs.empty());
  CHECK(silver_rows() == Lines{"a|1"});

  order.dry_run = false;
  found = told(order);
  CHECK(found["published"] == 1);
  CHECK(found["kept"] == 0);
  CHECK(outputs.size() == 2);
  CHECK(silver_rows() == Lines{"a|1", "b|2"});
  CHECK(rows(good_rows, "SELECT execution_id FROM t WHERE sensor = 'b'") == Lines{"run-9"});
  CHECK(rows(kept_rows,
             "SELECT value, _status, _tries, _decided_by, _operations, _note, _repaired, "
             "CAST(_decided_at IS NOT NULL AS VARCHAR) FROM t WHERE sensor = 'b'") ==
        Lines{R"(x|published|1|ana|op-1|a typing error|{"value":"2"}|true)"});
  CHECK(rows(kept_rows, "SELECT sensor FROM t WHERE _status IS NULL") == Lines{"c"});

  // The same order again, and another for the same rows, change nothing.
  CHECK(told(order)["done_before"] == true);
  CHECK(outputs.empty());
  order.operation = "op-2";
  CHECK(told(order)["chosen"] == 0);
  CHECK(outputs.empty());
  // Nor is the row rejected once more by a run that reads it again.
  CHECK(transform("run-1").quarantined == 0);
  CHECK(silver_rows() == Lines{"a|1", "b|2"});
}

TEST_CASE_FIXTURE(Quarantined,
                  "quarantine: a correction that is wrong keeps the row, and counts the try") {
  auto order = order_of(Verb::repair, "op-1", "");
  order.corrections[id_of("b")] = R"({"value":"y","at":null})";
  order.rows = {id_of("b")};
  const json found = told(order);
  CHECK(found["kept"] == 1);
  CHECK(found["rows"][0]["reasons"] == "bad_time,bad_value");
  CHECK(outputs.size() == 1);
  CHECK(rows(kept_rows,
             "SELECT value, reason, CAST(_status IS NULL AS VARCHAR), _tries FROM t WHERE sensor = "
             "'b'") == Lines{"x|bad_value|true|1"});
  CHECK(silver_rows() == Lines{"a|1"});
}

TEST_CASE_FIXTURE(
    Quarantined,
    "quarantine: a replay takes what is good now and tells of the rest what is wrong") {
  extract("run-2", {"d", "e"}, {{at_minute(4), "d", "4"}, {at_minute(5), "e", "50"}});
  least_value = 100;
  REQUIRE(transform("run-2").quarantined == 2);
  least_value = 10;
  auto order = order_of(Verb::replay, "op-1", "value_small");
  json found = told(order);
  CHECK(found["published"] == 1);
  CHECK(found["kept"] == 1);
  CHECK(silver_rows() == Lines{"a|1", "e|50"});
  CHECK(rows(kept_rows,
             "SELECT sensor, _tries FROM t WHERE reason = 'value_small' AND _status IS "
             "NULL") == Lines{"d|1"});
  // What its extraction was not asked for is so still.
  order = order_of(Verb::replay, "op-2", "unknown_sensor");
  CHECK(told(order)["kept"] == 1);
  // Rows that were tried so often stay.
  order = order_of(Verb::replay, "op-3", "value_small");
  order.max_attempts = 1;
  found = told(order);
  CHECK(found["chosen"] == 0);
  CHECK(found["given_up"] == 1);
  // The history of a row has each order once.
  order.max_attempts = 5;
  CHECK(told(order)["kept"] == 1);
  CHECK(rows(kept_rows, "SELECT _operations, _tries FROM t WHERE sensor = 'd'") ==
        Lines{"op-1,op-3|2"});
}

TEST_CASE_FIXTURE(Quarantined, "quarantine: rows are chosen by the run and the time they came") {
  extract("run-2", {"d"}, {{at_minute(4), "d", "y"}});
  REQUIRE(transform("run-2").quarantined == 1);
  auto order = order_of(Verb::discard, "op-1", "bad_value");
  order.dry_run = true;
  CHECK(told(order)["discarded"] == 2);
  order.run_id = "run-2";
  CHECK(told(order)["discarded"] == 1);
  const Time now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  order.since = now + std::chrono::hours(1);
  CHECK(told(order)["chosen"] == 0);
  order.since = now - std::chrono::hours(1);
  CHECK(told(order)["chosen"] == 1);
  order.until = now - std::chrono::hours(1);
  CHECK(told(order)["chosen"] == 0);
  CHECK(outputs.empty());
}

TEST_CASE_FIXTURE(Quarantined, "quarantine: of one key a newer row in silver stays as it is") {
  extract("run-2", {"b"}, {{at_minute(2), "b", "22"}});
  REQUIRE(transform("run-2").changed == 1);
  auto order = order_of(Verb::repair, "op-1", "bad_value");
  order.set_json = R"({"value":"2"})";
  CHECK(told(order)["superseded"] == 1);
  CHECK(outputs.size() == 1);
  CHECK(silver_rows() == Lines{"a|1", "b|22"});
  CHECK(rows(kept_rows, "SELECT _status FROM t WHERE sensor = 'b'") == Lines{"superseded"});
}

TEST_CASE_FIXTURE(Quarantined,
                  "quarantine: rows that are given up leave a record, and come not back") {
  auto order = order_of(Verb::discard, "op-1", "");
  order.limit = 1;
  json found = told(order);
  CHECK(found["discarded"] == 1);
  CHECK(found["more"] == 1);
  order.operation = "op-2";
  CHECK(told(order)["discarded"] == 1);
  CHECK(rows(kept_rows, "SELECT DISTINCT _status, _decided_by, _note FROM t") ==
        Lines{"discarded|ana|a typing error"});
  const auto before = version(kept_rows);
  CHECK(transform("run-1").quarantined == 0);
  CHECK(version(kept_rows) == before);
  // A name that is none, or of a row that was decided on, changes nothing and is told.
  order.operation = "op-3";
  order.rows = {id_of("b")};
  CHECK_THROWS_WITH_AS((void)told(order), doctest::Contains("is no longer open, it was discarded"),
                       plugin::FinalError);
  order.rows = {"none"};
  CHECK_THROWS_WITH_AS((void)told(order), doctest::Contains("row none of quarantine/demo/readings"),
                       plugin::FinalError);
}

TEST_CASE_FIXTURE(Readings, "quarantine: a table of before rows had names is decided on too") {
  decisions = false;
  extract("run-1", {"a", "b"}, {{at_minute(1), "a", "x"}, {at_minute(2), "b", "x"}});
  REQUIRE(transform("run-1").quarantined == 2);
  decisions = true;
  auto one = order_of(Verb::repair, "op-1", "bad_value");
  one.set_json = R"({"value":"2"})";
  one.limit = 1;
  const json found = json::parse(order("run-9", one));
  CHECK(found["published"] == 1);
  CHECK(found["more"] == 1);
  CHECK(rows(good_rows, "SELECT count(*) FROM t") == Lines{"1"});
  CHECK(rows(kept_rows,
             "SELECT count(*), count(DISTINCT _row_id), count(_status), count(value) FROM t") ==
        Lines{"2|2|1|2"});
  // What it says of both is known to a run that reads them again.
  CHECK(transform("run-1").quarantined == 0);
}

TEST_CASE_FIXTURE(Quarantined,
                  "quarantine: a silver that is derived anew has repaired rows again") {
  auto order = order_of(Verb::repair, "op-1", "bad_value");
  order.set_json = R"({"value":"2"})";
  CHECK(told(order)["published"] == 1);
  std::filesystem::remove_all(lake.path() + "/" + good_rows);
  CHECK(transform("run-2").changed == 2);
  CHECK(silver_rows() == Lines{"a|1", "b|2"});
}

TEST_CASE_FIXTURE(Quarantined, "quarantine: an order's row begins a state of the history") {
  history = true;
  (void)transform("run-2");
  auto order = order_of(Verb::repair, "op-1", "bad_value");
  order.set_json = R"({"value":"2"})";
  CHECK(told(order)["published"] == 1);
  CHECK(rows(good_rows + "_hist",
             "SELECT sensor, CAST(is_current AS VARCHAR) FROM t ORDER BY sensor") ==
        Lines{"a|true", "b|true"});
}

TEST_CASE_FIXTURE(Readings,
                  "quarantine: a silver that a replay made first has its rows when derived anew") {
  least_value = 100;
  extract("run-1", {"a"}, {{at_minute(1), "a", "5"}});
  REQUIRE(transform("run-1").quarantined == 1);
  least_value = 0;
  const auto one = order_of(Verb::replay, "op-1", "value_small");
  CHECK(json::parse(order("run-9", one))["published"] == 1);
  CHECK(rows(good_rows, "SELECT sensor, value FROM t") == Lines{"a|5"});
  std::filesystem::remove_all(lake.path() + "/" + good_rows);
  CHECK(transform("run-2").changed == 1);
  CHECK(rows(good_rows, "SELECT sensor, value FROM t") == Lines{"a|5"});
}

TEST_CASE_FIXTURE(Quarantined,
                  "quarantine: a silver that is restored gets what orders published since, once") {
  extract_little();
  const auto before = version(good_rows);
  least_value = 0;
  CHECK(told(order_of(Verb::replay, "op-1", "value_small"))["published"] == 1);
  auto repair = order_of(Verb::repair, "op-2", "bad_value");
  repair.set_json = R"({"value":"2"})";
  CHECK(told(repair)["published"] == 1);
  REQUIRE(silver_rows() == Lines{"a|1", "b|2", "d|5"});
  restore_silver(before);
  REQUIRE(silver_rows() == Lines{"a|1"});
  // Another order before the next run does not hide that rows are missing.
  auto late = order_of(Verb::repair, "op-3", "");
  extract("run-3", {"e"}, {{at_minute(5), "e", "z"}});
  SUBCASE("the next run brings them") {
    CHECK(transform("run-4").changed == 2);
    CHECK(silver_rows() == Lines{"a|1", "b|2", "d|5"});
  }
  SUBCASE("so it does after another order") {
    REQUIRE(transform("run-3").changed == 2);
    restore_silver(before);
    late.rows = {id_of("e")};
    late.set_json = R"({"value":"3"})";
    CHECK(told(late)["published"] == 1);
    CHECK(silver_rows() == Lines{"a|1", "e|3"});
    CHECK(transform("run-4").changed == 2);
    CHECK(silver_rows() == Lines{"a|1", "b|2", "d|5", "e|3"});
  }
  const auto settled = version(good_rows);
  CHECK(transform("run-5").changed == 0);
  CHECK(version(good_rows) == settled);
}

TEST_CASE_FIXTURE(Quarantined,
                  "quarantine: a row that was corrected stays so when the contract takes the first "
                  "value") {
  extract_little();
  auto order = order_of(Verb::repair, "op-1", "value_small");
  order.set_json = R"({"value":"50"})";
  CHECK(told(order)["published"] == 1);
  least_value = 0;
  CHECK(transform("run-2").changed == 0);
  CHECK(silver_rows() == Lines{"a|1", "d|50"});
  std::filesystem::remove_all(lake.path() + "/" + good_rows);
  CHECK(transform("run-3").changed == 2);
  CHECK(silver_rows() == Lines{"a|1", "d|50"});
  // What the source says later is no longer what was decided on.
  extract("run-4", {"d"}, {{at_minute(4), "d", "5"}});
  CHECK(transform("run-4").changed == 1);
  CHECK(silver_rows() == Lines{"a|1", "d|5"});
}

TEST_CASE_FIXTURE(Quarantined,
                  "quarantine: a row that was given up stays out when the contract would take it") {
  extract_little();
  CHECK(told(order_of(Verb::discard, "op-1", "value_small"))["discarded"] == 1);
  least_value = 0;
  CHECK(transform("run-2").changed == 0);
  CHECK(silver_rows() == Lines{"a|1"});
  // Not so an equal row that is received afterwards.
  extract("run-3", {"d"}, {{at_minute(4), "d", "5"}});
  CHECK(transform("run-3").changed == 1);
  CHECK(silver_rows() == Lines{"a|1", "d|5"});
}
