// Names of a run's files, and what stands in the store for a value that is one.
#include "common/run_files.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

using namespace batuta;

TEST_CASE("what stands for a large value is read back, and nothing else is taken for it") {
  for (const ResultFile& file :
       {ResultFile{70'000, unmapped, 1}, ResultFile{1, MapIndex{4711}, 1'000'000'000'000}}) {
    CHECK(result_file_of(to_text(file)) == file);
  }
  CHECK(to_text(ResultFile{7, MapIndex{2}, 9}) ==
        R"({"batuta:file":{"bytes":7,"map_index":2,"fence":9}})");
  for (const char* text : {"", "7", R"({"batuta:file":7})", R"({"batuta:file":{"bytes":7}})",
                           R"({"batuta:file":{"bytes":-1,"map_index":2,"fence":9}})",
                           R"({"batuta:file":{"bytes":7,"map_index":-2,"fence":9}})",
                           R"({"batuta:file":{"bytes":7,"map_index":99999999999,"fence":9}})",
                           R"({"batuta:file":{"bytes":7,"map_index":2,"fence":9}} )",
                           R"({"batuta:file":{"bytes":7,"map_index":2,"fence":9},"a":1})"}) {
    CAPTURE(text);
    CHECK_FALSE(result_file_of(text));
  }
}

TEST_CASE("a value's file is read in parts, and only as the file that it was") {
  char name[] = "/tmp/batuta-files-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  const std::string path = folder + "/1.json";
  std::ofstream(path) << "0123456789";
  CHECK(*read_result_file(path, 10, 0, 100) == "0123456789");
  CHECK(*read_result_file(path, 10, 8, 100) == "89");
  CHECK(*read_result_file(path, 10, 2, 3) == "234");
  CHECK(*read_result_file(path, 10, 10, 3) == "");
  CHECK(read_result_file(path, 11, 0, 100).error().code == Errc::unavailable);
  CHECK(read_result_file(path + "x", 10, 0, 100).error().code == Errc::not_found);
  std::filesystem::create_symlink(path, folder + "/link");
  CHECK(read_result_file(folder + "/link", 10, 0, 100).error().code == Errc::unavailable);
  CHECK(read_result_file(folder, 10, 0, 100).error().code == Errc::unavailable);
  std::filesystem::remove_all(folder);
}
