#include "plugins/lake/sql_error.h"

#include <algorithm>

namespace batuta::lake {
namespace {

constexpr std::string_view digits = "0123456789";

// "Expected Number of Columns: 2 Found: 3": numbers and nothing else, or nothing.
std::string column_count(std::string_view told) {
  constexpr std::string_view expected = "Expected Number of Columns: ", found = " Found: ";
  const auto at = told.rfind(expected);
  if (at == std::string_view::npos) return {};
  const auto first = std::min(told.find_first_not_of(digits, at + expected.size()), told.size());
  if (!told.substr(first).starts_with(found)) return {};
  const auto last = std::min(told.find_first_not_of(digits, first + found.size()), told.size());
  return ". " + std::string(told.substr(at, last - at));
}

std::string column_named(std::string_view told) {
  constexpr std::string_view before = "\nError when converting column \"";
  const auto at = told.rfind(before);
  if (at == std::string_view::npos) return {};
  const std::string_view name = told.substr(at + before.size());
  return ", column " + std::string(name.substr(0, name.find_first_of("\"\n")));
}

// Of a CSV file's line: what follows is the line itself, which may hold anything.
std::string of_line(std::string_view error, std::size_t line) {
  const std::string_view told = error.substr(line);
  const bool encoding = told.find("\nInvalid unicode") != std::string_view::npos;
  return std::string(error.substr(0, line)) + column_named(told) + column_count(told) +
         (encoding ? ". It is not UTF-8" : "");
}

}  // namespace

bool is_shortage(const SqlError& error) {
  const std::string_view text = error.what();
  return text.starts_with("Out of Memory") ||
         text.find("No space left on device") != std::string_view::npos ||
         text.find("Disk quota exceeded") != std::string_view::npos;
}

std::string without_values(std::string_view error) {
  const auto line = error.find("\nOriginal Line");
  if (line != std::string_view::npos) return of_line(error, line);
  static constexpr std::string_view of_values[] = {"Conversion Error", "Invalid Input Error",
                                                   "Out of Range Error", "Constraint Error"};
  const bool tells = std::any_of(std::begin(of_values), std::end(of_values),
                                 [&](std::string_view kind) { return error.starts_with(kind); });
  if (!tells) return std::string(error);
  std::string text(error.substr(0, error.rfind("\n\nLINE ")));
  // A value may hold quotes and ends of lines itself: up to the last one, not to the next.
  constexpr std::string_view number = " with value ", outside = " can't be cast";
  const auto from = text.find(number), to = text.rfind(outside);
  if (from != std::string::npos && to != std::string::npos && from < to) {
    text.replace(from + number.size(), to - from - number.size(), "***");
  } else if (const auto quote = text.find_first_of("'\""); quote != std::string::npos) {
    const auto end = text.rfind(text[quote]);
    if (quote < end) text.replace(quote, end - quote + 1, "***");
  }
  if (const auto sum = text.find(" ("); error.starts_with("Out of Range") && sum < text.size())
    text.resize(sum);
  return text.substr(0, text.find('\n'));
}

}  // namespace batuta::lake
