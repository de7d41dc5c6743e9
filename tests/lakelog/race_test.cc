// Real processes against one table: they race, and they are killed at every step.
#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>

#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

constexpr int processes = 8;
constexpr int commits_each = 25;

[[noreturn]] void race(const TempLake& lake, int who) {
  const std::string app = "racer-" + std::to_string(who);
  for (int i = 0; i < commits_each; ++i) {
    const auto add = data_file(lake.path(), app + "-" + std::to_string(i));
    const auto published = publish(publication(lake, append_payload({add}), i + 1, app));
    if (published.ok()) continue;
    std::fprintf(stderr, "%s: %s\n", app.c_str(), published.error().message.c_str());
    ::_exit(1);
  }
  ::_exit(0);
}

// Publishes in a child that dies at the named place; returns the signal that ended it.
int publish_and_die(const Publication& what, const char* failpoint) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("BATUTA_FAILPOINT", failpoint, 1);
    (void)publish(what).ok();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("eight processes with 25 commits each lose nothing and leave no gap") {
  TempLake lake;
  std::vector<pid_t> children;
  for (int who = 0; who < processes; ++who) {
    const pid_t child = ::fork();
    if (child == 0) race(lake, who);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 0);
  }
  const auto snapshot = read_snapshot(test_log(lake));
  REQUIRE(snapshot.ok());
  CHECK(snapshot->version == processes * commits_each - 1);
  CHECK(snapshot->files.size() == processes * commits_each);
  for (int who = 0; who < processes; ++who)
    CHECK(snapshot->txns.at("racer-" + std::to_string(who)).version == commits_each);
}

TEST_CASE(
    "a writer killed at any step leaves the entry whole or absent, and a repeat completes it") {
  struct Case {
    const char* failpoint;
    bool entry_is_there;
  };
  for (const Case& each : {Case{"publish_before_write", false}, Case{"publish_before_link", false},
                           Case{"publish_after_link", true}, Case{"publish_before_return", true}}) {
    CAPTURE(each.failpoint);
    TempLake lake;
    REQUIRE(publish(publication(lake, append_payload({data_file(lake.path(), "a")}), 1)).ok());
    const auto second = publication(lake, append_payload({data_file(lake.path(), "b")}, 0), 2);
    REQUIRE(publish_and_die(second, each.failpoint) == SIGKILL);

    const auto after = read_snapshot(test_log(lake));
    REQUIRE(after.ok());
    CHECK(after->version == (each.entry_is_there ? 1 : 0));
    CHECK(after->files.size() == (each.entry_is_there ? 2 : 1));

    const auto repeat = publish(second);
    REQUIRE(repeat.ok());
    CHECK(repeat->already_done == each.entry_is_there);
    CHECK(repeat->version == 1);
    CHECK(read_snapshot(test_log(lake))->files.size() == 2);
  }
}

TEST_CASE("a creator killed before its link leaves no table") {
  TempLake lake;
  const auto first = publication(lake, append_payload({data_file(lake.path(), "a")}), 1);
  REQUIRE(publish_and_die(first, "publish_before_link") == SIGKILL);
  CHECK(read_snapshot(test_log(lake)).error().code == Errc::not_found);
  CHECK(publish(first)->version == 0);
}
