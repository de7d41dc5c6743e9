// A scheduler that was replaced writes nothing, by whatever way.
#include <doctest/doctest.h>

#include "scheduler/store/sqlite_registry.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

template <class Write>
void refuses(Write write) {
  try {
    write();
    FAIL_CHECK("it was written");
  } catch (const StoreError& error) {
    CHECK_FALSE(error.full());
    CHECK(std::string(error.what()).find("taken the lead") != std::string::npos);
  }
}

TEST_CASE("a scheduler that was replaced writes nothing between turns either") {
  TempFolder folder;
  const std::string path = folder.file("batuta.db");
  auto store = open_store(path);
  SqliteRegistry registry(store->database(), folder.file("secret.key"));
  SqliteUpkeep upkeep(store->database());
  store->lead();
  CHECK(registry.set_variable({"before", "1", ""}).ok());
  store->probe();
  Changes events;
  events.event_log.push_back({at(1), "trigger", "", "", "", "ana", "{}"});
  commit(*store, events);

  auto successor = open_store(path);
  const Lead lead = successor->lead();
  refuses([&] { static_cast<void>(registry.set_variable({"after", "1", ""})); });
  refuses([&] { store->probe(); });
  refuses([&] { store->finish_outbox({1}); });
  refuses([&] { store->save_catalogue({}); });
  refuses([&] { store->save_job_configs({}); });
  refuses([&] { upkeep.prune_event_log(at(1'000'000)); });
  CHECK_FALSE(registry.variable("after"));
  CHECK(successor->commit({}, {}, {lead.epoch, lead.last_turn + 1}).kind ==
        CommitResult::Kind::committed);
  Database look(path, Database::Mode::read_only);
  Rows rows = look.statement("SELECT COUNT(*) FROM event_log").query();
  std::int64_t left = 0;
  REQUIRE(rows.next());
  rows.read(left);
  CHECK(left == 1);
}

}  // namespace
}  // namespace batuta::test
