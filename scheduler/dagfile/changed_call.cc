#include "scheduler/dagfile/changed_call.h"

#include <vector>

namespace batuta {
namespace {

constexpr std::string_view call_name = "changed_partitions";

std::string_view without_blanks(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r\n");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") + 1 - from);
}

Error written_otherwise(std::string_view text) {
  return {Errc::invalid,
          "{{ " + std::string(text.substr(0, 120)) +
              " }}: write {{ changed_partitions('silver/brokerage/orders') }}, or with the column "
              "that the table is partitioned by: {{ changed_partitions('silver/brokerage/orders', "
              "'day') }}",
          {}};
}

// 'a', "b" as texts; nullopt for anything else.
std::optional<std::vector<std::string>> quoted_arguments(std::string_view list) {
  std::vector<std::string> out;
  for (;;) {
    list = without_blanks(list);
    if (list.size() < 2 || (list.front() != '\'' && list.front() != '"')) return std::nullopt;
    const auto end = list.find(list.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view argument = list.substr(1, end - 1);
    if (argument.empty() || argument.find('\\') != std::string_view::npos) return std::nullopt;
    out.emplace_back(argument);
    list = without_blanks(list.substr(end + 1));
    if (list.empty()) return out;
    if (list.front() != ',') return std::nullopt;
    list.remove_prefix(1);
  }
}

}  // namespace

bool is_table_name(std::string_view name) {
  std::size_t parts = 1, length = 0;
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || (c == '-' && length > 0);
    if (c == '/' && length > 0) {
      ++parts;
      length = 0;
    } else if (word && !(length == 0 && c == '_')) {
      ++length;
    } else {
      return false;
    }
  }
  return parts == 3 && length > 0;
}

std::optional<Result<ChangedCall>> changed_call(std::string_view text) {
  text = without_blanks(text);
  const auto open = text.find('(');
  const std::string_view called = without_blanks(text.substr(0, open));
  if (!called.starts_with("changed_")) return std::nullopt;
  if (called != call_name || open == std::string_view::npos || text.back() != ')')
    return written_otherwise(text);
  const auto arguments = quoted_arguments(text.substr(open + 1, text.size() - open - 2));
  if (!arguments || arguments->size() > 2) return written_otherwise(text);
  if (!is_table_name(arguments->front()))
    return Error{Errc::invalid,
                 "changed_partitions: \"" + arguments->front().substr(0, 120) +
                     "\" is no table: one is <layer>/<domain>/<table>",
                 {}};
  return ChangedCall{arguments->front(), arguments->size() == 2 ? arguments->back() : ""};
}

}  // namespace batuta
