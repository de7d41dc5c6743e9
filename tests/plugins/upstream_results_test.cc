// What earlier tasks returned, as a command finds it: files, and the program that names them.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/plugins/fake_host.h"

namespace batuta {
namespace {

using nlohmann::json;

struct HandedOver : FakeHost {
  HandedOver() : folder("/tmp/batuta-xcom-XXXXXX") {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    std::ofstream(folder + "/list.json") << "[1,2]";
    std::ofstream(folder + "/text.json") << R"("two\nlines")";
    context["xcoms"] = {
        {{"task", "load"}, {"map_index", -1}, {"key", "return_value"}, {"json", "{\"a\":1}"}},
        {{"task", "load"}, {"map_index", -1}, {"key", "a"}, {"json", R"("as it is")"}},
        {{"task", "load"}, {"map_index", -1}, {"key", "../up"}, {"json", "1"}},
        {{"task", "each"}, {"map_index", 3}, {"key", "return_value"}, {"json", "7"}},
        {{"task", "big"},
         {"map_index", -1},
         {"key", "return_value"},
         {"bytes", 5},
         {"file", folder + "/list.json"}},
        {{"task", "prose"},
         {"map_index", -1},
         {"key", "return_value"},
         {"bytes", 12},
         {"file", folder + "/text.json"}}};
  }
  ~HandedOver() { std::filesystem::remove_all(folder); }

  std::string says(const std::string& command) {
    std::filesystem::remove_all(folder + "/work");
    ::mkdir((folder + "/work").c_str(), 0700);
    context["scratch"] = folder + "/work";
    parameters = {{"command", command}};
    result.clear();
    if (run("shell") != 0) return "failed: " + failure;
    return json::parse(result).get<std::string>();
  }
  std::string folder;
};

}  // namespace

TEST_CASE_FIXTURE(HandedOver, "batuta-xcom prints the path of what a task returned") {
  CHECK(says("cat $(batuta-xcom load)") == R"({"a":1})");
  CHECK(says("cat $(batuta-xcom load a)") == "as it is");
  CHECK(says("cat $(batuta-xcom each return_value 3)") == "7");
  CHECK(says("cat $(batuta-xcom big)") == "[1,2]");
  CHECK(says("head -1 $(batuta-xcom prose)") == "two");
  CHECK(says("cat $BATUTA_XCOM_DIR/each/3/return_value") == "7");
  CHECK(says("echo \"$PATH\" | grep -c '^/[^:]*/.bin:'") == "1");
}

TEST_CASE_FIXTURE(HandedOver, "batuta-xcom says what there is not, and how to ask") {
  const auto complaint = [&](const std::string& arguments) {
    return says("batuta-xcom " + arguments + " 2>&1; true");
  };
  CHECK(complaint("") == "batuta-xcom: usage: batuta-xcom TASK [KEY] [INDEX]");
  CHECK(complaint("nobody").find("there is no result of \"nobody\"") != std::string::npos);
  CHECK(complaint("each").find("\"each\" is mapped") != std::string::npos);
  CHECK(complaint("load b").find("returned no \"b\"") != std::string::npos);
  CHECK(complaint("each return_value 4").find("(index 4) returned no") != std::string::npos);
  CHECK(says("batuta-xcom nobody 2>/dev/null") == "failed: exit code 1");
  CHECK(says("batuta-xcom 2>/dev/null") == "failed: exit code 2");
  CHECK_FALSE(lines.empty());  // a key that is no file's name is told of
  CHECK_FALSE(std::filesystem::exists(folder + "/work/.xcom/load/up"));
}

TEST_CASE_FIXTURE(HandedOver, "a value that is not what it was fails the task") {
  std::ofstream(folder + "/list.json") << "[1,2,3]";
  CHECK(says("true").find("expected a file of 5 bytes") != std::string::npos);
  std::filesystem::remove(folder + "/list.json");
  CHECK(says("true").find("the file of the value is gone") != std::string::npos);
}

TEST_CASE_FIXTURE(HandedOver, "a command is told of its run's folder, where there is one") {
  context.erase("xcoms");
  CHECK(says("echo ${BATUTA_RUN_DIR:-none} ${BATUTA_XCOM_DIR:-none}") == "none none");
  run_folder = "/home/runs/1";
  CHECK(says("echo ${BATUTA_RUN_DIR:-none}") == "/home/runs/1");
}

}  // namespace batuta
