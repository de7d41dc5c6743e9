// Where a publication of a run on a branch of the lake goes.
#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "lakelog/branch.h"
#include "lakelog/snapshot.h"
#include "scheduler/outbox/outbox.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;

namespace {

// What the outbox tells of one publication with this info.
Event carried_out_on_branch(const lakelog::TempLake& lake, const std::string& info_json) {
  std::mutex mutex;
  std::condition_variable told;
  std::optional<Event> event;
  Outbox::Hooks hooks;
  hooks.post = [&](const Event& each) {
    std::lock_guard lock(mutex);
    event = each;
    told.notify_all();
    return true;
  };
  hooks.delete_rows = [](const std::vector<std::int64_t>&) { return true; };
  hooks.save_row = [](const OutboxRow&) { return true; };
  hooks.connection = [](const std::string&) { return std::optional<Connection>(); };
  Outbox outbox({lake.path(), "store", 1}, hooks);
  outbox.start();
  Changes accepted;
  PublicationRow publication;
  publication.id = 1;
  publication.key = {RunSeq{1}, 0, unmapped, 1};
  publication.table = lakelog::test_table;
  publication.number = 1;
  publication.uuid.bytes[0] = 1;
  // Its file lies in the lake, where a branch sees it too.
  publication.payload_json = lakelog::append_payload({lakelog::data_file(lake.path(), "a")}).dump();
  accepted.publications.push_back(publication);
  OutboxRow row;
  row.id = row.publication = 1;
  row.kind = OutboxKind::publish;
  row.key = lakelog::test_table;
  row.payload_json = info_json;
  accepted.outbox.push_back(row);
  outbox.on_committed(accepted);
  std::unique_lock lock(mutex);
  REQUIRE(told.wait_for(lock, std::chrono::seconds(20), [&] { return event.has_value(); }));
  lock.unlock();
  outbox.stop();
  return *event;
}

}  // namespace

TEST_CASE("what a run on a branch publishes is on the branch, and nowhere once that is dropped") {
  const lakelog::TempLake folder;
  lakelog::Storage& lake = *folder.storage();
  const auto branch = lakelog::create_branch(lake, {"fix", ""});
  REQUIRE(branch.ok());
  const std::string info = "{\"branch\":\"" + branch->ref() + "\"}";
  const Event event = carried_out_on_branch(folder, info);
  const auto* settled = std::get_if<PublicationSettled>(&event);
  REQUIRE(settled != nullptr);
  CHECK(settled->version == 0);
  const lakelog::LogFolder log(lake, lakelog::test_table);
  CHECK(lakelog::read_snapshot(log).error().code == Errc::not_found);
  CHECK(lakelog::branch_tables(lake, *branch)->front().table == lakelog::test_table);
  REQUIRE(lakelog::drop_branch(lake, "fix").ok());
  const Event late = carried_out_on_branch(folder, info);
  const auto* refused = std::get_if<PublicationRefused>(&late);
  REQUIRE(refused != nullptr);
  CHECK(refused->reason.find("the branch fix of this run has been dropped") != std::string::npos);
  CHECK(lakelog::read_snapshot(log).error().code == Errc::not_found);
}
