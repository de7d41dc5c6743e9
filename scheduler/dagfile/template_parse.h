// The grammar of {{ … }}: text -> literals and expressions. No evaluation, no JSON library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result.h"

namespace batuta {

using TemplateLiteral = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

// `params.tickers[0] | join(',')`: a head (a literal, a name, or a call such as ti.xcom_pull(…)),
// then steps into its value, then filters.
struct TemplateExpr {
  struct Argument;
  struct Filter {
    std::string name;
    std::vector<TemplateLiteral> arguments;
  };
  using Step = std::variant<std::string, std::int64_t>;

  bool is_literal = false;
  TemplateLiteral literal;
  std::vector<Step> path;  // names up to a call or the end; path[0] is the root
  bool is_call = false;
  std::vector<Argument> arguments;  // of the call
  std::vector<Step> steps;          // after the call
  std::vector<Filter> filters;
  bool raw() const { return !filters.empty() && filters.back().name == "raw"; }
};

struct TemplateExpr::Argument {
  std::string name;  // empty: by position
  TemplateExpr value;
};

// Either a stretch of plain text or one expression.
using TemplatePiece = std::variant<std::string, TemplateExpr>;

// Errc::invalid with what was expected. An expression has at most 4 KiB and nests at most 8 deep; a
// text has about 10,000 of them.
Result<std::vector<TemplatePiece>> parse_template(std::string_view text);

}  // namespace batuta
