// Producers that are killed at every step, and several at once.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <set>

#include "tests/stream/beds.h"

using namespace batuta;
using namespace batuta::stream;

namespace {

// Produces `count` batches of three in a child that dies at the named place; what was acknowledged
// is written to a pipe, batch by batch.
std::vector<int> produce_and_die(const FileBed& bed, const std::string& failpoint, int from,
                                 int& signal) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    ::setenv("BATUTA_FAILPOINT", failpoint.c_str(), 1);
    auto stream = open_file_stream(bed.folder());
    for (int batch = from; stream.ok() && batch < from + 5; ++batch) {
      std::vector<NewRecord> records;
      for (int i = 0; i < 3; ++i) {
        records.push_back(text_record("k", std::to_string(batch) + "." + std::to_string(i)));
      }
      if (!(*stream)->produce("orders", records).ok()) ::_exit(1);
      if (::write(ends[1], &batch, sizeof batch) != sizeof batch) ::_exit(2);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::vector<int> acknowledged;
  for (int batch = 0; ::read(ends[0], &batch, sizeof batch) == sizeof batch;) {
    acknowledged.push_back(batch);
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return acknowledged;
}

}  // namespace

TEST_CASE(
    "file log: killed at any step, acknowledged batches are there, others whole or not at all") {
  FileBed bed;
  bed.make_topic("orders", 1);
  std::set<int> acknowledged;
  int next = 0;
  for (const char* place :
       {"stream_before_write", "stream_half_written", "stream_before_sync", "stream_after_sync"}) {
    for (int nth = 1; nth <= 3; ++nth) {
      int signal = 0;
      for (const int batch :
           produce_and_die(bed, std::string(place) + ":" + std::to_string(nth), next, signal)) {
        acknowledged.insert(batch);
      }
      CHECK(signal == SIGKILL);
      next += 5;
    }
  }
  const auto read = read_all(*bed.open(), "orders", {{0, 0}});
  std::set<int> found;
  std::int64_t offset = 0;
  REQUIRE(read.size() % 3 == 0);
  for (std::size_t i = 0; i < read.size(); i += 3) {
    const int batch = std::stoi(*read[i].value);
    CHECK(found.insert(batch).second);
    for (int part = 0; part < 3; ++part) {
      const Record& record = read[i + static_cast<std::size_t>(part)];
      CHECK(record.value == std::to_string(batch) + "." + std::to_string(part));
      CHECK(record.offset == offset++);
    }
  }
  for (const int batch : acknowledged) CHECK(found.contains(batch));
}

TEST_CASE("file log: processes that produce at once keep every record once, in each one's order") {
  FileBed bed;
  bed.make_topic("orders", 2);
  constexpr int processes = 4, batches = 30;
  std::vector<pid_t> children;
  for (int who = 0; who < processes; ++who) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto stream = open_file_stream(bed.folder());
      for (int i = 0; stream.ok() && i < batches; ++i) {
        const auto done = (*stream)->produce(
            "orders", std::vector{text_record(std::to_string(who), std::to_string(i)),
                                  text_record(std::to_string(who), std::to_string(i) + "b")});
        if (!done.ok()) {
          std::fprintf(stderr, "%s\n", done.error().message.c_str());
          ::_exit(1);
        }
      }
      ::_exit(stream.ok() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  std::map<std::string, std::vector<std::string>> seen;
  for (const Record& record : read_all(*bed.open(), "orders", {{0, 0}, {1, 0}})) {
    seen[*record.key].push_back(*record.value);
  }
  CHECK(seen.size() == processes);
  for (const auto& [who, values] : seen) {
    REQUIRE(values.size() == batches * 2);
    for (int i = 0; i < batches; ++i) {
      CHECK(values[static_cast<std::size_t>(2 * i)] == std::to_string(i));
      CHECK(values[static_cast<std::size_t>(2 * i) + 1] == std::to_string(i) + "b");
    }
  }
}
