#include "scheduler/cli/output.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "scheduler/cli/client.h"
#include "scheduler/cli/lake_server.h"

using batuta::cli::Failure;
using batuta::cli::write_parquet;
using batuta::cli::yaml_text;
using nlohmann::json;

TEST_CASE("yaml: lists and objects are blocks, empty ones stay on their line") {
  CHECK(yaml_text(json::array()) == "[]\n");
  CHECK(yaml_text({{"a", {{"b", {1, 2}}, {"c", json::object()}}}, {"d", nullptr}}) ==
        "a:\n  b:\n    - 1\n    - 2\n  c: {}\nd: null\n");
  CHECK(yaml_text(json::array({{{"x", 1}, {"xx", {{"z", true}}}}, json::array({1, {2}})})) ==
        "- x: 1\n  xx:\n    z: true\n- - 1\n  - - 2\n");
}

TEST_CASE("yaml: a text that could be read as something else is quoted") {
  for (const char* text :
       {"yes", "No", "null", "12:30", "1e3", "", "a b", "- x", "a: b", "~", "#c"}) {
    CHECK_MESSAGE(yaml_text(text) == json(text).dump() + "\n", text);
  }
  CHECK(yaml_text("manual__2024-01-01T00.00") == "manual__2024-01-01T00.00\n");
  CHECK(yaml_text("two\nlines \"quoted\"") == "\"two\\nlines \\\"quoted\\\"\"\n");
  CHECK(yaml_text(json{{"no", 1}}) == "\"no\": 1\n");
}

TEST_CASE("seconds in a table are told to the millisecond, and small ones are not none") {
  using batuta::cli::seconds_text;
  CHECK(seconds_text(2.9714140000000002) == "2.971");
  CHECK(seconds_text(3.0) == "3");
  CHECK(seconds_text(12.5) == "12.5");
  CHECK(seconds_text(0) == "0");
  CHECK(seconds_text(0.0000042) == "4.2e-06");
  CHECK(seconds_text(86400.25) == "86400.25");
  CHECK(seconds_text(100.0) == "100");
}

TEST_CASE("yaml: what YAML does not take as it is, is escaped") {
  CHECK(yaml_text("a\x7f\xC2\x9B") == "\"a\\x7f\\x9b\"\n");
  CHECK(yaml_text("é €") == "\"é €\"\n");
}

TEST_CASE(
    "sql --to: what a server gives is kept where it is a whole Parquet file, and as a new one") {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("batuta-rows-" + std::to_string(::getpid()) + ".parquet"))
                               .string();
  const auto kept = [&] {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  // A server from before it gave files answers with JSON, and an answer may end too early.
  for (const char* none : {"{\"columns\":[]}", "", "PAR1", "PAR1 and rows"}) {
    CHECK_THROWS_WITH_AS(write_parquet(path, none), doctest::Contains("no Parquet file"), Failure);
    CHECK_FALSE(std::filesystem::exists(path));
  }
  write_parquet(path, "PAR1 and rows PAR1");
  CHECK(kept() == "PAR1 and rows PAR1");
  CHECK_THROWS_AS(write_parquet(path, "PAR1 and others PAR1"), Failure);
  CHECK(kept() == "PAR1 and rows PAR1");
  std::filesystem::remove(path);
}
