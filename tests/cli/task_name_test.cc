#include "scheduler/cli/task_name.h"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

using namespace batuta::cli;

namespace {

// What a verb makes of these words; the message when they do not go together.
std::string words_read(std::vector<std::string> words) {
  CLI::App app;
  std::string task_id;
  int map_index = -1;
  name_instance(app, task_id, map_index);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return task_id + " " + std::to_string(map_index);
}

}  // namespace

TEST_CASE("one instance of a mapped task is named by task[3] or --map-index") {
  CHECK(words_read({"fetch"}) == "fetch -1");
  CHECK(words_read({"fetch[3]"}) == "fetch 3");
  CHECK(words_read({"fetch", "--map-index", "3"}) == "fetch 3");
  CHECK(words_read({"fetch[3]", "--map-index", "3"}) == "fetch 3");
  CHECK(words_read({"fetch[3]", "--map-index", "4"}) ==
        "--map-index: 4 is another instance than fetch[3]");
  for (const char* wrong : {"fetch[x]", "fetch[]", "fetch[-1]", "[3]", "fetch[123456]"}) {
    CAPTURE(wrong);
    CHECK(words_read({wrong}).find("write task, or task[3]") != std::string::npos);
  }
}
