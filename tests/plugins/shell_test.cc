// Shells, arguments, folders and surroundings of commands.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "plugins/builtin/shell_command.h"
#include "tests/plugins/fake_host.h"

namespace batuta {
namespace {

using nlohmann::json;

struct CommandHost : FakeHost {
  CommandHost() : folder(std::filesystem::temp_directory_path() / "batuta-shell-XXXXXX") {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    context = {{"scratch", folder}};
  }
  ~CommandHost() { std::filesystem::remove_all(folder); }
  std::string folder;

  // What it returned, or why it failed.
  std::string output(json given) {
    parameters = std::move(given);
    result.clear();
    if (run("shell") != 0) return "failed: " + failure;
    return result.empty() ? "" : json::parse(result).get<std::string>();
  }
};

plugin::ShellCommand plain(const std::string& text) {
  plugin::ShellCommand command;
  command.folder = std::filesystem::temp_directory_path();
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  command.command = text;
  return command;
}

}  // namespace

TEST_CASE_FIXTURE(CommandHost, "args are the command's positional parameters, and never code") {
  const std::string hostile = "'; touch pwned; echo \"$(touch pwned)\" `touch pwned` $HOME \\ *";
  for (const char* shell : {"sh", "bash"}) {
    CAPTURE(shell);
    json call{{"shell", shell}, {"args", {hostile, 7, true, "", "two\nlines"}}};
    call["command"] = "printf '%s' \"$1\"";
    CHECK(output(call) == hostile);
    call["command"] = "echo \"$#/$2/$3/$4\"";
    CHECK(output(call) == "5/7/true/");
    call["command"] = "sh -c 'eval \"printf %s \\\"\\$1\\\"\"' sh \"$1\"";
    CHECK(output(call) == hostile);
    call["command"] = "shift 4; printf '%s' \"$1\" | wc -l | tr -d ' '";
    CHECK(output(call) == "1");
    call["command"] = "tr '\\0' ' ' </proc/$$/cmdline";
    CHECK(output(call).find("pwned") == std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(folder + "/pwned"));
  CHECK(output({{"command", "echo $#"}, {"args", json::array()}}) == "0");
  CHECK(output({{"command", "true"}, {"args", "x"}}).find("expected a list") != std::string::npos);
  CHECK(output({{"command", "true"}, {"args", {std::string("a\0b", 3)}}}).find("NUL") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(CommandHost, "bash is bash, and strict ends it at whatever fails") {
  CHECK(output({{"shell", "bash"},
                {"command", "a=(x y); echo \"${a[1]} ${BASH_VERSION:+bash} $0\""}}) ==
        "y bash bash");
  CHECK(output({{"command", "echo \"${BASH_VERSION:-none} $0\""}}) == "none sh");
  for (const char* careless : {"false | true; echo on", "echo \"$nobody\"; echo on",
                               "x=$(false; echo y); echo on", "f() { false; echo on; }; f"}) {
    CAPTURE(careless);
    json call{{"shell", "bash"}, {"command", careless}};
    CHECK(output(call).ends_with("on"));
    call["strict"] = true;
    CHECK(output(call).starts_with("failed: exit code 1"));
  }
  CHECK(output({{"shell", "fish"}, {"command", "true"}}).find("sh or bash") != std::string::npos);
  CHECK(output({{"strict", true}, {"command", "true"}}).find("\"shell\": \"bash\"") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(CommandHost, "a script runs as it is written, with its own lines in messages") {
  CHECK(output({{"script", "# {{ no template }}\necho \"$1 {{ x }}\"\n"}, {"args", {"a"}}}) ==
        "a {{ x }}");
  plugin::ShellCommand command = plain("echo one\necho $LINENO");
  command.shell = "/bin/bash";
  command.strict = true;
  command.args = {"x"};
  command.umask = "027";
  CHECK(plugin::run_shell(command).last_line == "2");
  CHECK(output({{"script", "true"}, {"command", "true"}}).find("either") != std::string::npos);
  CHECK(output(json::object()).find("either") != std::string::npos);
}

TEST_CASE_FIXTURE(CommandHost, "a command runs where and with the umask it is told") {
  const std::string inner = folder + "/there";
  std::filesystem::create_directory(inner);
  CHECK(output({{"command", "pwd"}}) == folder);
  CHECK(output({{"command", "pwd"}, {"working_dir", inner}}) == inner);
  CHECK(output({{"command", "echo $BATUTA_SCRATCH"}, {"working_dir", inner}}) == folder);
  CHECK(output({{"command", "umask"}, {"umask", "027"}}) == "0027");
  CHECK(output({{"command", "true"}, {"working_dir", inner + "/gone"}}) ==
        "failed: working_dir: cannot enter " + inner + "/gone: No such file or directory");
  CHECK(failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(output({{"command", "true"}, {"working_dir", "there"}}).find("absolute path") !=
        std::string::npos);
  CHECK(failure_kind == BATUTA_FAIL_FINAL);
  CHECK(output({{"command", "true"}, {"umask", "0; id"}}).find("octal") != std::string::npos);
}

TEST_CASE_FIXTURE(CommandHost, "what a command writes to BATUTA_RESULT is its return value") {
  const auto returned = [&](const std::string& command) {
    std::filesystem::remove(folder + "/.result");
    return output({{"command", command + "; echo last"}});
  };
  const auto value = [&](const std::string& text) -> json {
    std::filesystem::remove(folder + "/.result");
    parameters = {{"command", "printf '%s' \"$1\" >\"$BATUTA_RESULT\"; echo last"},
                  {"args", {text}}};
    result.clear();
    if (run("shell") != 0) return "failed: " + failure;
    return json::parse(result);
  };
  CHECK(value(R"({"rows": 7, "files": ["a"]})") == json{{"rows", 7}, {"files", {"a"}}});
  CHECK(value("[1, 2]\n") == json({1, 2}));
  CHECK(value("a=1\nb_2=x=y\n\nempty=\r\ntext<<END\none\ntwo=2\nEND\nlast=z") ==
        json{{"a", "1"}, {"b_2", "x=y"}, {"empty", ""}, {"text", "one\ntwo=2"}, {"last", "z"}});
  CHECK(value(" \n") == "last");
  CHECK(returned("true") == "last");
  const std::map<std::string, std::string> wrong = {
      {"no json", "line 1 is no key=value"},
      {"a=1\na=2", "line 2: \"a\" is given twice"},
      {"a<<END\nx", "line 1: the value of \"a\" has no end"},
      {std::string(65'537, '1'), "line 1 is no key=value"},
      {"S\xE3o=1", "no text in utf-8"}};
  for (const auto& [text, told] : wrong) {
    const auto& of = told;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    std::filesystem::remove(folder + "/.result");
    std::ofstream(folder + "/.result") << text;
    const std::string out = output({{"command", "true"}});
    CHECK_MESSAGE(out.starts_with("failed: the file $BATUTA_RESULT cannot be the return value"),
                  out);
    CHECK_MESSAGE(out.find(told) != std::string::npos, out);
    CHECK(failure_kind == BATUTA_FAIL_FINAL);
  }
  CHECK(returned("truncate -s 67108865 \"$BATUTA_RESULT\"").find("over 67108864 bytes") !=
        std::string::npos);
  CHECK(returned("ln -s /etc/passwd \"$BATUTA_RESULT\"").starts_with("failed"));
  CHECK(returned("mkfifo \"$BATUTA_RESULT\"").find("it is no file") != std::string::npos);
}

TEST_CASE_FIXTURE(CommandHost, "what a command writes to BATUTA_ASSETS are events of assets") {
  const auto told = [&](const std::string& text) {
    reports.clear();
    std::filesystem::remove(folder + "/.assets");
    std::ofstream(folder + "/.assets") << text;
    const std::string out = output({{"command", "true"}});
    return out.starts_with("failed") ? json(out) : json(reports["assets"]);
  };
  const json events = told("s3://a\n\ndaily orders s3://b\n{\"uri\":\"c\",\"extra\":{\"n\":1}}");
  REQUIRE(events.size() == 3);
  CHECK(json::parse(events[0].get<std::string>()) == json::object({{"uri", "s3://a"}}));
  CHECK(json::parse(events[1].get<std::string>()) ==
        json::object({{"alias", "daily orders"}, {"uri", "s3://b"}}));
  CHECK(json::parse(events[2].get<std::string>())["extra"]["n"] == 1);
  const json wrong = told("s3://a\n{no json");
  CHECK(wrong.get<std::string>().find("$BATUTA_ASSETS does not tell of assets: line 2") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(CommandHost, "a large result is handed on byte for byte") {
  std::filesystem::remove(folder + "/.result");
  const std::string text = "[1.10, " + std::string(70'000, ' ') + "\"\\u00e9\"]";
  std::ofstream(folder + "/given") << text;
  parameters = {{"command", "cp given \"$BATUTA_RESULT\""}};
  REQUIRE_MESSAGE(run("shell") == 0, failure);
  CHECK(result == text);
  std::filesystem::remove(folder + "/.result");
  std::ofstream(folder + "/given") << "a=" << std::string(70'000, 'x');
  REQUIRE_MESSAGE(run("shell") == 0, failure);
  CHECK(json::parse(result)["a"].get<std::string>().size() == 70'000);
}

TEST_CASE_FIXTURE(CommandHost,
                  "the worker's setting gives commands their environment; a task's own wins") {
  ::setenv("BATUTA_COMMAND_ENV", R"({"PATH":"/opt/x:/usr/bin:/bin","TZ":"Asia/Tokyo","A":"1"})", 1);
  const json call{{"command", "echo $PATH $TZ $A $(date +%Z) $BATUTA_COMMAND_ENV."},
                  {"env", {{"A", "2"}}}};
  CHECK(output(call) == "/opt/x:/usr/bin:/bin Asia/Tokyo 2 JST .");
  ::unsetenv("BATUTA_COMMAND_ENV");
  CHECK(output({{"command", "echo ${TZ:-none}"}}) == "none");
}

}  // namespace batuta
