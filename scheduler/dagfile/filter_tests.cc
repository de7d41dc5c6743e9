#include "scheduler/dagfile/filter_tests.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/fields.h"
#include "scheduler/dagfile/filter_table.h"

namespace batuta::filters {
namespace {

using nlohmann::json;

struct Test {
  const char* name;
  std::size_t arguments;
  // nullopt: the test does not fit the value.
  std::optional<bool> (*passes)(const json& value, const json& argument);
};

std::optional<bool> is_in(const json& value, const json& container) {
  if (container.is_array()) {
    return std::any_of(container.begin(), container.end(),
                       [&](const json& item) { return same(item, value); });
  }
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (container.is_object()) return container.contains(text);
  if (!container.is_string()) return std::nullopt;
  return container.get_ref<const std::string&>().find(text) != std::string::npos;
}

template <class Compare>
std::optional<bool> compared(const json& a, const json& b, Compare compare) {
  const auto found = order(a, b);
  if (!found) return std::nullopt;
  return compare(*found);
}

std::optional<bool> remainder_of(const json& value, std::int64_t divisor, std::int64_t wanted) {
  if (divisor == 0 || !value.is_number()) return std::nullopt;
  const auto whole = json_int(value);
  if (!whole)
    return std::fmod(value.get<double>(), static_cast<double>(divisor)) ==
           static_cast<double>(wanted);
  return (*whole % divisor + divisor) % divisor == wanted;
}

using J = const json&;
using B = std::optional<bool>;
B equal(J v, J a) {
  return same(v, a);
}
B unequal(J v, J a) {
  return !same(v, a);
}
B less(J v, J a) {
  return compared(v, a, [](auto o) { return o < 0; });
}
B at_most(J v, J a) {
  return compared(v, a, [](auto o) { return o <= 0; });
}
B greater(J v, J a) {
  return compared(v, a, [](auto o) { return o > 0; });
}
B at_least(J v, J a) {
  return compared(v, a, [](auto o) { return o >= 0; });
}
B divisible(J v, J a) {
  const auto by = json_int(a);
  return by ? remainder_of(v, *by, 0) : std::nullopt;
}
B is_lower(J v, J) {
  if (!v.is_string()) return std::nullopt;
  const auto& text = v.get_ref<const std::string&>();
  return lower(text) == text && upper(text) != text;
}
B is_upper(J v, J) {
  if (!v.is_string()) return std::nullopt;
  const auto& text = v.get_ref<const std::string&>();
  return upper(text) == text && lower(text) != text;
}

constexpr Test tests[] = {
    {"defined", 0, [](J, J) { return B(true); }},
    {"undefined", 0, [](J, J) { return B(false); }},
    {"none", 0, [](J v, J) { return B(v.is_null()); }},
    {"true", 0, [](J v, J) { return B(v.is_boolean() && v.get<bool>()); }},
    {"false", 0, [](J v, J) { return B(v.is_boolean() && !v.get<bool>()); }},
    {"boolean", 0, [](J v, J) { return B(v.is_boolean()); }},
    {"string", 0, [](J v, J) { return B(v.is_string()); }},
    {"number", 0, [](J v, J) { return B(v.is_number() || v.is_boolean()); }},
    {"integer", 0, [](J v, J) { return B(v.is_number_integer()); }},
    {"float", 0, [](J v, J) { return B(v.is_number_float()); }},
    {"mapping", 0, [](J v, J) { return B(v.is_object()); }},
    {"sequence", 0, [](J v, J) { return B(v.is_structured() || v.is_string()); }},
    {"odd", 0, [](J v, J) { return remainder_of(v, 2, 1); }},
    {"even", 0, [](J v, J) { return remainder_of(v, 2, 0); }},
    {"lower", 0, is_lower},
    {"upper", 0, is_upper},
    {"divisibleby", 1, divisible},
    {"in", 1, is_in},
    {"eq", 1, equal},
    {"equalto", 1, equal},
    {"==", 1, equal},
    {"ne", 1, unequal},
    {"!=", 1, unequal},
    {"lt", 1, less},
    {"lessthan", 1, less},
    {"<", 1, less},
    {"le", 1, at_most},
    {"<=", 1, at_most},
    {"gt", 1, greater},
    {"greaterthan", 1, greater},
    {">", 1, greater},
    {"ge", 1, at_least},
    {">=", 1, at_least},
};

const Test* find_test(const std::string& name) {
  const auto* test = std::find_if(std::begin(tests), std::end(tests),
                                  [&](const Test& t) { return name == t.name; });
  return test == std::end(tests) ? nullptr : test;
}

}  // namespace

Status check_test(const std::string& name, std::size_t arguments) {
  const Test* test = find_test(name);
  if (!test) {
    std::vector<std::string> names;
    for (const Test& known : tests) names.emplace_back(known.name);
    return {Errc::invalid,
            "unknown test \"" + name.substr(0, 80) + "\"" + did_you_mean(name, names)};
  }
  if (arguments == test->arguments) return success();
  return {Errc::invalid, "test '" + name + "' takes " +
                             (test->arguments ? "one value to compare with" : "no argument")};
}

Result<bool> passes_test(const json* value, const std::vector<json>& test) {
  const Error undefined{Errc::not_found, "the value is undefined", ""};
  if (test.empty()) return value ? Result<bool>(truthy(*value)) : undefined;
  const auto* name = test.front().get_ptr<const std::string*>();
  if (!name) return {Errc::invalid, "the name of a test must be a text, such as 'defined'"};
  if (auto status = check_test(*name, test.size() - 1); !status) return status.error();
  if (*name == "defined") return value != nullptr;
  if (*name == "undefined") return value == nullptr;
  if (!value) return undefined;
  const auto passes = find_test(*name)->passes(*value, test.size() > 1 ? test[1] : json(nullptr));
  if (!passes) {
    // Its kind only: who reads the reason of a task may not be who reads its values.
    return {Errc::invalid, "test '" + *name + "' does not fit " + std::string(json_kind(*value))};
  }
  return *passes;
}

}  // namespace batuta::filters
