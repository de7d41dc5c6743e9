#include "scheduler/commands/demo_truth.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/safe_json.h"
#include "scheduler/commands/supervisor.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_manifest_bytes = std::size_t{256} << 20;
constexpr std::size_t rows_shown = 3;
constexpr const char* most_rows = "1000000";
constexpr const char* most_rows_shown = "500";  // a file of monitors has no more

JsonLimits manifest_limits() {
  JsonLimits limits;
  limits.bytes = max_manifest_bytes;
  limits.tokens = 50'000'000;
  return limits;
}

// What the command wrote to its standard output; its exit code is 0.
Result<std::string> output_of(std::vector<std::string> command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {Errc::unavailable, "no pipe for a command"};
  const auto child = start_process(std::move(command), ends[1]);
  close(ends[1]);
  std::string text;
  char buffer[65536];
  for (ssize_t got = 0; child && (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  if (!child) return child.error();
  int status = 0;
  waitpid(*child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return {Errc::unavailable, "a query of the lake failed"};
  return text;
}

// A row as one text, so that rows can be sorted and shown.
std::string row_text(const json& row) {
  json cells = json::array();
  for (const json& cell : row) cells.push_back(cell);
  return json_text(cells);
}

// Names in the order of the alphabet: an object's cells then come in the order of the columns.
std::string with_columns(const std::string& query, std::size_t columns) {
  std::string names;
  for (std::size_t i = 0; i < columns; ++i)
    names += (i == 0 ? "c" : ", c") + std::string(i < 10 ? "0" : "") + std::to_string(i);
  return "SELECT * FROM (" + query + ") AS rows" + (columns == 0 ? "" : "(" + names + ")");
}

// By the files themselves: what the server of this home tells has a bound of rows.
Result<std::vector<std::string>> found_rows(const std::string& home, const std::string& query) {
  const auto text = output_of({program("batuta"), "lake", "sql", query, "--files", "--limit",
                               most_rows, "--output", "json", "--home", home});
  if (!text) return text.error();
  const auto rows = parse_untrusted(*text, manifest_limits());
  if (!rows || !rows->is_array())
    return {Errc::malformed, "a query of the lake gave no list of rows"};
  std::vector<std::string> out;
  for (const json& row : *rows) out.push_back(row_text(row));
  std::sort(out.begin(), out.end());
  return out;
}

void show_difference(const char* what, const std::vector<std::string>& some,
                     const std::vector<std::string>& others) {
  std::vector<std::string> only;
  std::set_difference(some.begin(), some.end(), others.begin(), others.end(),
                      std::back_inserter(only));
  for (std::size_t i = 0; i < only.size(); ++i) {
    if (i == rows_shown) {
      std::printf("      … and %zu more %s\n", only.size() - i, what);
      return;
    }
    std::printf("      %s %s\n", what, only[i].c_str());
  }
}

Result<bool> holds(const std::string& home, const json& assertion) {
  const auto name = assertion.at("name").get<std::string>();
  const json& rows = assertion.at("rows");
  std::vector<std::string> expected;
  for (const json& row : rows) expected.push_back(row_text(row));
  std::sort(expected.begin(), expected.end());
  const std::size_t columns = rows.empty() ? 0 : rows.front().size();
  const auto found =
      found_rows(home, with_columns(assertion.at("query").get<std::string>(), columns));
  if (!found) return found.error();
  const bool right = *found == expected;
  std::printf("  %s %s (%zu %s)\n", right ? "holds" : "WRONG", name.c_str(), found->size(),
              found->size() == 1 ? "row" : "rows");
  if (!right) {
    show_difference("missing", expected, *found);
    show_difference("unexpected", *found, expected);
  }
  std::fflush(stdout);
  return right;
}

}  // namespace

Result<bool> truth_holds(const std::string& home, const std::string& manifest_file,
                         const std::string& heading) {
  std::ifstream file(manifest_file, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return {Errc::not_found, manifest_file + " cannot be read"};
  const auto manifest = parse_untrusted(std::move(text).str(), manifest_limits());
  if (!manifest) return {manifest.error().code, manifest_file + ": " + manifest.error().message};
  std::printf("\n%s\n", heading.c_str());
  bool all = true;
  for (const json& assertion : manifest->at("assertions")) {
    const auto right = holds(home, assertion);
    if (!right) return right.error();
    all = all && *right;
  }
  return all;
}

Result<std::int64_t> count_rows(const std::string& home, const std::string& table) {
  const auto found =
      found_rows(home, "SELECT CAST(count(*) AS VARCHAR) AS n FROM \"" + table + "\"");
  if (!found) return found.error();
  // One row of one text: ["30"].
  std::int64_t rows = 0;
  const std::string text =
      found->size() == 1 ? found->front().substr(std::min<std::size_t>(2, found->front().size()))
                         : "";
  const auto read = std::from_chars(text.data(), text.data() + text.size(), rows);
  if (read.ec != std::errc{}) return {Errc::malformed, "a query of the lake gave no number"};
  return rows;
}

void show_query(const std::string& home, const std::string& heading, const std::string& query) {
  std::printf("\n%s\n", heading.c_str());
  std::fflush(stdout);
  const auto child = start_process({program("batuta"), "lake", "sql", query, "--files", "--limit",
                                    most_rows_shown, "--home", home});
  if (child) waitpid(*child, nullptr, 0);
}

void show_table(const std::string& home, const std::string& table, int rows) {
  // Limited in the query: that of --limit says how to see more, and here there is no --limit.
  const std::string most = std::to_string(rows);
  show_query(home, table, "SELECT COLUMNS('^[^_]') FROM \"" + table + "\" LIMIT " + most);
  std::printf("(the first %s rows at most, without columns such as _computed_at)\n", most.c_str());
}

}  // namespace batuta
