// Death and full disks, on real processes and a real file system.
#include <doctest/doctest.h>
#include <sys/mount.h>

#include <random>
#include <thread>

#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

// Commits without end; after each one its fence goes down the pipe. Never returns.
[[noreturn]] void commit_forever(const std::string& path, int acks) {
  auto store = open_store(path);
  const auto state = store->load();
  TaskInstanceRow row = state.runs.at(0).row(InstanceIndex{0});
  const Lead lead = store->lead();
  for (std::int64_t turn = lead.last_turn + 1;; ++turn) {
    Changes c;
    TaskInstanceRow next = row;
    next.state = TaskState::queued;
    next.fence = row.fence + 1;
    c.tasks_updated.push_back(move_task(next, row.state, row.fence));
    // Enough bytes for the kill to fall into checkpoints too.
    c.xcoms.push_back({RunSeq{1}, 0, unmapped, "key_" + std::to_string(next.fence % 50),
                       std::string(8000, 'x'), at(next.fence)});
    if (store->commit(c, {}, {lead.epoch, turn}).kind != CommitResult::Kind::committed) ::_exit(2);
    if (::write(acks, &next.fence, sizeof next.fence) != sizeof next.fence) ::_exit(1);
    store->checkpoint(next.fence % 16 == 0);
    row = next;
  }
}

// Reads acknowledgements until the pipe ends; the last one.
Fence last_ack(int pipe) {
  Fence acked = 0;
  Fence one = 0;
  while (::read(pipe, &one, sizeof one) == sizeof one) acked = one;
  return acked;
}

TEST_CASE("after kill -9 every acknowledged commit is there and the file is sound") {
  TempFolder folder;
  const std::string path = folder.file("batuta.db");
  commit(*open_store(path), new_run(make_run(1), 1));
  const auto seed = std::random_device{}();
  MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 40; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      commit_forever(path, ends[1]);
    }
    ::close(ends[1]);
    Fence first = 0;
    REQUIRE(::read(ends[0], &first, sizeof first) == sizeof first);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
    ::kill(child, SIGKILL);
    const Fence acked = std::max(first, last_ack(ends[0]));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));

    const Fence stored = open_store(path)->load().runs.at(0).hot.at(0).fence;
    INFO("round " << round << ", acknowledged " << acked << ", stored " << stored);
    // One more may be durable whose acknowledgement was not sent.
    REQUIRE(stored >= acked);
    REQUIRE(stored <= acked + 1);
    REQUIRE(quick_check(path).empty());
  }
}

// A file system of its own, so small that it fills; gone with the object.
class SmallDisk {
 public:
  SmallDisk() { mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=8m") == 0; }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  std::string file(const std::string& name) const { return folder_.file(name); }

 private:
  TempFolder folder_;
  bool mounted_ = false;
};

TEST_CASE("a full disk refuses commits, loses nothing, and is over when there is room") {
  SmallDisk disk;
  if (!disk.mounted()) {
    MESSAGE("skipped: mounting a tmpfs needs root");
    return;
  }
  const std::string path = disk.file("batuta.db");
  auto store = open_store(path);
  commit(*store, new_run(make_run(1), 1));
  // What it leaves is less than half: when it is gone, file and log have room beside each other.
  const std::string ballast(4600 << 10, 'b');
  std::ofstream(disk.file("ballast")) << ballast;

  const Lead lead = store->lead();
  std::int64_t turn = lead.last_turn;
  std::int64_t committed = 0;
  bool full = false;
  while (!full && committed < 1000) {
    Changes c;
    c.xcoms.push_back({RunSeq{1}, 0, unmapped, "key_" + std::to_string(committed),
                       std::string(20'000, 'x'), at(committed)});
    const CommitResult result = store->commit(c, {}, {lead.epoch, ++turn});
    full = result.kind == CommitResult::Kind::retry;
    REQUIRE_MESSAGE((full || result.kind == CommitResult::Kind::committed), result.why);
    committed += !full;
  }
  REQUIRE(full);
  REQUIRE(committed > 0);
  const auto everything_is_there = [&] {
    for (std::int64_t i = 0; i < committed; ++i) {
      if (!find_xcom(*store, {RunSeq{1}, 0, unmapped}, "key_" + std::to_string(i))) return false;
    }
    return !find_xcom(*store, {RunSeq{1}, 0, unmapped}, "key_" + std::to_string(committed));
  };
  CHECK(everything_is_there());
  CHECK(store->load().runs.size() == 1);  // reads go on
  store->maintain(true);                  // and housekeeping does not fail

  std::filesystem::remove(disk.file("ballast"));
  store->probe();
  Changes more;
  more.xcoms.push_back({RunSeq{1}, 0, unmapped, "afterwards", "1", at(1)});
  commit(*store, more);
  CHECK(everything_is_there());
  store.reset();
  store = open_store(path);
  CHECK(everything_is_there());
  CHECK(find_xcom(*store, {RunSeq{1}, 0, unmapped}, "afterwards"));
  CHECK(quick_check(path).empty());
}

}  // namespace
}  // namespace batuta::test
