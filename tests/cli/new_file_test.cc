// A file that a verb makes: whole, or not there.
#include "scheduler/cli/new_file.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "scheduler/cli/client.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;

struct NewFileFolder {
  NewFileFolder() {
    std::string name = (fs::temp_directory_path() / "batuta-new-file-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~NewFileFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string text(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(path + "/" + name).rdbuf();
    return out.str();
  }
  std::string path;
};

}  // namespace

TEST_CASE("a file that was not finished is not there, and a finished one is whole") {
  const NewFileFolder folder;
  std::ofstream(folder.path + "/from") << std::string(300'000, 'x');
  {
    NewFile file(folder.path + "/to");
    file.add_file(folder.path + "/from");
    CHECK(fs::exists(folder.path + "/to"));
    // As where the disk is full: what is thrown unwinds it.
  }
  CHECK_FALSE(fs::exists(folder.path + "/to"));
  {
    NewFile file(folder.path + "/to");
    file.add_file(folder.path + "/from");
    file.add("y");
    file.finish();
  }
  CHECK(folder.text("to") == std::string(300'000, 'x') + "y");
  // What is there already stays as it is.
  CHECK_THROWS_AS(NewFile(folder.path + "/to"), Failure);
  CHECK(folder.text("to").size() == 300'001);
  CHECK_THROWS_AS(NewFile(folder.path + "/no/such/folder"), Failure);
}

}  // namespace batuta::cli
