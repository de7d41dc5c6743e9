// Filters over lists, and the tests that `| select` and its like apply.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/dagfile/filter_table.h"
#include "scheduler/dagfile/filter_tests.h"

namespace batuta::filters {
namespace {

using nlohmann::json;

Error nothing(const char* filter) {
  return {Errc::not_found, std::string("| ") + filter + " of nothing is undefined", ""};
}

// What Python goes through: a list's items, an object's names, a text's letters.
std::optional<std::vector<json>> items_of(const json& value) {
  std::vector<json> out;
  if (value.is_array()) {
    out.assign(value.begin(), value.end());
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.items()) out.emplace_back(name);
  } else if (value.is_string()) {
    for (const auto one : characters(value.get_ref<const std::string&>())) out.emplace_back(one);
  } else {
    return std::nullopt;
  }
  return out;
}

// What an item is compared by: itself or a member, texts in small letters unless told otherwise.
Result<json> key_of(const json& item, const json* attribute, bool case_sensitive) {
  const json* value = attribute ? member(item, path_text(*attribute)) : &item;
  if (!value) {
    return {Errc::not_found,
            "an item without \"" + path_text(*attribute) + "\": it is undefined there"};
  }
  if (!case_sensitive && value->is_string())
    return json(lower(value->get_ref<const std::string&>()));
  return *value;
}

Result<json> join_filter(json value, const Given& given, FilterScope& scope) {
  const auto items = items_of(value);
  if (!items) return not_fit("join", "a list");
  const std::string between = given.text(0) ? *given.text(0) : std::string();
  std::string out;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const auto item = key_of((*items)[i], given.at[1], true);
    if (!item) return item.error();
    const std::string text = value_text(*item);
    if (auto status = charge(scope, text.size() + between.size()); !status) return status.error();
    if (i) out += between;
    out += text;
  }
  return json(std::move(out));
}

Result<json> length_filter(json value, const Given&, FilterScope&) {
  if (value.is_string()) return json(characters(value.get_ref<const std::string&>()).size());
  if (!value.is_structured()) return not_fit("length", "a text, a list or an object");
  return json(value.size());
}

Result<json> first_filter(json value, const Given&, FilterScope&) {
  auto items = items_of(value);
  if (!items) return not_fit("first", "a list");
  if (items->empty()) return nothing("first");
  return std::move(items->front());
}

Result<json> last_filter(json value, const Given&, FilterScope&) {
  auto items = items_of(value);
  if (!items) return not_fit("last", "a list");
  if (items->empty()) return nothing("last");
  return std::move(items->back());
}

Result<json> list_filter(json value, const Given&, FilterScope& scope) {
  if (value.is_string()) {
    const auto bytes = value.get_ref<const std::string&>().size() * 16;
    if (auto status = charge(scope, bytes); !status) return status.error();
  }
  auto items = items_of(value);
  if (!items) return not_fit("list", "a list, an object or a text");
  return json(std::move(*items));
}

Result<json> reverse_filter(json value, const Given&, FilterScope&) {
  auto items = items_of(value);
  if (!items) return not_fit("reverse", "a list or a text");
  std::reverse(items->begin(), items->end());
  if (!value.is_string()) return json(std::move(*items));
  std::string out;
  for (const json& one : *items) out += one.get_ref<const std::string&>();
  return json(std::move(out));
}

struct Keyed {
  std::vector<json> keys;
  std::size_t at = 0;
};

// Stable, as Python's. False: two keys have no order.
bool sort_keyed(std::vector<Keyed>& all, bool reverse) {
  bool comparable = true;
  std::stable_sort(all.begin(), all.end(), [&](const Keyed& a, const Keyed& b) {
    for (std::size_t i = 0; i < a.keys.size(); ++i) {
      const auto found = order(a.keys[i], b.keys[i]);
      comparable = comparable && found;
      if (found && *found != 0) return reverse ? *found > 0 : *found < 0;
    }
    return false;
  });
  return comparable;
}

Result<json> sort_filter(json value, const Given& given, FilterScope&) {
  auto items = items_of(value);
  if (!items) return not_fit("sort", "a list");
  std::vector<json> paths;  // "a,b": by a, then by b
  if (given.at[2]) {
    const std::string all = path_text(*given.at[2]);
    for (std::size_t at = 0; at <= all.size();) {
      const auto end = std::min(all.find(',', at), all.size());
      paths.emplace_back(all.substr(at, end - at));
      at = end + 1;
    }
  }
  std::vector<Keyed> keyed;
  for (std::size_t i = 0; i < items->size(); ++i) {
    Keyed& one = keyed.emplace_back();
    one.at = i;
    for (std::size_t k = 0; k < std::max<std::size_t>(paths.size(), 1); ++k) {
      auto key = key_of((*items)[i], paths.empty() ? nullptr : &paths[k], given.truth(1));
      if (!key) return key.error();
      one.keys.push_back(std::move(*key));
    }
  }
  if (!sort_keyed(keyed, given.truth(0))) {
    return not_fit("sort", "items that can be compared with each other");
  }
  json out = json::array();
  for (const Keyed& one : keyed) out.push_back(std::move((*items)[one.at]));
  return out;
}

Result<json> unique_filter(json value, const Given& given, FilterScope&) {
  const auto items = items_of(value);
  if (!items) return not_fit("unique", "a list");
  std::set<json> seen;
  json out = json::array();
  for (const json& item : *items) {
    auto key = key_of(item, given.at[1], given.truth(0));
    if (!key) return key.error();
    if (seen.insert(std::move(*key)).second) out.push_back(item);
  }
  return out;
}

template <bool greatest>
Result<json> extreme_filter(json value, const Given& given, FilterScope&) {
  const char* name = greatest ? "max" : "min";
  const auto items = items_of(value);
  if (!items) return not_fit(name, "a list");
  if (items->empty()) return nothing(name);
  std::optional<json> best_key;
  const json* best = nullptr;
  for (const json& item : *items) {
    auto key = key_of(item, given.at[1], given.truth(0));
    if (!key) return key.error();
    const auto found = best ? order(*key, *best_key) : std::nullopt;
    if (best && !found) return not_fit(name, "items that can be compared with each other");
    if (best && !(greatest ? *found > 0 : *found < 0)) continue;
    best = &item;
    best_key = std::move(*key);
  }
  return *best;
}

Result<json> sum_filter(json value, const Given& given, FilterScope&) {
  const auto items = items_of(value);
  if (!items) return not_fit("sum", "a list");
  std::int64_t whole = 0;
  double fraction = 0;
  bool exact = true;
  const auto add = [&](const json& item) {
    if (!item.is_number()) return false;
    const auto number = json_int(item);
    exact = exact && number && !__builtin_add_overflow(whole, *number, &whole);
    fraction += item.get<double>();
    return true;
  };
  if (given.at[1] && !add(*given.at[1])) return not_fit("sum", "a number to start with");
  for (const json& item : *items) {
    const auto key = key_of(item, given.at[0], true);
    if (!key) return key.error();
    if (!add(*key)) return not_fit("sum", "numbers");
  }
  return exact ? json(whole) : json(fraction);
}

Result<json> map_filter(json value, const Given& given, FilterScope& scope) {
  const auto items = items_of(value);
  if (!items) return not_fit("map", "a list");
  json out = json::array();
  if (given.at[0]) {
    const std::string path = path_text(*given.at[0]);
    for (const json& item : *items) {
      const json* found = member(item, path);
      if (!found) found = given.at[1];
      if (!found) {
        return Error{Errc::not_found,
                     "an item without \"" + path +
                         "\": it is undefined there; write map(attribute='" + path +
                         "', default=…)",
                     ""};
      }
      if (auto status = charge(scope, sizeof(json)); !status) return status.error();
      out.push_back(*found);
    }
    return out;
  }
  const std::vector<json> rest(given.rest.begin() + 1, given.rest.end());
  for (const json& item : *items) {
    auto made = apply_named(given.rest.front(), item, rest, scope);
    if (!made) return made;
    out.push_back(std::move(*made));
  }
  return out;
}

template <bool keep, bool by_member>
Result<json> select_filter(json value, const Given& given, FilterScope&) {
  static constexpr const char* names[2][2] = {{"reject", "rejectattr"}, {"select", "selectattr"}};
  const auto items = items_of(value);
  if (!items) return not_fit(names[keep][by_member], "a list");
  const std::string path = by_member ? path_text(*given.at[0]) : std::string();
  json out = json::array();
  for (const json& item : *items) {
    const json* of = by_member ? member(item, path) : &item;
    const auto passes = passes_test(of, given.rest);
    if (!passes && !of) {
      return Error{Errc::not_found,
                   "an item without \"" + path + "\": it is undefined there; | " + "selectattr('" +
                       path + "', 'defined') leaves it out",
                   ""};
    }
    if (!passes) return passes.error();
    if (*passes == keep) out.push_back(item);
  }
  return out;
}

constexpr Row list_table[] = {
    {"join", join_filter, {{{"d", Kind::text}, {"attribute", Kind::attribute}}}},
    {"length", length_filter},
    {"count", length_filter},
    {"first", first_filter},
    {"last", last_filter},
    {"list", list_filter},
    {"reverse", reverse_filter},
    {"sort",
     sort_filter,
     {{{"reverse", Kind::truth}, {"case_sensitive", Kind::truth}, {"attribute", Kind::attribute}}}},
    {"unique", unique_filter, {{{"case_sensitive", Kind::truth}, {"attribute", Kind::attribute}}}},
    {"min",
     extreme_filter<false>,
     {{{"case_sensitive", Kind::truth}, {"attribute", Kind::attribute}}}},
    {"max",
     extreme_filter<true>,
     {{{"case_sensitive", Kind::truth}, {"attribute", Kind::attribute}}}},
    {"sum", sum_filter, {{{"attribute", Kind::attribute}, {"start"}}}},
    {"map",
     map_filter,
     {{{"attribute", Kind::attribute, false, true}, {"default", Kind::any, false, true}}},
     true},
    {"select", select_filter<true, false>, {}, true},
    {"reject", select_filter<false, false>, {}, true},
    {"selectattr", select_filter<true, true>, {{{"attribute", Kind::attribute, true}}}, true},
    {"rejectattr", select_filter<false, true>, {{{"attribute", Kind::attribute, true}}}, true},
};

}  // namespace

std::span<const Row> list_rows() {
  return list_table;
}

}  // namespace batuta::filters
