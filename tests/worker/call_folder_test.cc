#include "worker/call_folder.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "worker/posix.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

struct Temporary {
  Temporary() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Temporary() { fs::remove_all(path); }
  std::string path = "/tmp/batuta-calls-XXXXXX";
};

void age(const std::string& folder) {
  fs::last_write_time(folder, fs::file_time_type::clock::now() - std::chrono::minutes(5));
}

// The folder of a process that ended without a word.
std::string left_in(const std::string& parent) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const CallFolder folder(parent, false);
    std::ofstream(folder.path() + "/scratch/spilled") << "much";
    const ssize_t put = ::write(ends[1], folder.path().data(), folder.path().size());
    ::_exit(put < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  char text[256];
  const ssize_t got = ::read(ends[0], text, sizeof text);
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(got > 0);
  return {text, static_cast<std::size_t>(got)};
}

TEST_CASE("what a killed process left of a call is removed, and nothing that somebody works in") {
  const Temporary temporary;
  const std::string old = left_in(temporary.path);
  const std::string young = left_in(temporary.path);
  const std::string with_slot = left_in(temporary.path);
  const std::string foreign = temporary.path + "/batuta-slot-somebody";
  fs::create_directory(foreign);
  std::string mine;
  {
    const CallFolder working(temporary.path, false);
    mine = working.path();
    auto slot = lock_file(with_slot + "/slots/call.lock");
    REQUIRE(slot.ok());
    const std::string link = temporary.path + "/batuta-slot-linked";
    fs::create_directory_symlink(foreign, link);
    for (const std::string& folder : {old, with_slot, foreign, mine}) age(folder);
    remove_left_calls(temporary.path);
    CHECK_FALSE(fs::exists(old));
    for (const std::string& folder : {young, with_slot, foreign, mine}) CHECK(fs::exists(folder));
    CHECK(fs::is_symlink(link));
  }
  CHECK_FALSE(fs::exists(mine));
  age(with_slot);
  remove_left_calls(temporary.path);
  CHECK_FALSE(fs::exists(with_slot));
}

TEST_CASE(
    "a call's folder that cannot be made has no path, and none is looked for in what is not "
    "there") {
  CHECK(CallFolder("/nowhere/at/all", false).path().empty());
  remove_left_calls("/nowhere/at/all");
}

TEST_CASE("a call's folder without room for what belongs into it has no path, and is gone") {
  const Temporary temporary;
  // Its own path is the longest but for a few bytes: there is none for a folder in it.
  constexpr std::size_t longest = 4095, own = sizeof "/batuta-slot-XXXXXX" - 1;
  std::string parent = temporary.path;
  while (parent.size() + own + 2 < longest) {
    const std::size_t left = longest - own - 2 - parent.size();
    parent += "/" + std::string(left > 300 ? 200 : left > 200 ? 100 : left - 1, 'a');
  }
  fs::create_directories(parent);
  CHECK(CallFolder(parent, false).path().empty());
  CHECK(fs::is_empty(parent));
}

}  // namespace
}  // namespace batuta
