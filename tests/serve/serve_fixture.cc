#include "tests/serve/serve_fixture.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "scheduler/dagfile/dag_parser.h"

namespace batuta {

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "batuta-serve-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::path(const std::string& relative) const {
  return relative.empty() ? path_ : path_ + "/" + relative;
}

void Folder::write(const std::string& relative, const std::string& text) const {
  const std::filesystem::path target = path(relative);
  std::filesystem::create_directories(target.parent_path());
  std::ofstream(target, std::ios::binary) << text;
}

std::shared_ptr<const Dag> dag_from(const std::string& text) {
  const DagFileResult result = parse_dag_file(text, "made.json", "/nowhere", {});
  REQUIRE(result.dag);
  return result.dag;
}

}  // namespace batuta
