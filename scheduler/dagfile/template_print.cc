#include "scheduler/dagfile/template_print.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;
using Kind = TemplateExpr::Kind;

std::string print_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string print_literal(const TemplateLiteral& literal) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::monostate>)
          return "none";
        else if constexpr (std::is_same_v<T, std::string>)
          return print_text(value);
        else
          return json_text(json(value));
      },
      literal);
}

std::string print_steps(const std::vector<TemplateExpr::Step>& steps, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < steps.size(); ++i) {
    const auto* index = std::get_if<std::int64_t>(&steps[i]);
    out +=
        "[" + (index ? std::to_string(*index) : print_text(std::get<std::string>(steps[i]))) + "]";
  }
  return out;
}

std::string print_arguments(const std::vector<TemplateExpr::Argument>& arguments, bool object) {
  std::string out;
  for (const auto& argument : arguments) {
    if (!out.empty()) out += ", ";
    if (object) out += print_text(argument.name) + ": ";
    if (!object && !argument.name.empty()) out += argument.name + "=";
    out += print_expression(argument.value);
  }
  return out;
}

// Names of a call are written with dots: ti.xcom_pull.
std::string print_path(const std::vector<TemplateExpr::Step>& path) {
  std::string out = std::get<std::string>(path.front());
  for (std::size_t i = 1; i < path.size(); ++i) {
    const auto* name = std::get_if<std::string>(&path[i]);
    out += name ? "." + *name : "[" + std::to_string(std::get<std::int64_t>(path[i])) + "]";
  }
  return out;
}

std::string print_head(const TemplateExpr& expr) {
  switch (expr.kind) {
    case Kind::literal:
      return print_literal(expr.literal);
    case Kind::list:
      return "[" + print_arguments(expr.arguments, false) + "]";
    case Kind::object:
      return "{" + print_arguments(expr.arguments, true) + " }";
    case Kind::group:
      return "(" + print_arguments(expr.arguments, false) + ")" + print_steps(expr.steps, 0);
    case Kind::call:
      return print_path(expr.path) + "(" + print_arguments(expr.arguments, false) + ")" +
             print_steps(expr.steps, 0);
    case Kind::name:
      break;
  }
  return std::get<std::string>(expr.path.front()) + print_steps(expr.path, 1);
}

}  // namespace

std::string print_expression(const TemplateExpr& expr) {
  std::string out = print_head(expr);
  for (const auto& filter : expr.filters) {
    out += " | " + filter.name;
    if (!filter.arguments.empty()) out += "(" + print_arguments(filter.arguments, false) + ")";
  }
  return out;
}

TemplateExpr expression_of(const json& value) {
  TemplateExpr out;
  if (value.is_structured()) {
    out.kind = value.is_array() ? Kind::list : Kind::object;
    for (const auto& [name, member] : value.items()) {
      out.arguments.push_back({value.is_array() ? "" : name, expression_of(member)});
    }
    return out;
  }
  out.kind = Kind::literal;
  if (value.is_string()) out.literal = value.get<std::string>();
  if (value.is_boolean()) out.literal = value.get<bool>();
  if (value.is_number()) out.literal = value.get<double>();
  if (const auto whole = json_int(value)) out.literal = *whole;
  return out;
}

}  // namespace batuta
