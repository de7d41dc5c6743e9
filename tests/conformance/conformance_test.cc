// Runs every case of tests/conformance/cases, or with BATUTA_CONFORMANCE those whose names hold it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "scheduler/store/backend.h"
#include "tests/conformance/case.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;

namespace {

struct Keeper {
  Folder folder;
  std::unique_ptr<Backend> backend =
      open_backend("sqlite:" + folder.path("batuta.db"), {folder.path("secret.key"), {}, Time{}});

  std::vector<std::string> run(const std::string& text) {
    return conformance::run_case(text, backend->registry(), folder.path("secret.key"));
  }
};

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

constexpr std::size_t least_cases = 130;

}  // namespace

TEST_CASE_FIXTURE(Keeper, "every case of the conformance folder ends as it says") {
  const char* root = std::getenv("BATUTA_SOURCE_DIR");
  const char* only = std::getenv("BATUTA_CONFORMANCE");
  const std::filesystem::path cases =
      std::filesystem::path(root == nullptr ? "." : root) / "tests/conformance/cases";
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cases)) {
    if (entry.path().extension() == ".json") files.insert(entry.path());
  }
  if (only == nullptr) CHECK(files.size() >= least_cases);
  for (const auto& file : files) {
    const std::string name = std::filesystem::relative(file, cases).string();
    if (only != nullptr && name.find(only) == std::string::npos) continue;
    for (const std::string& problem : run(read_whole(file))) {
      FAIL_CHECK(name << ": " << problem);
    }
  }
}

// The other side: what a case says wrongly is noticed.
TEST_CASE_FIXTURE(Keeper, "a case that expects something else fails, whatever it is") {
  const std::string head = R"({"case": "x", "source": "x", "dag": {"dag_id": "d", "tasks": [
    {"task_id": "a", "type": "mock", "return": 7, "retries": 1, "retry_delay": "1m", "fail_times": 1,
     "on_failure": []},
    {"task_id": "b", "type": "mock", "print": "{{ ds }}", "depends_on": ["a"]}]},
    "expect": )";
  REQUIRE(run(head + R"({"state": "success", "tasks": {"*": "success"}, "tries": {"a": 2},
    "starts": {"a": ["0s", "1m"]}, "ends": {"b": "1m"}, "results": {"a": 7}, "order": ["a", "a", "b"],
    "given": {"b": {"print": "2026-03-10"}}, "together": {"*": 1}, "alerts": [],
    "events": {"ticks_skipped": []}, "paused": {"d": false}}})")
              .empty());
  for (const char* wrong :
       {R"({"state": "failed", "tasks": {"*": "success"}}})",
        R"({"state": "success", "tasks": {"a": "success", "b": "skipped"}}})",
        R"({"state": "success", "tasks": {"a": "success"}}})",
        R"({"state": "success", "tasks": {"*": "success", "c": "success"}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "tries": {"a": 1}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "starts": {"a": ["0s", "2m"]}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "ends": {"b": "61s"}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "results": {"a": 8}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "given": {"b": {"print": "x"}}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "reasons": {"b": "x"}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "together": {"a": 2}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "alerts": ["a"]}})",
        R"({"state": "success", "tasks": {"*": "success"}, "events": {"ticks_skipped": [{}]}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "paused": {"d": true}}})",
        R"({"state": "success", "tasks": {"*": "success"}, "order": ["b", "a", "a"]}})",
        R"({"runs": {}}})", R"({"runs": {"r1": "success", "r2": "success"}}})",
        R"({"runs": {"r1": "failed"}}})", R"({"stat": "success"}})"}) {
    CHECK_MESSAGE(!run(head + wrong).empty(), wrong);
  }
}
