#include "worker/agent_log.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "worker/hide_secrets.h"

namespace batuta {
namespace {

struct TempFolder {
  TempFolder() {
    char text[] = "/tmp/batuta-log-XXXXXX";
    REQUIRE(::mkdtemp(text) != nullptr);
    path = text;
  }
  ~TempFolder() { remove_tree(path); }
  std::string path;
};

std::string content(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// The lines without their times.
std::string told(const std::string& path) {
  std::istringstream in{content(path)};
  std::string line, out;
  while (std::getline(in, line)) out += line.substr(line.find(' ') + 1) + "\n";
  return out;
}

TEST_CASE("plain output is INFO, marked lines have their level, an open line is closed") {
  const TempFolder folder;
  const std::string path = folder.path + "/run/0-1.log";
  AttemptLog log{path, {}};
  log.feed("out\r\nhal");
  log.feed(
      "f\x1e"
      "Wwarned\n\x1e");
  log.feed(
      "Eerror\n\x1e"
      "Ddebug\nlast");
  log.finish(Finished{});
  CHECK(told(path) ==
        "INFO out\nINFO half\nWARN warned\nERROR error\nDEBUG debug\nINFO last\n"
        "INFO Attempt ended: success, exit code 0, peak memory 0.0 MiB\n");
  struct stat info {};
  REQUIRE(::stat((folder.path + "/run").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a forged mark or an empty line does no harm") {
  const TempFolder folder;
  const std::string path = folder.path + "/log";
  AttemptLog log{path, {}};
  log.feed("\n\x1ez\x1e");
  log.feed("\x1eI\n");
  log.finish(Finished{});
  CHECK(told(path).starts_with("INFO \nINFO ?z?"));
}

TEST_CASE("an abnormal end makes a log even without a word") {
  const TempFolder folder;
  const std::string quiet = folder.path + "/quiet";
  AttemptLog{quiet, {}}.finish(Finished{});
  CHECK(content(quiet).empty());
  Finished killed;
  killed.outcome = Outcome::crashed;
  killed.signal = 9;
  killed.reason = "signal 9 (killed)";
  killed.peak_rss_kib = 2048;
  const std::string path = folder.path + "/killed";
  AttemptLog{path, {}}.finish(killed);
  CHECK(told(path) ==
        "ERROR Attempt ended: crashed (signal 9 (killed)), signal 9, "
        "peak memory 2.0 MiB\n");
}

TEST_CASE("a failure under a bound of each process's memory is told as one where it shows") {
  const TempFolder folder;
  Finished failed;
  failed.outcome = Outcome::failed;
  failed.exit_code = 1;
  failed.peak_rss_kib = 20 << 10;
  const auto told_of = [&](const char* line, std::int64_t bound, const Finished& finished) {
    AttemptLog log{folder.path + "/log", {}};
    log.bound_by_process(bound);
    log.feed(line);
    return log.short_of_memory(finished);
  };
  constexpr std::int64_t bound = 100 << 20;
  for (const char* line :
       {"MemoryError\n", "tail: memory exhausted\n", "  what():  std::bad_alloc"})
    CHECK(told_of(line, bound, failed) ==
          "it ran out of memory, as it seems: each of its processes may have 100 MiB of its own "
          "here (RLIMIT_DATA), and its log says that there was no more (it had 20.0 MiB)");
  CHECK(told_of("no such file\n", bound, failed).empty());
  CHECK(told_of("MemoryError\n", 0, failed).empty());
  failed.peak_rss_kib = 95 << 10;
  CHECK(told_of("no such file\n", bound, failed).ends_with(", and one had 95.0 MiB"));
  failed.outcome = Outcome::success;
  CHECK(told_of("MemoryError\n", bound, failed).empty());
}

TEST_CASE("an attempt that leaves tables to publish does not call itself a success yet") {
  const TempFolder folder;
  const std::string path = folder.path + "/log";
  AttemptLog log{path, {}};
  log.feed("writing\n");
  Finished done;
  done.outputs.push_back({"silver/t", false, 3, "{}"});
  log.finish(done);
  CHECK(told(path) ==
        "INFO writing\nINFO Attempt ended: tables handed in, exit code 0, peak memory 0.0 MiB\n");
}

TEST_CASE("user info of a URL and short secrets are masked, and the latter is said") {
  const TempFolder folder;
  const std::string path = folder.path + "/log";
  AttemptLog log{path, {"pw1"}};
  log.feed("git clone https://me:tok@host/x with pw1\n");
  log.finish(Finished{});
  const std::string text = told(path);
  CHECK(text.find("WARN A secret of this task has fewer than 6 characters") != std::string::npos);
  CHECK(text.find("INFO git clone https://***@host/x with ***\n") != std::string::npos);
  CHECK(log.masked("ftp://u:p@h") == "ftp://***@h");
}

TEST_CASE("what a report tells beside the log hides what the log masks") {
  Launch launch;
  launch.secrets = {{"api", "{}", {"s3cret-value", "another-one"}}};
  Finished report;
  report.result_json = R"({"token":"s3cret-value","n":1})";
  report.files_json = R"(["a/s3cret-value.csv"])";
  report.extra_json = R"({"quality":[{"why":"another-one"}]})";
  hide_secrets(launch, report);
  CHECK(report.result_json == R"({"token":"s3cret-value","n":1})");  // the next task needs it
  CHECK(report.shown_json == R"({"n":1,"token":"***"})");
  CHECK(report.hidden == std::vector<std::string>{"s3cret-value"});
  CHECK(report.files_json == R"(["a/***.csv"])");
  CHECK(report.extra_json == R"({"quality":[{"why":"***"}]})");

  Finished number;
  number.result_json = "12345678";
  Launch with_number;
  with_number.secrets = {{"", "", {"12345678"}}};
  hide_secrets(with_number, number);
  CHECK(number.shown_json == "\"***\"");

  Finished address;  // of a task without any secret of its own
  address.result_json = R"({"db":"postgres://app:Tr0ub4dor@db/x"})";
  hide_secrets(Launch{}, address);
  CHECK(address.shown_json == R"({"db":"postgres://***@db/x"})");
  CHECK(address.hidden == std::vector<std::string>{"app:Tr0ub4dor", "Tr0ub4dor"});

  Finished beside;  // the escape before it is no letter
  beside.result_json = R"("user\t1234")";
  Launch with_pin;
  with_pin.secrets = {{"", "", {"1234"}}};
  hide_secrets(with_pin, beside);
  CHECK(beside.shown_json == R"("user\t***")");

  Finished plain;
  plain.result_json = "\"harmless\"";
  hide_secrets(launch, plain);
  CHECK(plain.shown_json.empty());
}

TEST_CASE("over the limit, head and tail are kept whole line by line") {
  const TempFolder folder;
  const std::string path = folder.path + "/log";
  std::string all;
  {
    LogFile file{path, {.head = 1000, .tail = 300}};
    for (int i = 0; i < 500; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      all += line;
      file.write(line);
    }
    file.finish("end\n");
  }
  const std::string kept = content(path);
  CHECK(kept.size() < 1000 + 300 + 100);
  const auto mark = kept.find("Log limit reached: ");
  REQUIRE(mark != std::string::npos);
  const std::string head = kept.substr(0, kept.rfind('\n', mark) + 1);
  const std::string tail = kept.substr(kept.find('\n', mark) + 1);
  CHECK(all.starts_with(head));
  CHECK((all + "end\n").ends_with(tail));
  CHECK(tail.starts_with("line "));
  const auto left_out = std::stoul(kept.substr(mark + 19));
  CHECK(head.size() + left_out + tail.size() - 4 == all.size());
}

TEST_CASE("a log that cannot be written fails nobody") {
  LogFile file{"/proc/no/such/folder/log"};
  file.write("text\n");
  file.finish("end\n");
  if (::access("/dev/full", W_OK) == 0) {
    LogFile full{"/dev/full"};
    full.write("text\n");
    full.finish("end\n");
  }
}

}  // namespace
}  // namespace batuta
