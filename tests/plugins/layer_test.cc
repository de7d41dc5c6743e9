// The layer library with a source of its own: what is new, who is judged by what, what is written.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/payload.h"
#include "lakelog/table.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/partition_batches.h"
#include "plugins/lake/layer/publication.h"
#include "plugins/lake/layer/raw_landing.h"
#include "tests/plugins/layer_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;

namespace {

const std::string silver = "silver/demo/readings";
const std::string rejected = "quarantine/demo/readings";

using Lines = std::vector<std::string>;

std::string minute(std::int64_t i) {
  char text[32];
  std::snprintf(text, sizeof text, "2026-11-20T%02d:%02d:00Z", static_cast<int>(i / 60 % 24),
                static_cast<int>(i % 60));
  return text;
}

bool said(const Lines& lines, const std::string& words) {
  return std::any_of(lines.begin(), lines.end(), [&words](const std::string& line) {
    return line.find(words) != std::string::npos;
  });
}

void drop(const Readings& world, const std::string& name) {
  std::filesystem::remove_all(world.lake.path() + "/" + name);
}

}  // namespace

TEST_CASE("rows are judged by what their own extraction asked for, whoever transforms them") {
  Readings world;
  world.extract("run-1", {"a"}, {{minute(1), "a", "1"}, {minute(1), "x", "1"}});
  world.extract("run-2", {"b", "x"}, {{minute(2), "b", "2"}});
  // Run 2 takes both in: a was asked for by run 1, and that run 2 asked for x changes nothing.
  const auto first = world.transform("run-2", {{"b", "x"}, false});
  CHECK(first.changed == 2);
  CHECK(first.quarantined == 1);
  CHECK(world.rows(rejected, "SELECT sensor, reason, run_id FROM t") ==
        Lines{"x|unknown_sensor|run-1"});

  // Clearing run 1 reads the rows of run 2 too, for they came later.
  world.extract("run-1", {"a"}, {{minute(3), "a", "3"}});
  const auto cleared = world.transform("run-1", {{"a"}, false});
  CHECK(cleared.changed == 1);
  CHECK(cleared.quarantined == 0);
  CHECK(world.rows(silver, "SELECT sensor, value FROM t ORDER BY value") ==
        Lines{"a|1", "b|2", "a|3"});
}

TEST_CASE("a list given by a person overrules the request, for the run's own rows only") {
  Readings world;
  world.extract("run-1", {"a"}, {{minute(1), "a", "1"}});
  world.extract("run-2", {"a"}, {{minute(2), "a", "2"}, {minute(2), "b", "2"}});
  CHECK(world.transform("run-2", {{"b"}, true}).changed == 2);
  CHECK(world.rows(silver, "SELECT sensor, value FROM t ORDER BY value") == Lines{"a|1", "b|2"});
  CHECK(world.rows(rejected, "SELECT sensor, value FROM t") == Lines{"a|2"});
}

TEST_CASE("rows extracted by a run without transform reach silver in the next one") {
  Readings world;
  world.extract("run-1", {"a"}, {{minute(1), "a", "1"}});
  world.extract("run-2", {"b"}, {{minute(2), "b", "2"}});
  CHECK(world.transform("run-2", {{"b"}, false}).changed == 2);
  CHECK(world.transform("run-2").changed == 0);
  world.extract("run-3", {"c"}, {{minute(3), "c", "3"}});
  const auto after = world.transform("run-4");
  CHECK(after.changed == 1);
  CHECK(world.rows(silver, "SELECT DISTINCT execution_id FROM t WHERE sensor = 'c'") ==
        Lines{"run-4"});
}

TEST_CASE("without its request an extraction's rows are taken in, and the log says so") {
  Readings world;
  world.extract("run-1", {"a"}, {{minute(1), "b", "1"}});
  std::filesystem::remove_all(world.lake.path() + "/raw");
  CHECK(world.transform("run-2").changed == 1);
  CHECK(said(world.lines, "1 extractions left no request: their sensors cannot be checked"));
}

TEST_CASE("a source that was dropped and made anew is taken in from its first version on") {
  Readings world;
  for (const char* run : {"run-1", "run-2", "run-3"}) {
    world.extract(run, {"a"}, {{minute(run[4]), "a", "1"}});
    (void)world.transform(run);
  }
  drop(world, "bronze/demo/readings");
  world.extract("run-4", {"a"}, {{minute(4), "a", "4"}});
  CHECK(world.transform("run-5").changed == 1);
  CHECK(world.rows(silver, "SELECT count(*) FROM t") == Lines{"4"});
}

TEST_CASE("a marker ahead of its source is put right even by a run that finds nothing new") {
  Readings world;
  const auto extract = [&world](int run, const char* sensor, const char* value) {
    world.extract("run-" + std::to_string(run), {"a"}, {{minute(1), sensor, value}});
  };
  // The target's marker reaches 1 and the quarantine's 2.
  extract(1, "a", "1");
  extract(2, "a", "2");
  (void)world.transform("run-2");
  extract(3, "a", "bad");
  (void)world.transform("run-3");
  drop(world, "bronze/demo/readings");
  extract(4, "a", "2");
  CHECK(world.transform("run-4").changed == 0);
  // What comes up to the versions that the old markers told is not passed over by a run that did
  // not extract it.
  extract(5, "a", "5");
  extract(6, "x", "6");
  CHECK(world.transform("run-7").changed == 1);
  CHECK(world.rows(silver, "SELECT value FROM t") == Lines{"5"});

  const auto markers = [&world](const std::string& table) {
    return lake::DeltaTable::open(world.lake.path(), table).marker("silver/bronze");
  };
  CHECK(markers(silver) == 2);
  CHECK(markers(rejected) <= 2);
}

TEST_CASE("a target that was dropped is derived again, whatever the quarantine's marker tells") {
  Readings world;
  world.extract("run-1", {"a"}, {{minute(1), "a", "1"}});
  (void)world.transform("run-1");
  world.extract("run-2", {"a"}, {{minute(2), "a", "bad"}});
  (void)world.transform("run-2");
  CHECK(lake::DeltaTable::open(world.lake.path(), rejected).marker("silver/bronze") == 1);
  drop(world, silver);
  CHECK(world.transform("run-3").changed == 1);
  CHECK(world.rows(silver, "SELECT value FROM t") == Lines{"1"});
}

TEST_CASE("which column comes of which is told by the log that a transform writes, or why not") {
  Readings world;
  world.history = true;
  world.column_lineage = R"({"value":{"from":[["bronze/demo/readings","value"]]}})";
  const auto told = [&world](const std::string& table) {
    const auto entries = lakelog::table_history(*world.lake.storage(), table, 1);
    REQUIRE(entries.ok());
    REQUIRE(entries->size() == 1);
    const auto metrics = parse_untrusted(entries->front().metrics_json);
    REQUIRE(metrics.ok());
    return nlohmann::json::parse(metrics->at("column_lineage").get<std::string>());
  };
  world.extract("one", {"a"}, {{"2026-01-01T00:00:00Z", "a", "1"}});
  (void)world.transform("one");
  CHECK(told("silver/demo/readings") == nlohmann::json::parse(world.column_lineage));
  const auto history = told("silver/demo/readings_hist");
  CHECK(history["value"]["from"] ==
        nlohmann::json::array({nlohmann::json::array({"silver/demo/readings", "value"})}));
  CHECK(history["valid_from"].contains("unknown"));
  // What would weigh on the log of every reader stays out of it, and both it and the task say so.
  world.column_lineage = R"({"value":{"unknown":")" + std::string(33'000, 'x') + "\"}}";
  world.extract("two", {"a"}, {{"2026-01-01T01:00:00Z", "a", "2"}});
  (void)world.transform("two");
  CHECK(told("silver/demo/readings")["*"]["unknown"] == "it is too long to be kept");
  CHECK(said(world.lines, "32 KiB"));
}

TEST_CASE("a broken blocking rule publishes nothing") {
  Readings world;
  world.extract("run-1", {"a"}, {{minute(1), "a", "1000000"}, {minute(2), "a", "nothing"}});
  CHECK_THROWS_WITH_AS((void)world.transform("run-1"),
                       "quality: silver/demo/readings: 1 rows break value_small",
                       plugin::FinalError);
  CHECK_FALSE(lake::DeltaTable::open(world.lake.path(), silver).exists());
  CHECK_FALSE(lake::DeltaTable::open(world.lake.path(), rejected).exists());
}

TEST_CASE("the quarantine is not looked through: a look-up opens no file of long ago") {
  Readings world;
  // Forty hours of rejected rows, with a time and without; windows overlap by one row each.
  for (int i = 0; i < 40; ++i) {
    const std::string run = "run-" + std::to_string(100 + i);
    world.extract(run, {"a"},
                  {{minute(i), "a", "bad"},
                   {minute(i + 1), "a", "bad"},
                   {"never " + std::to_string(i), "a", "1"}});
    CHECK(world.transform(run).quarantined == (i == 0 ? 3 : 2));
  }
  const auto table = lake::DeltaTable::open(world.lake.path(), rejected);
  CHECK(world.rows(rejected, "SELECT count(*) FROM t") == Lines{"81"});
  int removed = 0;
  for (const auto& file : table.files([](const auto&) { return true; })) {
    const bool timed = file.stats_json.find("never") == std::string::npos;
    const auto run = file.stats_json.find("run-1");
    const bool old = file.stats_json.substr(run, 7) < (timed ? "run-139" : "run-108");
    if (old) removed += std::filesystem::remove(table.local_path(file)) ? 1 : 0;
  }
  CHECK(removed == 39 + 8);
  world.extract("run-200", {"a"}, {{minute(40), "a", "bad"}, {minute(41), "a", "bad"}});
  CHECK(world.transform("run-200").quarantined == 1);
}

TEST_CASE("more files than an attempt can hand in end it early, and the reason says what to do") {
  Readings world;
  lake::Session session(lake::engine_in(world.lake.path()));
  const lake::TableShape shape{
      "silver/demo/many", "", "day", {{"n", "long", true}, {"day", "date", true}}, {}};
  const auto table = lake::DeltaTable::open(world.lake.path(), shape.name);
  lake::Publication version(shape, table, lakelog::Operation::append, 4096);
  const auto stage = [&](int days) {
    version.stage(
        session,
        "SELECT range AS n, DATE '2026-01-01' + CAST(range AS INTEGER) AS day FROM range(" +
            std::to_string(days) + ")",
        {"n"});
  };
  stage(5);
  CHECK_THROWS_WITH_AS(stage(20),
                       doctest::Contains("silver/demo/many: 25 new files are more than one attempt "
                                         "can hand in (4096 bytes"),
                       plugin::FinalError);
}

TEST_CASE("neighbouring partitions are worked on together as long as they fit") {
  using Batches = std::vector<std::vector<std::string>>;
  CHECK(lake::partition_batches({}, 10).empty());
  CHECK(lake::partition_batches({{"a", 4}, {"b", 6}, {"c", 1}, {"d", 20}, {"e", 1}}, 10) ==
        Batches{{"a", "b"}, {"c"}, {"d"}, {"e"}});
}

TEST_CASE("one partition of many rows has all threads; smaller ones have a thread each") {
  lakelog::TempLake lake;
  lake::SessionOptions options = lake::engine_in(lake.path());
  options.threads = 2;
  const lake::Session session(options);
  const std::map<std::string, std::int64_t> rows = {
      {"small", 249'999}, {"large", 250'000}, {"huge", session.memory_bytes()}};
  CHECK(lake::bytes_for_all(session, rows, "small", 100) == 0);
  CHECK(lake::bytes_for_all(session, rows, "large", 100) == 37'500'000);
  CHECK(lake::bytes_for_all(session, rows, "huge", 100) == 0);
  CHECK(lake::bytes_for_all(session, rows, "none", 100) == 0);
  CHECK(lake::rows_among(rows, {"small", "large", "none"}) == 499'999);
}

TEST_CASE("a first load of several partitions is in the order of its keys, by one thread or each") {
  Readings world;
  SUBCASE("one after the other") {
    world.engine_threads = 1;
  }
  SUBCASE("beside each other") {
    world.engine_threads = 2;
  }
  world.extract("run-1", {"a", "b"}, 3'000, [&](std::int64_t i) {
    return Reading{"2026-11-" + std::to_string(10 + i % 3) + minute(i * 7919 % 1'000).substr(10),
                   i % 2 == 0 ? "a" : "b", std::to_string(i)};
  });
  const auto result = world.transform("run-1");
  const auto payload = lakelog::parse_payload(world.outputs.at(0));
  REQUIRE(payload.ok());
  CHECK(payload->adds.size() == 3);
  std::int64_t rows = 0;
  for (const auto& add : payload->adds) rows += lakelog::record_count(add).value_or(0);
  CHECK(rows == result.changed);
  CHECK(world.rows(
            silver,
            "SELECT count(*) - count(DISTINCT (\"at\", sensor)), count(DISTINCT day) FROM t") ==
        Lines{"0|3"});
  // Each file has what its session sorted: in the order of the keys.
  for (const auto& add : payload->adds) {
    lake::Session session(lake::engine_in(world.lake.path()));
    CHECK(
        session
            .value("SELECT count(*) FILTER (before > here) FROM (SELECT (sensor, \"at\") AS here, "
                   "lag((sensor, \"at\")) OVER (ORDER BY file_row_number) AS before FROM "
                   "read_parquet($1, file_row_number = true))",
                   {world.lake.path() + "/" + silver + "/" + add.path})
            .integer() == 0);
  }
}

TEST_CASE("a first load far larger than the engine's memory passes, and so does the run after it") {
  Readings world;
  world.engine_memory = 48 << 20;
  constexpr std::int64_t count = 300'000;  // 60 days of 5,000 rows; 49,152 rows fit a piece
  const auto reading = [](std::int64_t i) {
    const std::int64_t second = i * 17 % (60 * 86'400);
    return Reading{to_iso(*parse_iso("2026-01-01T00:00:00Z") + std::chrono::seconds(second)),
                   "sensor-" + std::to_string(i % 7), std::to_string(i % 1000)};
  };
  const std::vector<std::string> sensors = {"sensor-0", "sensor-1", "sensor-2", "sensor-3",
                                            "sensor-4", "sensor-5", "sensor-6"};
  world.extract("run-1", sensors, count, reading);
  const auto first = world.transform("run-1");
  CHECK(first.read == count);
  CHECK(first.changed == count);
  CHECK(world.rows(silver, "SELECT count(*), count(DISTINCT day) FROM t") == Lines{"300000|60"});
  // The whole window again, one value changed: one day is rewritten, and no more.
  world.extract("run-2", sensors, count, [&](std::int64_t i) {
    Reading each = reading(i);
    if (i == 0) each.value = "7";
    return each;
  });
  CHECK(world.transform("run-2").changed == 1);
  const auto payload = lakelog::parse_payload(world.outputs.at(0));
  REQUIRE(payload.ok());
  CHECK(payload->adds.size() == 1);
  CHECK(payload->removes.size() == 1);
  CHECK(world.rows(silver, "SELECT count(*), count(*) FILTER (execution_id = 'run-2') FROM t") ==
        Lines{"300000|1"});
}

TEST_CASE("a small merge rewrites the partitions it changes from their files, and no others") {
  Readings world;
  SUBCASE("one after the other") {
    world.engine_threads = 1;
  }
  SUBCASE("beside each other, each in the order of its keys") {
    world.engine_threads = 2;
  }
  const auto at = [](std::int64_t day, std::int64_t i) {
    return "2026-11-" + std::to_string(10 + day) + minute(i).substr(10);
  };
  world.extract("run-1", {"a", "b"}, 400, [&](std::int64_t i) {
    return Reading{at(i % 4, i / 4), i % 3 == 0 ? "a" : "b", std::to_string(i)};
  });
  CHECK(world.transform("run-1").changed == 400);
  const std::string all = "SELECT day, \"at\", sensor, value FROM t ORDER BY ALL";
  Lines expected = world.rows(silver, all);
  REQUIRE(expected.size() == 400);
  world.extract("run-2", {"a", "b"},
                {{at(0, 0), "a", "1000"}, {at(2, 7), "b", "1001"}, {at(2, 99), "b", "398"}});
  // One is changed, one is new, and one is as it was.
  CHECK(world.transform("run-2").changed == 2);
  const auto payload = lakelog::parse_payload(world.outputs.at(0));
  REQUIRE(payload.ok());
  CHECK(payload->adds.size() == 2);
  CHECK(payload->removes.size() == 2);
  for (const auto& add : payload->adds) {
    CHECK(add.size > 0);
    CHECK(add.modification_ms > 1'600'000'000'000);
  }
  const auto is = [](const std::string& line, const std::string& end) {
    return line.ends_with(end);
  };
  std::erase_if(expected, [&](const std::string& line) { return is(line, "|a|0"); });
  CHECK(expected.size() == 399);
  Lines now = world.rows(silver, all);
  CHECK(now.size() == 401);
  std::erase_if(
      now, [&](const std::string& line) { return is(line, "|a|1000") || is(line, "|b|1001"); });
  CHECK(now == expected);
}

TEST_CASE(
    "a merge into a partition far larger than the engine's memory is written by ranges of its "
    "key") {
  Readings world;
  world.engine_memory = 32 << 20;
  constexpr std::int64_t count = 150'000;  // 32,768 rows fit a piece, and a range has twice as many
  const auto reading = [](std::int64_t i) {
    const std::int64_t ms = i * 7919 % count * 500;
    return Reading{to_iso(*parse_iso("2026-11-20T00:00:00Z") + std::chrono::milliseconds(ms)), "a",
                   std::to_string(i)};
  };
  world.extract("run-1", {"a"}, count, reading);
  CHECK(world.transform("run-1").changed == count);
  world.extract("run-2", {"a"}, {{reading(77'000).at, "a", "8"}});
  CHECK(world.transform("run-2").changed == 1);
  const auto payload = lakelog::parse_payload(world.outputs.at(0));
  REQUIRE(payload.ok());
  CHECK(payload->adds.size() == 3);
  CHECK(world.rows(silver,
                   "SELECT count(*), count(DISTINCT \"at\"), count(*) FILTER (value = 8) FROM t") ==
        Lines{"150000|150000|2"});
}

TEST_CASE("ranges of a column part rows so that each is of one, whatever its value") {
  const lakelog::TempLake lake;
  FakeHost host;
  host.context = {{"execution_id", "run-1"}, {"lake", lake.path()}, {"scratch", lake.path()}};
  const batuta_host table = host.table();
  plugin::Context context(table);
  lake::Session session(lake::session_options(context));
  session.run(
      "CREATE TABLE t AS SELECT CASE WHEN i % 10 = 0 THEN NULL WHEN i % 10 = 1 THEN '' "
      "ELSE 'it''s ' || i % 4 END AS k, i FROM range(1000) r(i)");
  for (const std::int64_t pieces : {1, 2, 7, 5000}) {
    CAPTURE(pieces);
    std::int64_t all = 0;
    for (const std::string& range : lake::ranges_of(session, "t WHERE i >= 100", {"k"}, pieces))
      all += session.value("SELECT count(*) FROM t WHERE i >= 100 AND " + range).integer();
    CHECK(all == 900);
  }
  CHECK(lake::ranges_of(session, "t WHERE i >= 100", {"k", "i"}, 7).size() == 7);
  CHECK(lake::ranges_of(session, "t WHERE i < 0", {"k"}, 4) == std::vector<std::string>{"true"});
}

TEST_CASE("silver by contract is there from the first run on, however little came") {
  Readings world;
  world.makes_table = true;
  world.transform("run-1");  // not even bronze is there
  CHECK(world.outputs.size() == 1);
  CHECK(world.rows(silver, "SELECT count(*) FROM t") == Lines{"0"});
  world.transform("run-2");
  CHECK(world.outputs.empty());
  world.extract("run-3", {"a"}, {{"2026-11-20T10:00:00Z", "a", "1"}});
  CHECK(world.transform("run-3").changed == 1);
  CHECK(world.rows(silver, "SELECT value FROM t") == Lines{"1"});
  Readings bad;
  bad.makes_table = true;
  bad.extract("run-1", {"a"}, {{"2026-11-20T10:00:00Z", "a", "no number"}});
  CHECK(bad.transform("run-1").quarantined == 1);
  CHECK(bad.rows(silver, "SELECT count(*) FROM t") == Lines{"0"});
  bad.extract("run-2", {"a"}, {{"2026-11-20T10:00:00Z", "a", "2"}});
  CHECK(bad.transform("run-2").read == 1);
  CHECK(bad.rows(silver, "SELECT value FROM t") == Lines{"2"});
}

// Opt-in, for it takes minutes: BATUTA_LAYER_ROWS=10000000 with the worker's default settings.
TEST_CASE("a first load of any size stays under one GiB") {
  const char* wanted = std::getenv("BATUTA_LAYER_ROWS");
  if (wanted == nullptr) {
    MESSAGE("skipped: BATUTA_LAYER_ROWS is not set");
    return;
  }
  Readings world;
  const std::int64_t count = std::atoll(wanted);
  const auto peak_mib = [] {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss / 1024;
  };
  world.extract("run-1", {"sensor-0", "sensor-1", "sensor-2"}, count, [](std::int64_t i) {
    return Reading{to_iso(*parse_iso("2020-01-01T00:00:00Z") +
                          std::chrono::seconds(i * 61 % (900LL * 86'400))),
                   "sensor-" + std::to_string(i % 3), std::to_string(i % 1000)};
  });
  MESSAGE("extract: " << peak_mib() << " MiB");
  CHECK(world.transform("run-1").read == count);
  MESSAGE("transform: " << peak_mib() << " MiB");
  CHECK(peak_mib() < 1024);
}

TEST_CASE("a file that could not be copied whole leaves nothing in raw that looks like it") {
  const lakelog::TempLake lake;
  FakeHost host;
  host.context = {{"execution_id", "run-1"}, {"lake", lake.path()}, {"scratch", lake.path()}};
  const batuta_host table = host.table();
  plugin::Context context(table);
  lake::RawLanding landing(context, "demo/readings", "{}");
  const auto names = [&lake] {
    Lines out;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(lake.path() + "/raw/demo/readings"))
      if (const auto name = entry.path().filename().string();
          entry.is_regular_file() && !name.starts_with("_request-"))
        out.push_back(name);
    return out;
  };
  // A folder opens, and cannot be read.
  CHECK_THROWS_AS(landing.add_file(lake.path(), "csv"), plugin::RetryableError);
  CHECK(names() == Lines{});
  std::ofstream(lake.path() + "/sent.csv") << "a,b";
  const auto [name, bytes] = landing.add_file(lake.path() + "/sent.csv", "csv");
  CHECK(bytes == 3);
  CHECK(names() == Lines{std::filesystem::path(name).filename().string()});
}
