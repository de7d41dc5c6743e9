#include "plugins/lake/column_query.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

#include "common/suggest.h"
#include "plugins/lake/delta_table.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

struct Condition {
  std::string column;
  std::string_view op;
  std::string value;
};

[[noreturn]] void no_condition(const std::string& text) {
  throw plugin::FinalError("where: \"" + text +
                           "\" is no condition: write a column, one of = != < <= > >= like and a "
                           "value, or a column and \"is null\" or \"is not null\"");
}

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

// The column at the start of `text`, bare or as SQL quotes it; `at` is behind it afterwards.
std::string column_at_start(const std::string& text, std::size_t& at) {
  std::string out;
  if (text[at] != '"') {
    const auto end = std::min(text.find_first_of(" \t=!<>", at), text.size());
    out = text.substr(at, end - at);
    at = end;
    return out;
  }
  for (++at; at < text.size(); ++at) {
    if (text[at] != '"') {
      out += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '"') {
      out += text[++at];
    } else {
      ++at;
      return out;
    }
  }
  no_condition(text);
}

Condition parse_condition(const std::string& text) {
  std::size_t at = 0;
  const auto skip = [&text, &at] {
    while (at < text.size() && is_space(text[at])) ++at;
  };
  skip();
  if (at == text.size()) no_condition(text);
  Condition out;
  out.column = column_at_start(text, at);
  if (out.column.empty()) no_condition(text);
  skip();
  const std::string rest = text.substr(at);
  // What is longer goes before what it begins with.
  static constexpr std::array<std::string_view, 10> operators{
      "is not null", "is null", "like ", ">=", "<=", "!=", "<>", "=", "<", ">"};
  for (const std::string_view op : operators) {
    if (rest.size() < op.size() || ::strncasecmp(rest.c_str(), op.data(), op.size()) != 0) continue;
    out.op = op;
    break;
  }
  if (out.op.empty()) no_condition(text);
  out.value = rest.substr(out.op.size());
  if (out.op.starts_with("is ")) {
    if (!std::all_of(out.value.begin(), out.value.end(), is_space)) no_condition(text);
  } else if (out.op != "like " && !out.value.empty() && is_space(out.value[0])) {
    out.value.erase(0, 1);
  }
  return out;
}

const ShownColumn& column_of(const std::vector<ShownColumn>& columns, const std::string& name,
                             const char* where) {
  const auto at = std::find_if(columns.begin(), columns.end(),
                               [&name](const auto& column) { return column.name == name; });
  if (at != columns.end()) return *at;
  std::vector<std::string> names;
  for (const ShownColumn& column : columns) names.push_back(column.name);
  const std::string meant = did_you_mean(name, names);
  throw plugin::FinalError(std::string(where) + ": the table has no column \"" + name + "\"" +
                           (meant.empty() ? one_of(names) : meant));
}

void refuse_masked(const char* where, const ShownColumn& column) {
  if (column.masked)
    throw plugin::FinalError(std::string(where) + ": \"" + column.name +
                             "\" is masked for you: it can be shown, and no more");
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
}

// The engine would round a number to the column's type, and cut an instant to its day: then other
// rows would be found than those that were asked for.
bool is_exact(const std::string& type, const std::string& value) {
  std::string_view digits = value;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
  if (type == "byte" || type == "short" || type == "integer" || type == "long")
    return all_digits(digits);
  if (type == "date") return value.size() <= 10;
  if (!type.starts_with("decimal(")) return true;
  const auto comma = type.find(',');
  const std::size_t scale = comma == type.npos ? 0 : std::stoul(type.substr(comma + 1));
  const auto point = digits.find('.');
  if (point == digits.npos) return all_digits(digits);
  std::string_view fraction = digits.substr(point + 1);
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  const bool is_number = (point == 0 || all_digits(digits.substr(0, point))) &&
                         (fraction.empty() || all_digits(fraction));
  return is_number && fraction.size() <= scale;
}

std::string sql_of(Session& session, const ShownColumn& column, const Condition& condition,
                   std::vector<Param>& params) {
  const std::string name = quoted_name(column.name);
  if (condition.op.starts_with("is ")) return name + " " + std::string(condition.op);
  refuse_masked("where", column);
  if (column.type.starts_with("{"))
    throw plugin::FinalError("where: the column \"" + column.name +
                             "\" is nested: it can be \"is null\" or \"is not null\" only");
  if (condition.op == "like ") {
    if (column.type != "string")
      throw plugin::FinalError("where: like is for texts, and \"" + column.name + "\" is of type " +
                               column.type);
    params.emplace_back(condition.value);
    return name + " LIKE ?";
  }
  const std::string type = sql_type(column.type);
  const Cell fits =
      session.value("SELECT TRY_CAST(? AS " + type + ") IS NOT NULL", {condition.value});
  const bool* is_value = std::get_if<bool>(&fits.value);
  if (is_value == nullptr || !*is_value || !is_exact(column.type, condition.value))
    throw plugin::FinalError("where: \"" + condition.value + "\" is no value of the column \"" +
                             column.name + "\", which is of type " + column.type);
  params.emplace_back(condition.value);
  return name + " " + std::string(condition.op) + " CAST(? AS " + type + ")";
}

}  // namespace

BoundSelect bound_select(Session& session, const std::string& view,
                         const std::vector<ShownColumn>& columns, const ColumnQuery& query) {
  BoundSelect out;
  std::string shown;
  const auto show = [&out, &shown](const std::string& name) {
    out.columns.push_back(name);
    shown += (shown.empty() ? "" : ", ") + quoted_name(name);
  };
  std::set<std::string> seen;
  for (const std::string& name : query.columns) {
    if (!seen.insert(column_of(columns, name, "columns").name).second)
      throw plugin::FinalError("columns: \"" + name + "\" stands there twice");
    show(name);
  }
  if (query.columns.empty())
    for (const ShownColumn& column : columns) show(column.name);
  out.sql = "SELECT " + shown + " FROM " + quoted_name(view);
  if (query.where.size() > max_conditions)
    throw plugin::FinalError("where: at most " + std::to_string(max_conditions) + " conditions");
  const char* joint = " WHERE ";
  for (const std::string& text : query.where) {
    const Condition condition = parse_condition(text);
    const ShownColumn& column = column_of(columns, condition.column, "where");
    out.sql += joint + sql_of(session, column, condition, out.params);
    joint = " AND ";
  }
  std::string order;
  for (const std::string& key : query.order_by) {
    const bool falls = key.starts_with('-');
    const ShownColumn& column = column_of(columns, key.substr(falls ? 1 : 0), "order_by");
    refuse_masked("order_by", column);
    order += quoted_name(column.name) + (falls ? " DESC" : " ASC") + " NULLS LAST, ";
  }
  if (order.empty()) return out;
  for (const std::string& name : out.columns)
    if (!column_of(columns, name, "columns").masked) order += quoted_name(name) + ", ";
  out.sql += " ORDER BY " + order.substr(0, order.size() - 2);
  return out;
}

}  // namespace batuta::lake
