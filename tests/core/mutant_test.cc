// The list of mutants and the mutation points in the sources are the same.
#include "scheduler/core/mutant.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace batuta {
namespace {

std::set<std::string> names_in_sources() {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  REQUIRE(source != nullptr);
  std::set<std::string> names;
  const std::regex call("mutant\\(\"([a-z_]+)\"\\)");
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(source) / "scheduler/core")) {
    if (entry.path().extension() != ".cc") continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string all = text.str();
    for (std::sregex_iterator at(all.begin(), all.end(), call), end; at != end; ++at) {
      names.insert((*at)[1]);
    }
  }
  return names;
}

TEST_CASE("every mutation point is listed with what it breaks, and every listed one exists") {
  std::set<std::string> listed;
  for (const MutantInfo& info : all_mutants()) {
    CHECK(listed.insert(info.name).second);
    CHECK(std::string(info.breaks).size() > 5);
  }
  CHECK(listed == names_in_sources());
  CHECK(listed.size() >= 40);
}

TEST_CASE("docs/simulation.md gives their number") {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  REQUIRE(source != nullptr);
  std::stringstream text;
  text << std::ifstream(std::filesystem::path(source) / "docs/simulation.md").rdbuf();
  const std::string sentence = "lists " + std::to_string(all_mutants().size()) + " planted bugs";
  CHECK(text.str().find(sentence) != std::string::npos);
}

TEST_CASE("the shipped library has no mutants") {
  CHECK(!mutant("keep_fence"));
}

}  // namespace
}  // namespace batuta
