// SQL as people write it, cut into statements, with named parameters in the place of values. Only
// what literals, quoted names and comments are is understood here; the rest is the database's.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace batuta {

// Where what begins at `at` ends, behind its last character; npos where it does not end. A quoted
// text or name, of which a doubled quote is part, and with `escapes` what a backslash is before; a
// -- comment, up to its line's end, or a /* */ one, which nests.
std::size_t sql_quoted_end(std::string_view text, std::size_t at, bool escapes = false);
std::size_t sql_comment_end(std::string_view text, std::size_t at);
// $$…$$ or $tag$…$tag$, as PostgreSQL and DuckDB have it; 0 where none begins.
std::size_t sql_dollars_end(std::string_view text, std::size_t at);

struct SqlStatement {
  std::string text;                // every :name replaced
  std::vector<std::string> names;  // the parameters in it, each once, by first use: 1, 2, …
  std::string first_word;          // in lower case: "select", "insert", …
};

// The statements between semicolons, empty ones left out. `marker(n)` is what the n-th parameter of
// a statement, from 1, is written as; empty: names stay as they are. Errc::invalid for a literal or
// comment that does not end.
using SqlMarker = std::function<std::string(std::size_t n, const std::string& name)>;
Result<std::vector<SqlStatement>> sql_statements(std::string_view text, const SqlMarker& marker);

// Every {{ … }} of the text as a parameter of its own, so that a value never becomes SQL: the text
// with :template_1, :template_2, … in their places. Errc::invalid for a template within a literal
// or a quoted name, where no parameter can stand, and for {% … %}.
struct SqlTemplates {
  std::string text;
  std::vector<std::pair<std::string, std::string>> parameters;  // name, "{{ … }}"
};
Result<SqlTemplates> sql_templates(std::string_view text);

}  // namespace batuta
