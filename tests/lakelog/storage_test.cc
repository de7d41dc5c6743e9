#include "lakelog/storage.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/lakelog/lake_fixture.h"
#include "tests/lakelog/memory_storage.h"
#include "tests/lakelog/storage_conformance.h"

using namespace batuta;
using namespace batuta::lakelog;
namespace fs = std::filesystem;

TEST_CASE("files of this host are a storage") {
  TempLake lake;
  check_storage({*lake.storage(), [&lake](const std::string& key, const std::string& bytes) {
                   const fs::path path = lake.path() + "/" + key;
                   fs::create_directories(path.parent_path());
                   std::ofstream(path) << bytes;
                 }});
}

TEST_CASE("the fake in memory is a storage") {
  MemoryStorage memory;
  check_storage({memory, [&memory](const std::string& key, const std::string& bytes) {
                   memory.write_staged(key, bytes);
                 }});
}

TEST_CASE("a location that is no folder of this host is refused with what would do") {
  for (const char* bad : {"s3://bucket/lake", "lake", "", "file://lake", "gs://x"}) {
    const auto opened = open_storage(bad);
    REQUIRE(!opened.ok());
    CHECK(opened.error().code == Errc::invalid);
    CHECK(opened.error().message.find("absolute folder") != std::string::npos);
  }
  TempLake lake;
  REQUIRE((*open_storage("file://" + lake.path() + "/"))->put("x", "1").ok());
  CHECK(*lake.storage()->read("x") == "1");
}

TEST_CASE("of many writers at once exactly one puts the object") {
  TempLake lake;
  for (int round = 0; round < 20; ++round) {
    const std::string key = "t/" + std::to_string(round);
    std::atomic<int> done{0};
    std::vector<std::thread> writers;
    for (int i = 0; i < 4; ++i)
      writers.emplace_back([&, i] {
        const auto put =
            lake.storage()->put_if_absent(key, std::string(1000, static_cast<char>('a' + i)));
        if (put.ok() && *put == Put::done) ++done;
      });
    for (auto& writer : writers) writer.join();
    CHECK(done == 1);
    CHECK(lake.storage()->read(key)->size() == 1000);
  }
}

TEST_CASE("a folder that somebody removed meanwhile is made again") {
  TempLake lake;
  REQUIRE(lake.storage()->put("a/b/c", "1").ok());
  fs::remove_all(lake.path() + "/a");
  REQUIRE(lake.storage()->put("a/b/c", "2").ok());
  CHECK(*lake.storage()->read("a/b/c") == "2");
  fs::remove_all(lake.path() + "/a");
  const auto folder = lake.storage()->stage("a/b");
  REQUIRE(folder.ok());
  CHECK(fs::is_directory(*folder));
}

TEST_CASE("what a killed writer left is not listed, and is swept when it is old") {
  TempLake lake;
  REQUIRE(lake.storage()->put("t/x", "1").ok());
  const std::string old_one = lake.path() + "/t/.batuta-old";
  const std::string new_one = lake.path() + "/t/.batuta-new";
  std::ofstream(old_one) << "half";
  std::ofstream(new_one) << "half";
  fs::last_write_time(old_one, fs::file_time_type::clock::now() - std::chrono::hours(2));
  CHECK(lake.storage()->list("t/")->objects.size() == 1);
  REQUIRE(lake.storage()->put("t/x", "2").ok());
  CHECK_FALSE(fs::exists(old_one));
  CHECK(fs::exists(new_one));
}

TEST_CASE("links to folders are not followed when a lake is listed") {
  TempLake lake;
  TempLake other;
  REQUIRE(other.storage()->put("secret", "1").ok());
  fs::create_directory_symlink(other.path(), lake.path() + "/way_out");
  fs::create_symlink("/nowhere", lake.path() + "/dangling");
  const auto listing = lake.storage()->list("");
  CHECK(listing->prefixes.empty());
  CHECK(listing->objects.empty());
}
