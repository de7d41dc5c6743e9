#include "plugins/lake/query_plan.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t max_plan_bytes = 4u << 20;
// Each step of a plan is two levels of its JSON.
constexpr JsonLimits plan_limits{max_plan_bytes, 4000, 500'000, max_plan_bytes};

// What may be told of a step, unless something is hidden. Others tell of the machine: the paths of
// files, and of keys that one side of a join handed to the other while it ran, paths among them.
bool may_be_told(std::string_view name) {
  for (const std::string_view known :
       {"Function",    "Filters",     "Projections", "Join Type",  "Conditions",
        "Order By",    "Groups",      "Aggregates",  "Expression", "Expressions",
        "Type",        "Top",         "Limit",       "Offset",     "CTE Name",
        "Table Index", "Delim Index", "Condition",   "Text",       "Distinct Targets"})
    if (name == known) return true;
  return false;
}

std::string without_spaces(std::string text) {
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

json number_or_null(const json& node, const char* name) {
  const auto at = node.find(name);
  return at != node.end() && at->is_number() ? *at : json();
}

json estimate_of(const json& told) {
  const auto at = told.find("Estimated Cardinality");
  if (at == told.end() || !at->is_string()) return {};
  const auto& text = at->get_ref<const std::string&>();
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size() ? json(value) : json();
}

class PlanReader {
 public:
  explicit PlanReader(const PlanQuestion& question) : question_(question) {}

  json top(const json& told) const { return steps(told.is_object() ? children_of(told) : told); }

 private:
  json steps(const json& nodes) const {
    json out = json::array();
    if (!nodes.is_array()) return out;
    for (const json& node : nodes) {
      if (!node.is_object()) continue;
      if (is_explain(node)) {  // the step that only tells of the others
        for (json& step : steps(children_of(node))) out.push_back(std::move(step));
      } else {
        out.push_back(step(node));
      }
    }
    return out;
  }

  static std::string name_of(const json& node) {
    const auto at = node.contains("operator_name") ? node.find("operator_name") : node.find("name");
    return at != node.end() && at->is_string() ? without_spaces(at->get<std::string>())
                                               : std::string("?");
  }
  static bool is_explain(const json& node) { return name_of(node) == "EXPLAIN_ANALYZE"; }

  // As they are: a copy at every level would be a copy of all that is below, again and again.
  static const json& children_of(const json& node) {
    static const json none = json::array();
    const auto at = node.find("children");
    return at == node.end() ? none : *at;
  }

  json step(const json& node) const {
    json out{{"operator", name_of(node)},
             {"details", json::object()},
             {"estimated_rows", nullptr},
             {"rows", question_.analyze ? number_or_null(node, "operator_cardinality") : json()},
             {"seconds", question_.analyze ? number_or_null(node, "operator_timing") : json()}};
    out["children"] = steps(children_of(node));
    const auto told = node.find("extra_info");
    if (question_.hides || told == node.end() || !told->is_object()) return out;
    out["estimated_rows"] = estimate_of(*told);
    for (const auto& [name, value] : told->items())
      if (may_be_told(name)) out["details"][name] = here(value);
    return out;
  }

  // Without the place of the lake on this machine.
  json here(json value) const {
    if (value.is_array())
      for (json& one : value) one = here(std::move(one));
    if (!value.is_string()) return value;
    std::string text = value.get<std::string>();
    const std::string place = question_.lake + "/";
    for (auto at = text.find(place); at != text.npos; at = text.find(place, at))
      text.erase(at, place.size());
    return text;
  }

  const PlanQuestion& question_;
};

std::string told_detail(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string out;
  if (value.is_array())
    for (const json& one : value)
      out += (out.empty() ? "" : ", ") + (one.is_string() ? one.get<std::string>() : one.dump());
  return out;
}

void write_steps(const json& steps, std::size_t depth, std::string& out) {
  for (const json& step : steps) {
    out.append(depth * 2, ' ').append(step["operator"].get_ref<const std::string&>());
    if (step["rows"].is_number()) out += "  rows " + step["rows"].dump();
    if (step["estimated_rows"].is_number()) out += "  about " + step["estimated_rows"].dump();
    if (step["seconds"].is_number()) {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "  %.3f ms", step["seconds"].get<double>() * 1000);
      out += text.data();
    }
    out += '\n';
    for (const auto& [name, value] : step["details"].items())
      out.append(depth * 2 + 4, ' ').append(name + ": " + told_detail(value) + "\n");
    write_steps(step["children"], depth + 1, out);
  }
}

}  // namespace

json query_plan(Session& session, const std::string& sql, const PlanQuestion& asked) {
  PlanQuestion question = asked;
  std::string text = session.explain(sql, question.analyze);
  if (question.analyze && text.find("\"children\"") == text.npos) {
    // It ran, and the engine has measured nothing of what reads no table.
    question.analyze = false;
    text = session.explain(sql, false);
  }
  if (text.size() > max_plan_bytes) throw SqlError("the plan is too large to be shown");
  const auto told = parse_untrusted(text, plan_limits);
  if (!told) throw SqlError("the plan is too large or too deeply nested to be shown");
  // Of a run it is one step, of which the others are parts.
  json out = json::object();
  out["plan"] = PlanReader(question).top(*told);
  std::string lines;
  write_steps(out["plan"], 0, lines);
  out["text"] = std::move(lines);
  out["analyzed"] = question.analyze;
  return out;
}

}  // namespace batuta::lake
