#include "scheduler/dagfile/template_filters.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/filter_table.h"
#include "scheduler/dagfile/filter_tests.h"
#include "scheduler/dagfile/template_times.h"

namespace batuta {
namespace filters {
namespace {

using nlohmann::json;

const std::vector<Row>& all_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> out;
    for (const auto part : {text_rows(), number_rows(), list_rows(), time_rows()}) {
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }();
  return rows;
}

Result<const Row*> find_row(const std::string& name) {
  for (const Row& row : all_rows()) {
    if (name == row.name) return &row;
  }
  std::vector<std::string> names;
  for (const Row& row : all_rows()) names.emplace_back(row.name);
  return {Errc::invalid,
          "unknown filter \"" + name.substr(0, 80) + "\"" + did_you_mean(name, names)};
}

std::string shape_of(const Row& row) {
  std::string out;
  for (const Param& param : row.params) {
    if (!param.name) break;
    out += (out.empty() ? "" : ", ") + std::string(param.name) + (param.required ? "" : "=…");
  }
  if (row.rest) out += out.empty() ? "…" : ", …";
  return std::string(row.name) + "(" + out + ")";
}

// Each argument's place among the params; -1: among the rest.
Result<std::vector<int>> places_of(const Row& row, const std::vector<std::string>& names) {
  const auto refuse = [&](const std::string& why) {
    return Result<std::vector<int>>(Errc::invalid, why + ": write " + shape_of(row));
  };
  std::vector<int> places;
  std::array<bool, 4> taken{};
  std::size_t next = 0;
  for (const std::string& name : names) {
    int place = -1;
    if (name.empty()) {
      const auto open = [&] { return next < row.params.size() && row.params[next].name; };
      while (open() && row.params[next].by_name) ++next;
      if (open()) {
        place = static_cast<int>(next++);
      } else if (!row.rest) {
        return refuse("filter " + std::string(row.name) + " takes fewer arguments");
      }
    } else {
      for (std::size_t i = 0; i < row.params.size() && row.params[i].name; ++i) {
        if (name == row.params[i].name) place = static_cast<int>(i);
      }
      if (place < 0) {
        return refuse("filter " + std::string(row.name) + " has no argument \"" +
                      name.substr(0, 80) + "\"");
      }
    }
    if (place >= 0 && std::exchange(taken[static_cast<std::size_t>(place)], true)) {
      return refuse("an argument of filter " + std::string(row.name) + " is given twice");
    }
    places.push_back(place);
  }
  for (std::size_t i = 0; i < row.params.size() && row.params[i].name; ++i) {
    if (!row.params[i].required || taken[i]) continue;
    return refuse("filter " + std::string(row.name) + " needs \"" + row.params[i].name + "\"");
  }
  return places;
}

Status check_value(const Row& row, const Param& param, const json& value) {
  const auto refuse = [&](const std::string& wanted) {
    const bool only = !row.params[1].name;
    return Status(Errc::invalid, "filter " + std::string(row.name) + " takes " + wanted +
                                     (only ? "" : " as \"" + std::string(param.name) + "\""));
  };
  if (value.is_null() && !param.required) return success();  // as if it were not given
  switch (param.kind) {
    case Kind::any:
      return success();
    case Kind::text:
      return value.is_string() ? success() : refuse("a text in quotes");
    case Kind::whole:
      return json_int(value) ? success() : refuse("a whole number");
    case Kind::truth:
      return value.is_boolean() ? success() : refuse("true or false");
    case Kind::attribute:
      return value.is_string() || json_int(value) ? success()
                                                  : refuse("the name of a member in quotes");
    case Kind::zone: {
      if (!value.is_string()) return refuse("a zone such as 'America/Sao_Paulo'");
      const auto zoned = in_zone(Time{}, value.get_ref<const std::string&>());
      return zoned ? success() : Status(zoned.error());
    }
    case Kind::form: {
      if (!value.is_string()) return refuse("a text in quotes such as '%Y-%m-%d'");
      const auto text = format_time(ZonedTime{}, value.get_ref<const std::string&>());
      return text ? success() : Status(text.error());
    }
  }
  return success();
}

// What `map`, `select` and their like are told to do.
Status check_rest(const Row& row, bool mapped, const std::vector<json>& rest,
                  const std::vector<bool>& known) {
  const std::string_view name = row.name;
  if (rest.empty()) {
    if (name != "map" || mapped) return success();
    return {Errc::invalid, "filter map needs attribute='…', or the name of a filter"};
  }
  if (name == "map" && mapped) {
    return {Errc::invalid, "filter map takes attribute='…' or the name of a filter, not both"};
  }
  if (!known.front()) return success();  // told when it is rendered
  const auto* inner = rest.front().get_ptr<const std::string*>();
  if (!inner) return {Errc::invalid, "filter " + std::string(name) + " takes a name in quotes"};
  if (name != "map") return check_test(*inner, rest.size() - 1);
  TemplateExpr::Filter filter{*inner, {}};
  for (std::size_t i = 1; i < rest.size(); ++i) {
    TemplateExpr argument;  // what is not known yet, is left to the rendering
    if (known[i] && !rest[i].is_structured()) {
      argument.kind = TemplateExpr::Kind::literal;
      const json& value = rest[i];
      if (value.is_string()) argument.literal = value.get<std::string>();
      if (value.is_boolean()) argument.literal = value.get<bool>();
      if (value.is_number_integer()) argument.literal = json_int(value).value_or(0);
      if (value.is_number_float()) argument.literal = value.get<double>();
    }
    filter.arguments.push_back({"", std::move(argument)});
  }
  return check_filter(filter);
}

}  // namespace

const std::string* Given::text(std::size_t i) const {
  return at[i] ? at[i]->get_ptr<const std::string*>() : nullptr;
}
bool Given::truth(std::size_t i) const {
  return at[i] && at[i]->is_boolean() && at[i]->get<bool>();
}
std::int64_t Given::whole(std::size_t i, std::int64_t otherwise) const {
  return at[i] ? json_int(*at[i]).value_or(otherwise) : otherwise;
}

Result<json> not_fit(std::string_view filter, std::string_view wanted) {
  return {Errc::invalid, "| " + std::string(filter) + " needs " + std::string(wanted)};
}

Result<json> apply_named(const json& name, json value, const std::vector<json>& arguments,
                         FilterScope& scope) {
  const auto* text = name.get_ptr<const std::string*>();
  if (!text) return not_fit("map", "the name of a filter");
  FilterArguments given{std::vector<std::string>(arguments.size()), arguments};
  return apply_filter(*text, std::move(value), std::move(given), scope);
}

Status charge(FilterScope& scope, std::size_t bytes) {
  if (bytes > scope.budget) {
    return {Errc::invalid, "the filters of one task would make more than 64 MiB of text"};
  }
  scope.budget -= bytes;
  return success();
}

}  // namespace filters

using nlohmann::json;

Result<json> apply_filter(const std::string& name, json value, FilterArguments arguments,
                          FilterScope& scope) {
  const auto row = filters::find_row(name);
  if (!row) return row.error();
  const auto places = filters::places_of(**row, arguments.names);
  if (!places) return places.error();
  filters::Given given;
  for (std::size_t i = 0; i < arguments.values.size(); ++i) {
    const int place = (*places)[i];
    if (place < 0) {
      given.rest.push_back(std::move(arguments.values[i]));
      continue;
    }
    const auto at = static_cast<std::size_t>(place);
    if (auto fits = filters::check_value(**row, (*row)->params[at], arguments.values[i]); !fits) {
      return fits.error();
    }
    const bool absent =
        arguments.values[i].is_null() && (*row)->params[at].kind != filters::Kind::any;
    if (!absent) given.at[at] = &arguments.values[i];
  }
  const bool mapped = given.at[0] != nullptr;
  const std::vector<bool> known(given.rest.size(), true);
  if (auto fits = filters::check_rest(**row, mapped, given.rest, known); !fits) return fits.error();
  return (*row)->apply(std::move(value), given, scope);
}

Status check_filter(const TemplateExpr::Filter& filter) {
  const auto row = filters::find_row(filter.name);
  if (!row) return row.error();
  std::vector<std::string> names;
  for (const auto& argument : filter.arguments) names.push_back(argument.name);
  const auto places = filters::places_of(**row, names);
  if (!places) return places.error();
  std::vector<json> rest;
  std::vector<bool> known;
  bool mapped = false;
  for (std::size_t i = 0; i < filter.arguments.size(); ++i) {
    const TemplateExpr& expr = filter.arguments[i].value;
    const bool literal = expr.kind == TemplateExpr::Kind::literal && expr.filters.empty();
    const json value = literal ? literal_value(expr.literal) : json(nullptr);
    const int place = (*places)[i];
    if (place < 0) {
      rest.push_back(value);
      known.push_back(literal);
      continue;
    }
    mapped = mapped || place == 0;
    const auto& param = (*row)->params[static_cast<std::size_t>(place)];
    if (!literal) continue;
    if (auto fits = filters::check_value(**row, param, value); !fits) return fits;
  }
  return filters::check_rest(**row, mapped, rest, known);
}

json literal_value(const TemplateLiteral& literal) {
  return std::visit(
      [](const auto& value) -> json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return nullptr;
        } else {
          return value;
        }
      },
      literal);
}

std::string value_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

}  // namespace batuta
