// Rows that go by their age, with real files: which, in how many versions, and what others see.
#include "plugins/lake/expire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "lakelog/table.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/maintain.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;
using nlohmann::json;

namespace {

const std::string aged = "silver/demo/aged";

// A table of rows n, each of an instant, in partitions by day or in one piece.
class Aged {
 public:
  lakelog::TempLake lake;
  Session session;

  explicit Aged(bool parts) : session(engine_in(lake.path())), parts_(parts) {}

  // One version: rows n of the instants "2026-11-20 10:00", in files of their days.
  std::int64_t append(const std::string& rows) {
    const std::vector<lakelog::Column> columns = {
        {"n", "long", true}, {"at", "timestamp", true}, {"day", "date", true}};
    const StagedWrite write{
        lake.storage(),
        aged,
        columns,
        parts_ ? std::vector<std::string>{"day"} : std::vector<std::string>{},
        "SELECT n::BIGINT AS n, CAST(\"at\" AS TIMESTAMPTZ) AS \"at\", CAST(CAST(\"at\" AS "
        "TIMESTAMPTZ) AS DATE) AS day "
        "FROM (VALUES " +
            rows + ") t(n, \"at\")",
        {},
        {}};
    std::vector<json> adds;
    for (const auto& add : write_files(session, write)) {
      adds.push_back(lakelog::add_json(add));
      if (!bounds) adds.back()["stats"] = {{"numRecords", *lakelog::record_count(add)}};
    }
    json payload = lakelog::append_payload(adds, open().version());
    payload["table"] = aged;
    payload["partition_columns"] = parts_ ? json::array({"day"}) : json::array();
    payload["schema"] = lakelog::schema_json(columns);
    const auto done = lakelog::publish(lakelog::publication(lake, payload, ++number_));
    if (!done.ok()) FAIL(done.error().message);
    return done->version;
  }
  DeltaTable open() { return DeltaTable::open(session, lake.path(), aged); }
  std::string rows() {
    create_view(session, "all_aged", open());
    return session
        .value("SELECT coalesce(string_agg(CAST(n AS VARCHAR), ' ' ORDER BY n), '') FROM all_aged")
        .text();
  }
  ExpireResult run(const std::string& column, const std::string& before, bool dry_run = false) {
    options.column = column;
    options.before = before;
    options.dry_run = dry_run;
    return expire(session, lake.path(), aged, options);
  }
  ExpireOptions options;
  bool bounds = true;  // of the files that come: whether the log tells least and most

 private:
  const bool parts_;
  std::int64_t number_ = 0;
};

const std::string three_days =
    "(1, '2026-11-18 10:00:00+00'), (2, '2026-11-19 23:59:59+00'), (3, '2026-11-20 00:00:00+00'), "
    "(4, NULL)";

}  // namespace

TEST_CASE("expire: partitions of earlier days go whole, in one version that history tells") {
  Aged table(true);
  const std::int64_t before = table.append(three_days);
  const auto plan = table.run("day", "2026-11-20", true);
  CHECK(plan.rows == 2);
  CHECK(plan.removed_files == 2);
  CHECK(table.open().version() == before);
  const auto done = table.run("day", "2026-11-20");
  CHECK(done.rows == 2);
  CHECK(done.removed_files == 2);
  CHECK(done.rewritten_files == 0);
  CHECK(done.version == before + 1);
  CHECK(table.rows() == "3 4");
  const auto history = lakelog::table_history(*table.lake.storage(), aged, 5);
  REQUIRE(history.ok());
  CHECK((*history)[0].operation == "DELETE");
  // Nothing is left to do: no version more.
  const auto again = table.run("day", "2026-11-20");
  CHECK(again.rows == 0);
  CHECK(again.version == done.version);
  CHECK(table.open().version() == done.version);
}

TEST_CASE("expire: a file of old and new rows is written anew, and keeps what has no time") {
  Aged table(false);
  table.append(three_days);
  table.append("(5, '2026-11-21 00:00:00+00')");
  table.append("(6, '2026-11-01 00:00:00+00'), (7, '2026-11-02 00:00:00+00')");
  const auto untouched = table.open().snapshot().files;
  const auto done = table.run("at", "2026-11-20");
  CHECK(done.rows == 4);
  CHECK(done.removed_files == 1);
  CHECK(done.rewritten_files == 1);
  CHECK(table.rows() == "3 4 5");
  std::size_t same = 0;
  const DeltaTable left = table.open();  // its files are there as long as it is
  for (const auto& [path, file] : left.snapshot().files) same += untouched.count(path);
  CHECK(same == 1);
}

TEST_CASE("expire: what bounds leave is the next call's, and whole files go first") {
  Aged table(false);
  table.append("(1, '2026-11-18 10:00:00+00'), (2, '2026-11-20 10:00:00+00')");
  table.append("(3, '2026-11-18 10:00:00+00'), (4, '2026-11-20 10:00:00+00')");
  table.append("(5, '2026-11-18 10:00:00+00')");
  table.options.max_bytes = 1;
  const auto first = table.run("at", "2026-11-20");
  CHECK(first.more);
  CHECK(first.removed_files == 1);
  CHECK(first.rewritten_files == 1);
  const auto second = table.run("at", "2026-11-20");
  CHECK_FALSE(second.more);
  CHECK(second.rewritten_files == 1);
  CHECK(table.rows() == "2 4");
}

TEST_CASE("expire: files without bounds keep nobody from the rows that are to go") {
  Aged table(false);
  table.bounds = false;
  for (int n = 1; n <= 5; ++n)
    table.append("(" + std::to_string(n) + ", '2026-11-20 10:00:00+00')");
  table.append("(6, '2026-11-18 10:00:00+00')");
  table.options.max_files = 1;
  CHECK(table.run("at", "2026-11-20").rows == 1);
  CHECK(table.rows() == "1 2 3 4 5");
  CHECK_FALSE(table.run("at", "2026-11-20").more);
}

TEST_CASE(
    "expire: an append beside it stays, and a file that others took away is looked for anew") {
  Aged table(true);
  table.append(three_days);
  int calls = 0;
  table.options.before_put = [&] {
    if (++calls == 1) table.append("(9, '2026-11-18 11:00:00+00'), (10, '2026-11-22 00:00:00+00')");
  };
  const auto done = table.run("day", "2026-11-20");
  CHECK(done.rows == 2);
  CHECK(table.rows() == "3 4 9 10");  // what came meanwhile is the next call's
  table.options.before_put = [&] {
    if (++calls != 3) return;
    ExpireOptions other;
    other.column = "day";
    other.before = "2026-11-20";
    (void)expire(table.session, table.lake.path(), aged, other);
  };
  calls = 2;
  CHECK(table.run("day", "2026-11-20").rows == 0);
  CHECK(table.rows() == "3 4 10");
}

TEST_CASE("expire: a column that is none or no time, and a day that is none, are refused") {
  Aged table(true);
  table.append(three_days);
  CHECK_THROWS_WITH(table.run("gone", "2026-11-20"),
                    "silver/demo/aged has no column gone to go by");
  CHECK_THROWS_WITH(table.run("n", "2026-11-20"),
                    "silver/demo/aged: rows go by a date or a timestamp, and n is long");
  CHECK_THROWS_AS(table.run("day", "2026-11-2' OR true"), plugin::FinalError);
  CHECK(table.rows() == "1 2 3 4");
}

TEST_CASE("maintenance: only tables that contracts name lose rows, and a wrong rule stops nobody") {
  Aged table(true);
  table.append(three_days);
  MaintainOptions options;
  options.scratch = table.lake.path();
  CHECK(maintain(table.session, table.lake.path(), options).expired_rows == 0);
  options.expire = {{"silver/demo/other", "day", "2026-11-20"}, {aged, "gone", "2026-11-20"}};
  const auto wrong = maintain(table.session, table.lake.path(), options);
  CHECK(wrong.expired_rows == 0);
  REQUIRE(wrong.skipped.size() == 1);
  CHECK(wrong.skipped[0].find("has no column gone") != std::string::npos);
  options.expire = {{aged, "day", "2026-11-20"}};
  options.dry_run = true;
  CHECK(maintain(table.session, table.lake.path(), options).expired_rows == 2);
  CHECK(table.rows() == "1 2 3 4");
  options.dry_run = false;
  const auto done = maintain(table.session, table.lake.path(), options);
  CHECK(done.expired_rows == 2);
  CHECK(done.expired_tables == 1);
  CHECK(table.rows() == "3 4");
}

TEST_CASE("maintenance: the plugin goes by the contracts that its launch tells of") {
  Aged table(true);
  table.append(three_days);
  FakeHost host;
  host.context = {
      {"execution_id", "x"}, {"lake", table.lake.path()}, {"scratch", table.lake.path()}};
  host.context["retention"] = json::array();
  host.context["retention"].push_back(
      {{"table", aged}, {"column", "day"}, {"before", "2026-11-20"}});
  host.context["more"] = std::string(std::size_t{2} << 20, 'x');  // of others, who tell much
  host.parameters = json{{"operation", "auto"}, {"dry_run", true}};
  REQUIRE(host.run("lake_maintenance") == 0);
  CHECK(json::parse(host.result)["expired_rows"] == 2);
  host.parameters = json{{"operation", "expire"}, {"table", aged}};
  host.parameters["column"] = "day";
  host.parameters["before"] = "2026-11-20";
  REQUIRE(host.run("lake_maintenance") == 0);
  CHECK(json::parse(host.result)["rows"] == 2);
  CHECK(table.rows() == "3 4");
}
