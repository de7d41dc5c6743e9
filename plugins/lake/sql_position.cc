#include "plugins/lake/sql_position.h"

#include <algorithm>
#include <charconv>

namespace batuta::lake {
namespace {

// What the engine leaves out of a long line, at its begin and at its end.
constexpr std::string_view left_out = "...";

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string_view line_of(std::string_view sql, std::size_t number) {
  for (; number > 1; --number) {
    const auto end = sql.find('\n');
    if (end == sql.npos) return {};
    sql.remove_prefix(end + 1);
  }
  return sql.substr(0, sql.find('\n'));
}

// 0: not to be found.
std::size_t column_of(std::string_view line, std::string_view shown, std::size_t mark) {
  std::size_t before = 0;
  if (line.find(shown) == line.npos) {
    if (shown.starts_with(left_out)) {
      shown.remove_prefix(left_out.size());
      before = left_out.size();
    }
    if (line.find(shown) == line.npos && shown.ends_with(left_out))
      shown.remove_suffix(left_out.size());
  }
  const auto at = line.find(shown);
  if (at == line.npos || mark < before) return 0;
  const std::size_t column = characters(line.substr(0, at)) + mark - before + 1;
  return column <= characters(line) + 1 ? column : 0;
}

}  // namespace

std::optional<SqlPosition> sql_position(std::string_view error, std::string_view sql) {
  constexpr std::string_view head = "\nLINE ";
  const auto at = error.rfind(head);
  if (at == error.npos) return std::nullopt;
  const std::string_view excerpt = error.substr(at + 1);
  const std::string_view number = excerpt.substr(head.size() - 1);
  SqlPosition found;
  const auto [end, failed] =
      std::from_chars(number.data(), number.data() + number.size(), found.line);
  const auto text = static_cast<std::size_t>(end - excerpt.data()) + 2;  // behind ": "
  const auto below = excerpt.find('\n');
  if (failed != std::errc{} || found.line == 0 || below == excerpt.npos || text > below)
    return std::nullopt;
  const auto mark = excerpt.substr(below + 1).find('^');
  if (mark != excerpt.npos && mark >= text)
    found.column =
        column_of(line_of(sql, found.line), excerpt.substr(text, below - text), mark - text);
  return found;
}

}  // namespace batuta::lake
