// What threads of plugins/lake share: its own, and those of the engine that call back into it. All
// of the room's tests that the thread sanitizer is asked about (./dev test tsan lake_threads).
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "plugins/lake/confined_work.h"
#include "plugins/lake/duckdb_api.h"
#include "plugins/lake/session.h"
#include "plugins/lake/sql_error.h"
#include "plugins/lake/statement_progress.h"
#include "plugins/lake/watcher.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;

TEST_CASE("a watcher interrupts as long as it is asked to, and has ended when it is destroyed") {
  std::atomic<bool> cancelled = false;
  std::atomic<int> interrupts = 0;
  int asked = 0;  // the watcher's thread alone, and ours once it has ended
  {
    const Watcher watcher(
        [&] {
          ++asked;
          return cancelled.load();
        },
        [&] { ++interrupts; });
    cancelled = true;
    while (interrupts < 2) std::this_thread::yield();
  }
  CHECK(asked >= 2);
  const int before = interrupts;
  std::this_thread::yield();
  CHECK(interrupts == before);
}

TEST_CASE("an engine is opened once, whoever asks first") {
  const std::string library = build_dir() + "/libduckdb.so";
  std::vector<const DuckdbApi*> found(3);
  std::vector<std::thread> threads;
  threads.reserve(found.size());
  for (const DuckdbApi*& one : found)
    threads.emplace_back([&one, &library] { one = &load_duckdb(library); });
  for (std::thread& each : threads) each.join();
  CHECK(found[0] != nullptr);
  CHECK(found == std::vector<const DuckdbApi*>(3, found[0]));
}

TEST_CASE("confined work hands on what it did and what it threw, and is looked at meanwhile") {
  lakelog::TempLake lake;
  SessionOptions options = engine_in(lake.path());
  options.threads = 2;
  std::atomic<bool> stop = false;
  StatementProgress progress;
  options.cancelled = [&stop] { return stop.load(); };
  options.progress = [&progress](double share) { progress.note(share); };
  std::string told;  // of the work's thread until it has ended
  int looked = 0;
  const auto ask = [&](const std::string& sql) {
    confined(
        options, lake.path(),
        [&] {
          Session session(options);
          session.register_text_functions();
          progress.begin();
          told = session.value(sql).text();
        },
        [&] { ++looked; });
  };
  ask("SELECT sum(octet_length(batuta_sha256(i::VARCHAR)))::VARCHAR FROM range(50000) t(i)");
  CHECK(told == "1600000");
  CHECK_THROWS_WITH_AS(ask("SELECT nothing"), doctest::Contains("nothing"), SqlError);
  stop = true;
  CHECK_THROWS_WITH_AS(ask("SELECT count(*)::VARCHAR FROM range(100000000000) a, range(1000) b"),
                       "cancelled", plugin::RetryableError);
}
