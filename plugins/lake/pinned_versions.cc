#include "plugins/lake/pinned_versions.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/sql_text.h"
#include "lakelog/branch.h"

namespace batuta::lake {
namespace {

bool may_begin_name(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}
bool may_be_in_name(char c) {
  return may_begin_name(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '$';
}

// How long "@v12" at the text's begin is; 0 when it is none.
std::size_t pin_length(std::string_view text) {
  if (!text.starts_with("@v") && !text.starts_with("@V")) return 0;
  std::size_t end = 2;
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
  const bool ends = end == text.size() || !may_be_in_name(text[end]);
  return end > 2 && ends ? end : 0;
}

// Behind the token at `at` that is no name; what does not end goes to the text's end.
std::size_t token_end(std::string_view sql, std::size_t at) {
  std::size_t end = at + 1;
  if (sql[at] == '\'') end = sql_quoted_end(sql, at);
  if (sql.substr(at, 2) == "--" || sql.substr(at, 2) == "/*") end = sql_comment_end(sql, at);
  if (sql[at] == '$') end = std::max(sql_dollars_end(sql, at), at + 1);
  return std::min(end, sql.size());
}

}  // namespace

std::string quote_pinned_names(std::string_view sql) {
  std::string out;
  for (std::size_t at = 0; at < sql.size();) {
    const bool quoted = sql[at] == '"';
    std::size_t end = at;
    if (quoted) {
      end = std::min(sql_quoted_end(sql, at), sql.size());
    } else if (may_begin_name(sql[at])) {
      while (end < sql.size() && may_be_in_name(sql[end])) ++end;
    } else {
      end = token_end(sql, at);
      out += sql.substr(at, end - at);
      at = end;
      continue;
    }
    const std::string_view name = sql.substr(at, end - at);
    const std::size_t pin = pin_length(sql.substr(end));
    if (pin == 0) {
      out += name;
    } else {
      out += '"';
      out += quoted ? name.substr(1, name.size() - 2) : name;
      out += sql.substr(end, pin);
      out += '"';
    }
    at = end + pin;
  }
  return out;
}

PinnedName split_pinned_name(const std::string& name) {
  const auto at = name.find_last_of('@');
  constexpr std::string_view of_branch = "@branch:";
  if (at != std::string::npos && name.compare(at, of_branch.size(), of_branch) == 0) {
    PinnedName out{name.substr(0, at)};
    out.branch = name.substr(at + of_branch.size());
    return lakelog::valid_branch_name(out.branch) ? out : PinnedName{name};
  }
  if (at == std::string::npos || pin_length(std::string_view(name).substr(at)) != name.size() - at)
    return {name};
  PinnedName out{name.substr(0, at)};
  const char* end = name.data() + name.size();
  const auto [stop, ec] = std::from_chars(name.data() + at + 2, end, out.version);
  if (ec != std::errc{} || stop != end) return {name};  // more digits than a version has
  return out;
}

}  // namespace batuta::lake
