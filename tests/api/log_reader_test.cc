#include "scheduler/api/log_reader.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "scheduler/http/utf8.h"

namespace batuta::http {
namespace {

struct Home {
  Home() {
    char name[] = "/tmp/batuta-log-XXXXXX";
    folder = ::mkdtemp(name);
    std::filesystem::create_directories(folder + "/logs/" + to_string(run));
  }
  ~Home() { std::filesystem::remove_all(folder); }
  std::string file(const std::string& name) const {
    return folder + "/logs/" + to_string(run) + "/" + name;
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
  }
  Uuid run;
  std::string folder;
};

}  // namespace

TEST_CASE("a window of a log holds so many lines at most, however short they are") {
  Home home;
  constexpr std::size_t lines = 2 * max_log_lines + 7;
  home.write("3-1.log", std::string(lines, '\n'));
  std::size_t read = 0;
  std::int64_t at = 0;
  for (const std::size_t expected : {max_log_lines, max_log_lines, std::size_t{7}}) {
    const auto window = read_log(home.folder, home.run, "3-1.log", at);
    REQUIRE(window);
    CHECK(window->text.size() == expected);
    CHECK(window->at_end == (expected == 7));
    at = window->next;
    read += window->text.size();
  }
  CHECK(read == lines);
}

TEST_CASE("a log is read in windows of whole lines until its end") {
  Home home;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line number " + std::to_string(i) + "\n";
  home.write("3-1.log", text);
  std::string all;
  std::int64_t at = 0;
  int windows = 0;
  for (bool end = false; !end; ++windows) {
    const auto window = read_log(home.folder, home.run, "3-1.log", at, 200);
    REQUIRE(window);
    CHECK(window->text.ends_with("\n"));
    CHECK(window->next > at);
    all += window->text;
    at = window->next;
    end = window->at_end;
  }
  CHECK(all == text);
  CHECK(windows > 5);
  CHECK(read_log(home.folder, home.run, "3-1.log", 1 << 30)->text.empty());
}

TEST_CASE("a line longer than the window is cut between characters") {
  Home home;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "\xE2\x82\xAC";
  home.write("0-1.log", text);
  std::string all;
  for (std::int64_t at = 0; at < 600;) {
    const auto window = read_log(home.folder, home.run, "0-1.log", at, 100);
    REQUIRE(window);
    REQUIRE(window->next > at);
    CHECK(valid_utf8(window->text));
    all += window->text;
    at = window->next;
  }
  CHECK(all == text);
}

TEST_CASE("bytes that are not UTF-8 are shown as replacement characters") {
  Home home;
  home.write("0-1.log",
             "a\xFF"
             "b\n");
  CHECK(read_log(home.folder, home.run, "0-1.log", 0)->text ==
        "a\xEF\xBF\xBD"
        "b\n");
}

TEST_CASE("links, pipes and folders in a log's place are not opened") {
  Home home;
  std::filesystem::create_symlink("/etc/passwd", home.file("0-1.log"));
  CHECK_FALSE(read_log(home.folder, home.run, "0-1.log", 0));
  REQUIRE(::mkfifo(home.file("0-2.log").c_str(), 0600) == 0);
  CHECK_FALSE(read_log(home.folder, home.run, "0-2.log", 0));
  std::filesystem::create_directory(home.file("0-3.log"));
  CHECK_FALSE(read_log(home.folder, home.run, "0-3.log", 0));
  std::filesystem::remove_all(home.folder + "/logs/" + to_string(home.run));
  std::filesystem::create_directory_symlink("/etc", home.folder + "/logs/" + to_string(home.run));
  CHECK_FALSE(read_log(home.folder, home.run, "0-4.log", 0));
}

TEST_CASE("a line's time and level are told from its text") {
  const auto line = parse_log_line("2026-11-20T12:00:00.123Z WARN disk is nearly full");
  CHECK(line.timestamp == "2026-11-20T12:00:00.123Z");
  CHECK(line.level == "warning");
  CHECK(line.event == "disk is nearly full");
  for (const char* other : {"plain text", "", "2026-11-20T12:00:00Z", "yesterday INFO text",
                            "2026-11-20T12:00:00Z LOUD text"}) {
    CHECK(parse_log_line(other).event == other);
    CHECK(parse_log_line(other).timestamp.empty());
  }
}

}  // namespace batuta::http
