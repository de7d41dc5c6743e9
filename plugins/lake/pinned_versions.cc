#include "plugins/lake/pinned_versions.h"

#include <algorithm>
#include <cctype>
#include <charconv>

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

// Behind the quote that ends what begins at `at`; a doubled quote is part of it.
std::size_t quoted_end(std::string_view sql, std::size_t at) {
  const char quote = sql[at];
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] != quote) continue;
    if (i + 1 == sql.size() || sql[i + 1] != quote) return i + 1;
    ++i;
  }
  return sql.size();
}

std::size_t past(std::string_view sql, std::size_t from, std::string_view what) {
  const auto found = sql.find(what, from);
  return found == std::string_view::npos ? sql.size() : found + what.size();
}

// Behind the block comment at `at`; the engine's nest.
std::size_t comment_end(std::string_view sql, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i + 1 < sql.size(); ++i) {
    if (sql.substr(i, 2) == "/*") {
      ++depth;
      ++i;
    } else if (sql.substr(i, 2) == "*/") {
      if (--depth == 0) return i + 2;
      ++i;
    }
  }
  return sql.size();
}

// Behind the $tag$ text $tag$ at `at`; `at` itself where there is none.
std::size_t dollar_end(std::string_view sql, std::size_t at) {
  std::size_t end = at + 1;
  while (end < sql.size() && may_be_in_name(sql[end]) && sql[end] != '$') ++end;
  if (end >= sql.size() || sql[end] != '$') return at;
  return past(sql, end + 1, sql.substr(at, end + 1 - at));
}

// Behind the token at `at` that is no name.
std::size_t token_end(std::string_view sql, std::size_t at) {
  if (sql[at] == '\'') return quoted_end(sql, at);
  if (sql.substr(at, 2) == "--") return past(sql, at, "\n");
  if (sql.substr(at, 2) == "/*") return comment_end(sql, at);
  if (sql[at] == '$') return std::max(dollar_end(sql, at), at + 1);
  return at + 1;
}

}  // namespace

std::string quote_pinned_names(std::string_view sql) {
  std::string out;
  for (std::size_t at = 0; at < sql.size();) {
    const bool quoted = sql[at] == '"';
    std::size_t end = at;
    if (quoted) {
      end = quoted_end(sql, at);
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
