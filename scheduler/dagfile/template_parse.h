// The grammar of {{ … }} and {% raw %}: text -> literals and expressions. No evaluation, no JSON
// library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result.h"

namespace batuta {

using TemplateLiteral = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

// `params.tickers[0] | join(',')`: a head, then steps into its value, then filters.
struct TemplateExpr {
  struct Argument;
  struct Filter {
    std::string name;
    std::vector<Argument> arguments;
  };
  using Step = std::variant<std::string, std::int64_t>;
  enum class Kind : std::uint8_t {
    name,     // params.x: `path`
    literal,  // 'x', 7, true, none
    call,     // ti.xcom_pull('load').x: `path`, `arguments`, `steps`
    group,    // (ds | replace('-', '/')): the first argument, then `steps`
    list,     // [ds, 7]: `arguments`
    object,   // {'day': ds}: `arguments`, each with its name
  };

  Kind kind = Kind::name;
  TemplateLiteral literal;
  std::vector<Step> path;  // names up to a call or the end; path[0] is the root
  std::vector<Argument> arguments;
  std::vector<Step> steps;
  std::vector<Filter> filters;
  bool raw() const { return !filters.empty() && filters.back().name == "raw"; }
};

struct TemplateExpr::Argument {
  std::string name;  // empty: by position
  TemplateExpr value;
};

// Calls visit(expression) for `expr` and for every one inside it.
template <class Visit>
void each_expression(const TemplateExpr& expr, Visit&& visit) {
  visit(expr);
  for (const auto& argument : expr.arguments) each_expression(argument.value, visit);
  for (const auto& filter : expr.filters) {
    for (const auto& argument : filter.arguments) each_expression(argument.value, visit);
  }
}

// Either a stretch of plain text or one expression.
using TemplatePiece = std::variant<std::string, TemplateExpr>;

// Errc::invalid with what was expected. What stands between {% raw %} and {% endraw %} is plain
// text. An expression has at most 4 KiB and nests at most 8 deep; a text has about 10,000 of them.
Result<std::vector<TemplatePiece>> parse_template(std::string_view text);

// How to have braces that are another program's; for messages.
inline constexpr std::string_view braces_remedy =
    "; braces that are meant for another program stand between {% raw %} and {% endraw %}";

}  // namespace batuta
