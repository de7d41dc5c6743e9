// The plugin lake_maintenance and what it is made of, with real files: the same rows before and
// after, whatever is done to a table's files.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "lakelog/log_cleanup.h"
#include "lakelog/table.h"
#include "lakelog/vacuum.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/checkpoint_writer.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/optimize.h"
#include "plugins/lake/pinned_versions.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;
using nlohmann::json;

namespace {

const std::string things = "silver/demo/things";

const std::vector<lakelog::Column> thing_columns = {{"n", "long", true},
                                                    {"price", "decimal(18,6)", true},
                                                    {"at", "timestamp", true},
                                                    {"name", "string", true},
                                                    {"day", "date", true}};

// A table whose rows have a day, or none (NULL).
class Things {
 public:
  lakelog::TempLake lake;
  Session session;
  std::int64_t number = 0;

  Things() : session(engine_in(lake.path())) {}

  // Rows n from `from` on, `rows` of them, one file a day; a version of its own.
  std::int64_t append(std::int64_t from, std::int64_t rows, const std::string& day) {
    const StagedWrite write{
        lake.storage(),
        things,
        thing_columns,
        {"day"},
        "SELECT i::BIGINT AS n, (i * 1.5)::DECIMAL(18,6) AS price, "
        "TIMESTAMPTZ '2026-11-20 10:00:00+00' + to_seconds(i) AS \"at\", "
        "CASE WHEN i % 7 = 0 THEN NULL ELSE 'thing ' || (i * 7919 % 1000) END AS name, " +
            (day.empty() ? std::string("NULL::DATE") : "DATE '" + day + "'") +
            " AS day FROM range(" + std::to_string(from) + ", " + std::to_string(from + rows) +
            ") t(i)",
        {},
        {}};
    std::vector<json> adds;
    for (const auto& add : write_files(session, write)) adds.push_back(lakelog::add_json(add));
    return publish(lakelog::append_payload(adds, newest()));
  }
  // Takes the first live file out.
  void remove_one() {
    const auto table = open();
    const auto& file = table.snapshot().files.begin()->second;
    const json add = lakelog::add_json(file);
    publish(lakelog::merge_payload(
        {{{"path", file.path}, {"partition_values", add["partition_values"]}, {"size", file.size}}},
        {}, table.version()));
  }
  std::int64_t publish(json payload) {
    payload["table"] = things;
    payload["schema"] = lakelog::schema_json(thing_columns);
    const auto done = lakelog::publish(lakelog::publication(lake, payload, ++number));
    if (!done.ok()) FAIL(done.error().message);
    return done->version;
  }
  std::int64_t newest() {
    const auto listing = log().list();
    REQUIRE(listing.ok());
    return lakelog::newest_version(*listing);
  }
  lakelog::LogFolder log() { return {*lake.storage(), things}; }
  DeltaTable open(std::int64_t version = lakelog::latest_version) {
    return DeltaTable::open(session, lake.path(), things, version);
  }
  std::size_t files() { return open().snapshot().files.size(); }
  // A sum over every cell of every row, whatever their order.
  std::string rows(std::int64_t version = lakelog::latest_version) {
    create_view(session, "all_things", open(version));
    return session
        .value(
            "SELECT count(*) || ' ' || coalesce(bit_xor(hash(n, price, \"at\", name, day)), 0) "
            "FROM all_things")
        .text();
  }
  int run(json parameters) {
    host.context = {{"execution_id", "x"}, {"lake", lake.path()}, {"scratch", lake.path()}};
    host.parameters = std::move(parameters);
    host.failure.clear();
    return host.run("lake_maintenance");
  }
  json told(json parameters) {
    const int rc = run(std::move(parameters));
    INFO(host.failure);
    REQUIRE(rc == 0);
    return json::parse(host.result);
  }
  FakeHost host;
};

OptimizeOptions small_target() {
  OptimizeOptions options;
  options.rewrite.target_bytes = 1 << 20;
  return options;
}

}  // namespace

TEST_CASE("small files become few, with the same rows, columns, partitions and statistics") {
  Things table;
  for (int i = 0; i < 6; ++i)
    table.append(i * 100, 100, i % 3 == 0 ? "" : i % 3 == 1 ? "2026-11-20" : "2026-11-21");
  const std::string before = table.rows();
  REQUIRE(table.files() == 6);
  const auto done = optimize(table.session, table.lake.path(), things, small_target());
  CHECK(done.versions == 1);
  CHECK(done.old_files == 6);
  CHECK(done.new_files == 3);
  CHECK(table.files() == 3);
  CHECK(table.rows() == before);
  CHECK(table.rows(5) == before);
  std::int64_t rows = 0;
  const auto compact = table.open();
  for (const auto& [path, file] : compact.snapshot().files) {
    rows += lakelog::record_count(file).value_or(-1'000'000);
    CHECK(path.starts_with("day="));
    CHECK(file.stats_json.find("\"maxValues\"") != std::string::npos);
  }
  CHECK(rows == 600);
  // Who follows the table sees nothing new.
  CHECK(table.open().changes_since(5).added.empty());
  const auto again = optimize(table.session, table.lake.path(), things, small_target());
  CHECK(again.versions == 0);
  CHECK(again.version == done.version);
}

TEST_CASE("a dry run of optimize tells the same and writes nothing") {
  Things table;
  for (int i = 0; i < 3; ++i) table.append(i * 10, 10, "2026-11-20");
  auto options = small_target();
  options.dry_run = true;
  const auto would = optimize(table.session, table.lake.path(), things, options);
  CHECK(would.old_files == 3);
  CHECK(would.new_files == 1);
  CHECK(would.versions == 0);
  CHECK(table.newest() == 2);
}

TEST_CASE("clustering sorts the rows and does not sort them a second time") {
  Things table;
  for (int i = 0; i < 3; ++i) table.append(i * 1000, 1000, "2026-11-20");
  const std::string before = table.rows();
  auto options = small_target();
  options.rewrite.cluster_by = {"name", "n"};
  options.rewrite.max_group_bytes = 1 << 20;
  CHECK(optimize(table.session, table.lake.path(), things, options).versions == 1);
  CHECK(table.rows() == before);
  create_view(table.session, "sorted", table.open());
  CHECK(table.session
            .value("SELECT count(*) FROM (SELECT name, lag(name) OVER (ORDER BY r) AS before FROM "
                   "(SELECT name, row_number() OVER () AS r FROM sorted WHERE name IS NOT NULL)) "
                   "WHERE before > name")
            .integer() == 0);
  CHECK(optimize(table.session, table.lake.path(), things, options).versions == 0);
  options.rewrite.cluster_by = {"nothing"};
  CHECK_THROWS_WITH_AS(optimize(table.session, table.lake.path(), things, options),
                       doctest::Contains("there is no column nothing"), plugin::FinalError);
}

TEST_CASE("an append that comes while files are rewritten passes, and stays") {
  Things table;
  for (int i = 0; i < 3; ++i) table.append(i * 10, 10, "2026-11-20");
  auto options = small_target();
  options.before_put = [&] { table.append(1000, 10, "2026-11-20"); };
  const auto done = optimize(table.session, table.lake.path(), things, options);
  CHECK(done.versions == 1);
  CHECK(done.given_up == 0);
  CHECK(done.version == 4);
  CHECK(table.files() == 2);
  CHECK(table.rows().starts_with("40 "));
}

TEST_CASE(
    "a merge that takes one of the files makes a rewrite give that partition up, and only it") {
  Things table;
  for (int i = 0; i < 2; ++i) {
    table.append(i * 10, 10, "2026-11-20");
    table.append(100 + i * 10, 10, "2026-11-21");
  }
  auto options = small_target();
  bool merged = false;
  std::string after_merge;
  options.before_put = [&] {
    if (merged) return;
    merged = true;
    table.remove_one();  // of 2026-11-20, the first by path
    after_merge = table.rows();
  };
  const auto done = optimize(table.session, table.lake.path(), things, options);
  CHECK(done.given_up == 1);
  CHECK(done.versions == 1);
  CHECK(table.rows() == after_merge);
  CHECK(table.files() == 2);
  // What was rewritten in vain is gone, too.
  std::size_t on_disk = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(table.lake.path() + "/" + things + "/day=2026-11-20"))
    on_disk += entry.is_regular_file() ? 1 : 0;
  CHECK(on_disk == 2);
}

TEST_CASE("a rewrite that meets a change every time gives up after a bounded number of tries") {
  Things table;
  for (int i = 0; i < 20; ++i) table.append(i * 10, 10, "2026-11-20");
  auto options = small_target();
  int tries = 0;
  options.before_put = [&] {
    ++tries;
    table.remove_one();
  };
  CHECK_THROWS_WITH_AS(optimize(table.session, table.lake.path(), things, options),
                       doctest::Contains("others changed the files"), plugin::RetryableError);
  CHECK(tries == 3);
  CHECK(table.rows().starts_with("170 "));
}

TEST_CASE("a large table is rewritten in several versions, each of them whole") {
  Things table;
  for (int day = 10; day < 14; ++day)
    for (int i = 0; i < 2; ++i)
      table.append(day * 100 + i * 10, 10, "2026-11-" + std::to_string(day));
  const std::string before = table.rows();
  auto options = small_target();
  options.max_version_bytes = 1;
  const auto done = optimize(table.session, table.lake.path(), things, options);
  CHECK(done.versions == 4);
  for (std::int64_t version = 7; version <= done.version; ++version)
    CHECK(table.rows(version) == before);
  CHECK(table.files() == 4);
}

TEST_CASE("a file that holds other rows than the log tells of is not made the only copy") {
  Things table;
  for (int i = 0; i < 2; ++i) table.append(i * 10, 10, "2026-11-20");
  const auto snapshot = table.open();
  const auto& file = snapshot.snapshot().files.begin()->second;
  table.session.run("COPY (SELECT 1::BIGINT AS n) TO $1 (FORMAT parquet)",
                    {table.lake.path() + "/" + things + "/" + file.path});
  CHECK_THROWS_WITH_AS(optimize(table.session, table.lake.path(), things, small_target()),
                       doctest::Contains("the log tells of 20 rows"), plugin::FinalError);
  CHECK(table.newest() == 1);
}

TEST_CASE("a checkpoint that the engine wrote is read to the same state") {
  Things table;
  for (int i = 0; i < 4; ++i) table.append(i * 10, 10, i == 1 ? "" : "2026-11-20");
  table.remove_one();
  auto options = small_target();
  options.rewrite.cluster_by = {"n"};  // tags
  (void)optimize(table.session, table.lake.path(), things, options);
  const std::string before = table.rows();
  const auto state = table.open().snapshot();
  EngineCheckpoints reader(table.session, table.lake.path());
  EngineCheckpointWriter writer(table.session, table.lake.path());
  lakelog::CleanupOptions cleanup;
  cleanup.now_ms = 1'700'000'000'000;
  cleanup.reader = &reader;
  cleanup.writer = &writer;
  const auto done = lakelog::clean_log(table.log(), cleanup);
  if (!done.ok()) FAIL(done.error().message);
  CHECK(done->checkpoint == state.version);
  for (std::int64_t version = 0; version <= state.version; ++version)
    REQUIRE(table.log().remove_commit(version).ok());
  const auto again = table.open().snapshot();
  CHECK(again.files == state.files);
  CHECK(again.tombstones == state.tombstones);
  CHECK(again.metadata == state.metadata);
  CHECK(again.txns == state.txns);
  CHECK(table.rows() == before);
}

TEST_CASE("the plugin optimizes, vacuums and restores, and history shows who did it") {
  Things table;
  for (int i = 0; i < 3; ++i) table.append(i * 10, 10, "2026-11-20");
  const std::string before = table.rows();
  table.host.context = {};
  const json optimized = table.told({{"operation", "optimize"}, {"table", things}});
  CHECK(optimized["old_files"] == 3);
  CHECK(optimized["new_files"] == 1);
  const json kept = table.told({{"operation", "vacuum"}, {"table", things}});
  CHECK(kept["deleted_files"] == 0);
  CHECK(kept["checkpoint"] == 3);
  const json refused_first =
      table.told({{"operation", "vacuum"}, {"table", things}, {"retain", "0s"}, {"force", true}});
  CHECK(refused_first["deleted_files"] == 3);
  CHECK(table.rows() == before);
  table.append(100, 10, "2026-11-20");
  const json back = table.told({{"operation", "restore"}, {"table", things}, {"version", 3}});
  CHECK(back["changed"] == true);
  CHECK(table.rows() == before);
  const auto history = lakelog::table_history(*table.lake.storage(), things, 20);
  REQUIRE(history.ok());
  std::string operations;
  for (const auto& entry : *history) operations += entry.operation + ",";
  CHECK(operations == "RESTORE,WRITE,VACUUM END,VACUUM START,OPTIMIZE,WRITE,WRITE,WRITE,");
  CHECK((*history)[0].info_json.find("\"execution_id\":\"x\"") != std::string::npos);
}

TEST_CASE(
    "a table of 300 small commits gets compact by itself, and readers agree before and after") {
  Things table;
  table.append(0, 3, "2026-11-20");
  // Copies of one small file, each a version of its own: as cheap as 300 commits can be.
  const auto first = table.open();
  const lakelog::AddFile one = first.snapshot().files.begin()->second;
  const std::string folder = table.lake.path() + "/" + things + "/";
  for (int i = 1; i < 300; ++i) {
    lakelog::AddFile copy = one;
    copy.path = "day=2026-11-20/part-copy-" + std::to_string(i) + ".parquet";
    std::filesystem::copy_file(folder + one.path, folder + copy.path);
    table.publish(lakelog::append_payload({lakelog::add_json(copy)}, table.newest()));
  }
  REQUIRE(table.files() == 300);
  REQUIRE(table.newest() == 299);
  const std::string before = table.rows();
  const json done = table.told({{"operation", "auto"}});
  CHECK(done["tables"] == 1);
  CHECK(done["optimized"] == 1);
  CHECK(done["old_files"] == 300);
  CHECK(done["new_files"] == 1);
  CHECK(done["checkpoints"] == 1);
  CHECK(done["deleted_files"] == 0);  // within the retention
  CHECK(table.files() == 1);
  CHECK(table.rows() == before);
  CHECK(table.rows(299) == before);
  CHECK(table.newest() == 300);
  const json again = table.told({{"operation", "auto"}});
  CHECK(again["optimized"] == 0);
  CHECK(again["checkpoints"] == 0);
  CHECK(table.newest() == 300);
}

TEST_CASE("all tables are looked after by thresholds and a budget, and one's trouble is its own") {
  Things table;
  for (int i = 0; i < 5; ++i) table.append(i * 10, 10, "2026-11-20");
  const std::string broken = table.lake.path() + "/silver/demo/broken/_delta_log";
  std::filesystem::create_directories(broken);
  std::ofstream(broken + "/" + lakelog::commit_file_name(0)) << "no JSON";
  json done = table.told({{"operation", "auto"}});
  CHECK(done["tables"] == 2);
  CHECK(done["optimized"] == 0);  // four files would go: too few
  REQUIRE(done["skipped"].size() == 1);
  CHECK(done["skipped"][0].get<std::string>().starts_with("silver/demo/broken"));
  done = table.told({{"operation", "auto"}, {"small_files", 4}, {"budget", "0s"}});
  CHECK(done["left"] == 1);
  CHECK(table.files() == 5);
  done = table.told({{"operation", "auto"}, {"small_files", 4}, {"tables", {things}}});
  CHECK(done["tables"] == 1);
  CHECK(done["optimized"] == 1);
  CHECK(table.files() == 1);
}

TEST_CASE("the plugin says what is wrong with what it is asked for") {
  Things table;
  table.append(0, 10, "2026-11-20");
  const auto refusal = [&](json parameters) {
    CHECK(table.run(std::move(parameters)) != 0);
    return table.host.failure;
  };
  CHECK(refusal({{"operation", "drop"}, {"table", things}}) ==
        "parameter operation: auto, optimize, vacuum, restore or expire");
  CHECK(refusal({{"operation", "optimize"}, {"table", "../x"}}) ==
        "parameter table: not a table name: \"../x\"; tables are named layer/domain/table, such as "
        "silver/financial/quotes");
  CHECK(refusal({{"operation", "optimize"}, {"table", "silver/demo/none"}}) ==
        "there is no table silver/demo/none");
  CHECK(refusal({{"operation", "optimize"}, {"table", things}, {"target_bytes", 5}}) ==
        "parameter target_bytes: from 1 MiB to 4 GiB");
  CHECK(refusal({{"operation", "vacuum"}, {"table", things}, {"log_retain", "1h"}})
            .find("of the log shorter") != std::string::npos);
  CHECK(refusal({{"operation", "vacuum"}, {"table", things}, {"retain", "1h"}}).find("--force") !=
        std::string::npos);
  CHECK(refusal({{"operation", "restore"}, {"table", things}, {"version", 9}})
            .starts_with(things + std::string(" version 9 does not exist")));
}

TEST_CASE("a name with @v12 is one name for the engine's parser, and nothing else is touched") {
  CHECK(quote_pinned_names("SELECT * FROM silver.orders@v12 o") ==
        "SELECT * FROM silver.\"orders@v12\" o");
  CHECK(quote_pinned_names("FROM \"silver/x/orders\"@v3, a.b.c@V4;") ==
        "FROM \"silver/x/orders@v3\", a.b.\"c@V4\";");
  for (const char* same :
       {"SELECT 'orders@v12', \"orders@v12\" -- x@v1\n FROM t", "SELECT /* a@v1 /* b@v2 */ */ @v1",
        "SELECT $$a@v1$$, $x$b@v2$x$, a @v1", "SELECT a@v, a@v1x, a@w1, 1@v1, ''''"})
    CHECK(quote_pinned_names(same) == same);
  CHECK(split_pinned_name("orders@v12").name == "orders");
  CHECK(split_pinned_name("orders@v12").version == 12);
  CHECK(split_pinned_name("orders").version == lakelog::latest_version);
  CHECK(split_pinned_name("a@b@v").name == "a@b@v");
  CHECK(split_pinned_name("a@v99999999999999999999").name == "a@v99999999999999999999");
}

TEST_CASE("a query reads versions that it names, and tables as they were at a time") {
  Things table;
  table.append(0, 10, "2026-11-20");
  table.append(10, 10, "2026-11-20");
  table.append(20, 10, "2026-11-20");
  std::filesystem::create_directories(table.lake.path() + "/scratch");
  FakeHost host;
  const auto ask = [&](json parameters) {
    host.context = {{"execution_id", "x"},
                    {"lake", table.lake.path()},
                    {"scratch", table.lake.path() + "/scratch"}};
    host.parameters = std::move(parameters);
    host.failure.clear();
    return host.run("lake_sql") == 0 ? json::parse(host.result)["rows"].dump() : host.failure;
  };
  CHECK(ask({{"sql", "SELECT count(*) FROM silver.things@v0"}}) == "[[10]]");
  CHECK(ask({{"sql",
              "SELECT (SELECT count(*) FROM silver.things@v1) - count(*) FROM "
              "silver.things@v0"}}) == "[[10]]");
  CHECK(ask({{"sql", "SELECT count(*) FROM \"silver/demo/things\"@v1"}}) == "[[20]]");
  CHECK(ask({{"sql", "SELECT count(*) FROM silver.things"}, {"version", 1}}) == "[[20]]");
  CHECK(ask({{"sql", "SELECT count(*) FROM silver.things@v9"}}).find("version 9") !=
        std::string::npos);
  CHECK(ask({{"sql", "SELECT 1 FROM silver.things a, silver.demo.things b"}, {"version", 1}})
            .find("behind each name") != std::string::npos);
  // The commit of version 0 a day older than the others.
  const auto file =
      table.lake.path() + "/" + things + "/_delta_log/" + lakelog::commit_file_name(0);
  std::filesystem::last_write_time(file,
                                   std::filesystem::last_write_time(file) - std::chrono::hours(24));
  const auto hour_ago = to_iso(read_clock().wall - std::chrono::hours(1));
  CHECK(ask({{"sql", "SELECT count(*) FROM silver.things"}, {"at", hour_ago}}) == "[[10]]");
  CHECK(ask({{"operation", "head"}, {"table", things}, {"at", hour_ago}, {"limit", 1}})
            .starts_with("[[0,"));
  CHECK(ask({{"sql", "SELECT 1 FROM silver.things"}, {"at", "1999-01-01T00:00:00Z"}})
            .find("no version that old") != std::string::npos);
  CHECK(ask({{"sql", "SELECT 1 FROM silver.things"}, {"at", "yesterday"}}).find("parameter at") !=
        std::string::npos);
}

TEST_CASE("the new files of a rewrite stay where its version may stand or not") {
  Things table;
  for (int i = 0; i < 3; ++i) table.append(i * 10, 10, "2026-11-20");
  const auto folder = std::filesystem::path(table.lake.path()) / things;
  const auto in_the_way = folder / "_delta_log" / lakelog::commit_file_name(3);
  auto options = small_target();
  options.before_put = [&] { std::filesystem::create_directory(in_the_way); };
  CHECK_THROWS_AS(optimize(table.session, table.lake.path(), things, options),
                  plugin::RetryableError);
  std::filesystem::remove(in_the_way);
  const std::filesystem::directory_iterator files(folder / "day=2026-11-20"), end;
  CHECK(std::distance(files, end) == 4);
}
