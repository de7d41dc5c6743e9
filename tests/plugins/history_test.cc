// Histories of tables (SCD 2) on the real engine, held against a plain model in memory.
#include "plugins/lake/layer/history.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "lakelog/publish.h"
#include "plugins/lake/attempt_session.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/table_rows.h"
#include "tests/support/rounds.h"

using namespace batuta;

namespace {

using Lines = std::vector<std::string>;

// One row of the table: k is the key, day follows from it, v may be NULL, `since` may be unknown.
struct State {
  std::string v;
  std::optional<int> since;  // minutes
  int run = 0;               // of no matter to the history
};
using Rows = std::map<int, State>;

std::string day_of(int key) {
  return "2026-11-0" + std::to_string(1 + key % 3);
}

std::string instant(int minutes) {
  return "TIMESTAMPTZ '2026-11-20 00:00:00+00' + to_minutes(" + std::to_string(minutes) + ")";
}

// What a history should hold.
class Oracle {
 public:
  void take(const Rows& rows, const std::set<std::string>& days, int gone) {
    for (const auto& [key, state] : rows) {
      if (days.count(day_of(key)) == 0) continue;
      auto& versions = keys_[key];
      int from = state.since.value_or(gone);
      if (!versions.empty()) {
        Version& last = versions.back();
        if (!last.to && last.v == state.v) continue;
        from = std::max(from, last.to.value_or(last.from));
        if (!last.to) last.to = from;
      }
      versions.push_back({state.v, from, std::nullopt});
    }
    for (auto& [key, versions] : keys_) {
      if (days.count(day_of(key)) == 0 || rows.count(key) != 0 || versions.empty()) continue;
      Version& last = versions.back();
      if (!last.to) last.to = std::max(gone, last.from);
    }
  }

  Lines lines() const {
    Lines out;
    for (const auto& [key, versions] : keys_) {
      for (const Version& each : versions)
        out.push_back(std::to_string(key) + "|" + each.v + "|" + std::to_string(each.from) + "|" +
                      (each.to ? std::to_string(*each.to) : "NULL") +
                      (each.to ? "|false" : "|true"));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  struct Version {
    std::string v;
    int from;
    std::optional<int> to;
  };
  std::map<int, std::vector<Version>> keys_;
};

class Histories {
 public:
  explicit Histories(bool partitioned) {
    spec_.table = {"gold/demo/things",
                   "things",
                   "",
                   {{"k", "long", true},
                    {"v", "string", true},
                    {"since", "timestamp", true},
                    {"run", "long", true},
                    {"day", "date", true}},
                   {"k"}};
    if (partitioned) spec_.partition_by = {"day"};
    spec_.besides = {"run", "since"};
    spec_.since = "\"since\"";
  }

  lakelog::TempLake lake;

  // One attempt over the state of those days; `published`: as it ends well. How many states began
  // and ended.
  std::pair<std::int64_t, std::int64_t> attempt(const Rows& rows, const std::optional<Lines>& days,
                                                int gone, bool published = true) {
    FakeHost host;
    const std::string scratch = lake.path() + "/_scratch";
    std::filesystem::create_directories(scratch);
    host.context = {{"execution_id", "run"}, {"task_id", "task"}, {"try_number", 1}, {"fence", 1},
                    {"lake", lake.path()},   {"scratch", scratch}};
    const batuta_host table = host.table();
    std::pair<std::int64_t, std::int64_t> out;
    {
      plugin::Context context(table);
      lake::Session session(lake::session_options(context));
      session.run(
          "CREATE TEMP TABLE state (k BIGINT, v VARCHAR, since TIMESTAMPTZ, run BIGINT, "
          "\"day\" DATE)");
      for (const auto& [key, state] : rows) {
        if (days && std::find(days->begin(), days->end(), day_of(key)) == days->end()) continue;
        session.run("INSERT INTO state VALUES (" + std::to_string(key) + ", " +
                    (state.v == "NULL" ? "NULL" : lake::quoted_literal(state.v)) + ", " +
                    (state.since ? instant(*state.since) : "NULL") + ", " +
                    std::to_string(state.run) + ", DATE '" + day_of(key) + "')");
      }
      session.run("CREATE TEMP VIEW rows_now AS SELECT *" +
                  (more.empty() ? "" : ", " + more + " AS more") + " FROM state");
      lake::TableHistory history(context, session, spec_);
      history.compare("rows_now", days,
                      *parse_iso("2026-11-20T00:00:00Z") + std::chrono::minutes(gone));
      out = {history.opened(), history.closed()};
      if (history.differs()) history.hand_in("");
    }
    if (published)
      for (const std::string& output : host.outputs) publish(output);
    return out;
  }

  Lines lines() {
    Lines out = table_rows(lake.path(), "gold/demo/things_hist",
                           "SELECT k, v, date_diff('minute', TIMESTAMPTZ '2026-11-20 "
                           "00:00:00+00', valid_from), date_diff('minute', TIMESTAMPTZ "
                           "'2026-11-20 00:00:00+00', valid_to), CAST(is_current AS VARCHAR) "
                           "FROM t");
    std::sort(out.begin(), out.end());
    return out;
  }

  Lines query(const std::string& sql) {
    return table_rows(lake.path(), "gold/demo/things_hist", sql);
  }

  std::int64_t version() const {
    return lake::DeltaTable::open(lake.path(), "gold/demo/things_hist").version();
  }

  lake::HistorySpec spec_;
  std::string more;  // SQL of a further column

 private:
  void publish(const std::string& payload) {
    lakelog::Publication publication;
    publication.storage = lake.storage().get();
    publication.payload_json = payload;
    publication.app_id = "batuta/test";
    publication.number = ++publications_;
    publication.uuid = "publication-" + std::to_string(publications_);
    const auto published = lakelog::publish(publication);
    if (!published.ok()) FAIL(published.error().message);
  }
  std::int64_t publications_ = 0;
};

const Lines all_days = {"2026-11-01", "2026-11-02", "2026-11-03"};

// Keys come, change, stay, go and come back; the times that rows tell are not always in order.
void play(bool partitioned, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Histories world(partitioned);
  Oracle oracle;
  Rows rows;
  for (int step = 1; step <= 14; ++step) {
    CAPTURE(step);
    const int now = step * 10;
    for (int key = 0; key < 12; ++key) {
      const int what = below(6);
      if (what == 0) {
        rows.erase(key);
      } else if (what <= 2) {
        rows[key].v = below(5) == 0 ? "NULL" : std::string(1, static_cast<char>('a' + below(3)));
        rows[key].since = below(6) == 0 ? std::nullopt : std::optional(now - below(25));
      }
      if (rows.count(key) != 0) rows[key].run = step;
    }
    std::optional<Lines> days;
    if (partitioned && below(3) != 0) {
      days.emplace();
      for (const std::string& day : all_days)
        if (below(2) == 0) days->push_back(day);
      if (days->empty()) days->push_back(all_days[0]);
    }
    if (below(4) == 0) world.attempt(rows, days, now, false);  // an attempt that was lost
    world.attempt(rows, days, now);
    const Lines taken = days.value_or(all_days);
    oracle.take(rows, {taken.begin(), taken.end()}, now);
    REQUIRE(world.lines() == oracle.lines());
    const std::int64_t version = world.version();
    CHECK(world.attempt(rows, days, now) == std::pair<std::int64_t, std::int64_t>{0, 0});
    CHECK(world.version() == version);
  }
  // At any time a key has at most one state, and equal states have equal hashes.
  CHECK(world.query("SELECT count(*) FROM t a JOIN t b ON a.k = b.k AND (a.valid_from, a.v) IS "
                    "DISTINCT FROM (b.valid_from, b.v) AND a.valid_from <= b.valid_from AND "
                    "b.valid_from < coalesce(a.valid_to, TIMESTAMPTZ '2100-01-01') AND "
                    "b.valid_from < coalesce(b.valid_to, TIMESTAMPTZ '2100-01-01')") == Lines{"0"});
  CHECK(world.query("SELECT CAST(count(DISTINCT change_hash) = count(DISTINCT (v, \"day\")) AS "
                    "VARCHAR) FROM t") == Lines{"true"});
  CHECK(world.query("SELECT count(*) FROM t WHERE is_current <> (valid_to IS NULL)") == Lines{"0"});
}

}  // namespace

TEST_CASE("history: whatever states a table goes through, each is there from when to when") {
  for (unsigned seed = 1; seed <= rounds(4); ++seed) {
    CAPTURE(seed);
    play(false, seed);
  }
}

TEST_CASE("history: a partitioned table's is compared and written by partition") {
  for (unsigned seed = 11; seed <= 10 + rounds(4); ++seed) {
    CAPTURE(seed);
    play(true, seed);
  }
}

TEST_CASE("history: where states only begin, nothing that is there is written again") {
  Histories world(false);
  world.attempt({{1, {"a", 1, 0}}}, std::nullopt, 5);
  world.attempt({{1, {"a", 1, 0}}, {2, {"b", 2, 0}}}, std::nullopt, 6);
  const auto table = lake::DeltaTable::open(world.lake.path(), "gold/demo/things_hist");
  CHECK(table.snapshot().files.size() == 2);
}

TEST_CASE("history: a column that is new changes no state and no hash until it says something") {
  Histories world(false);
  world.attempt({{1, {"a", 1, 0}}, {2, {"a", 1, 0}}}, std::nullopt, 5);
  const Lines before = world.query("SELECT change_hash FROM t WHERE k IN (1, 2) ORDER BY k");
  world.spec_.table.columns.push_back({"more", "string", true});
  world.more = "CASE WHEN k = 2 THEN 'x' END";
  CHECK(world.attempt({{1, {"a", 1, 0}}, {2, {"a", 1, 0}}}, std::nullopt, 6) ==
        std::pair<std::int64_t, std::int64_t>{1, 1});
  world.more = "CASE WHEN k IN (2, 3) THEN 'x' END";
  world.attempt({{1, {"a", 1, 0}}, {2, {"a", 1, 0}}, {4, {"a", 1, 0}}}, std::nullopt, 7);
  CHECK(world.query("SELECT change_hash FROM t WHERE k = 1 OR (k = 2 AND NOT is_current) ORDER BY "
                    "k") == before);
  CHECK(world.query("SELECT k, more, CAST(is_current AS VARCHAR) FROM t ORDER BY 1, 3") ==
        Lines{"1|NULL|true", "2|NULL|false", "2|x|true", "4|NULL|true"});
}

TEST_CASE("history: a key that is there twice, or is none, has no history") {
  Histories world(false);
  world.spec_.table.keys = {"v"};
  CHECK_THROWS_WITH(world.attempt({{1, {"a", 1, 0}}, {2, {"a", 1, 0}}}, std::nullopt, 5),
                    "gold/demo/things has the key a in several rows: no history can be kept of "
                    "it. Its keys are \"v\"");
  CHECK_THROWS_WITH(world.attempt({{1, {"NULL", 1, 0}}}, std::nullopt, 5),
                    "gold/demo/things has a key that is NULL (): no history can be kept of it. "
                    "Its keys are \"v\"");
  world.spec_.table.columns.push_back({"valid_to", "date", true});
  CHECK_THROWS_WITH(world.attempt({}, std::nullopt, 5),
                    "gold/demo/things: valid_to is a column of every history: call that of the "
                    "table otherwise");
}
