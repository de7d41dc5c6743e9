#include "scheduler/dagfile/staged_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

std::vector<std::string> names_below(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("staged file: it takes the place of the text that was seen, with its owner and mode") {
  TempFolder world;
  world.write("dags/team/a.json", "before");
  const std::string folder = (fs::path(world.path()) / "dags").string();
  const std::string file = folder + "/team/a.json";
  // Only root can give files away; anybody else's are his own.
  const uid_t owner = ::geteuid() == 0 ? 65534 : ::geteuid();
  const gid_t group = ::geteuid() == 0 ? 65534 : ::getegid();
  REQUIRE(::chown(file.c_str(), owner, group) == 0);
  REQUIRE(::chmod(file.c_str(), 04640) == 0);
  auto staged = StagedFile::stage(folder, "team/a.json", "after");
  REQUIRE(staged);
  CHECK(read_text(file) == "before");
  CHECK(staged->replace("before"));
  CHECK(read_text(file) == "after");
  struct stat info = {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  CHECK(info.st_uid == owner);
  CHECK(info.st_gid == group);
  CHECK(names_below(folder + "/team") == std::vector<std::string>{"a.json"});
}

TEST_CASE("staged file: a text that nobody saw stays, and nothing is left beside it") {
  TempFolder world;
  world.write("a.json", "before");
  for (const std::string now : {"before and more", "befor", ""}) {
    world.write("a.json", now);
    {
      auto staged = StagedFile::stage(world.path(), "a.json", "after");
      REQUIRE(staged);
      CHECK(staged->replace("before").error().code == Errc::conflict);
    }
    CHECK(read_text(fs::path(world.path()) / "a.json") == now);
    CHECK(names_below(world.path()) == std::vector<std::string>{"a.json"});
  }
}

TEST_CASE("staged file: no link is followed, and nothing outside the folder is written") {
  TempFolder world;
  world.write("outside/a.json", "theirs");
  world.write("dags/own.json", "ours");
  const std::string folder = (fs::path(world.path()) / "dags").string();
  fs::create_directory_symlink("../outside", folder + "/linked");
  fs::create_symlink("own.json", folder + "/link.json");
  fs::create_directory(folder + "/folder.json");
  for (const char* path : {"../outside/a.json", "/etc/passwd", "linked/a.json", "link.json",
                           "folder.json", "", "own.json/a.json", "./own.json", ".hidden.json"}) {
    CAPTURE(path);
    CHECK(StagedFile::stage(folder, path, "mine").error().code == Errc::forbidden);
  }
  CHECK(StagedFile::stage(folder, "gone.json", "mine").error().code == Errc::not_found);
  CHECK(read_text(fs::path(world.path()) / "outside/a.json") == "theirs");
  CHECK(read_text(folder + "/own.json") == "ours");
}

TEST_CASE("staged file: what became a link after it was staged is not written through") {
  TempFolder world;
  world.write("outside.json", "before");
  world.write("dags/a.json", "before");
  const std::string folder = (fs::path(world.path()) / "dags").string();
  auto staged = StagedFile::stage(folder, "a.json", "after");
  REQUIRE(staged);
  fs::remove(folder + "/a.json");
  fs::create_symlink("../outside.json", folder + "/a.json");
  CHECK(staged->replace("before").error().code == Errc::forbidden);
  CHECK(read_text(fs::path(world.path()) / "outside.json") == "before");
}

}  // namespace batuta
