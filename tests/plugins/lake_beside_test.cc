// Several sessions over one engine, and when an engine is closed.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "plugins/lake/beside.h"
#include "plugins/lake/session.h"
#include "plugins/lake/sql_error.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;

TEST_CASE("statements beside each other share the engine, and one that fails ends them all") {
  lakelog::TempLake lake;
  SessionOptions options = engine_in(lake.path());
  options.threads = 2;
  Session session(options);
  session.register_text_functions();
  std::atomic<int> sum = 0;
  std::set<const Session*> sessions;
  std::mutex mutex;
  std::vector<std::function<void(Session&)>> works;
  works.reserve(6);
  for (int i = 1; i <= 6; ++i)
    works.emplace_back([&, i](Session& own) {
      sum += static_cast<int>(
          own.value("SELECT octet_length(batuta_sha256('x')) * $1", {std::int64_t{i}}).integer());
      const std::lock_guard lock(mutex);
      sessions.insert(&own);
    });
  run_beside(session, works);
  CHECK(sum == 32 * 21);
  CHECK(sessions.count(&session) == 0);
  CHECK(session.value("SELECT current_setting('threads')").integer() == 2);
  works.assign(1, [&](Session& own) { CHECK(&own == &session); });
  run_beside(session, works);

  const auto begun = std::chrono::steady_clock::now();
  works = {[](Session& own) { own.run("SELECT count(*) FROM range(100000000000) a"); },
           [](Session& own) { own.run("SELECT nothing"); },
           [](Session&) { FAIL("no work is begun after one has failed"); }};
  CHECK_THROWS_WITH_AS(run_beside(session, works), doctest::Contains("nothing"), SqlError);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(30));
}

TEST_CASE("an engine that ran briefly is closed when nobody waits, and one with files at once") {
  lakelog::TempLake lake;
  std::vector<std::pair<void (*)(void*), void*>> left;
  SessionOptions options = engine_in(lake.path());
  options.later = [&left](void (*work)(void*), void* with) { left.emplace_back(work, with); };
  auto kept = std::make_shared<int>(1);
  const auto open_one = [&] {
    Session session(options);
    session.run("CREATE TEMP TABLE t AS SELECT 1 AS n");
    session.keep(kept);
  };
  // What is brief is a matter of the clock: a machine that is busy may take longer now and then.
  for (int tries = 0; tries < 20 && left.empty(); ++tries) open_one();
  REQUIRE(left.size() == 1);
  CHECK(kept.use_count() == 1);  // files of others are let go at once
  left[0].first(left[0].second);
  left.clear();
  std::filesystem::create_directory(options.scratch + "/duckdb");  // as the engine does that spills
  open_one();
  CHECK(left.empty());
}
