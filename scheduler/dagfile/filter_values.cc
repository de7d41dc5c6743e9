// Python's view of JSON values.
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/filter_table.h"

namespace batuta::filters {
namespace {

using nlohmann::json;

bool is_numeric(const json& value) {
  return value.is_number() || value.is_boolean();
}
json as_number(const json& value) {
  return value.is_boolean() ? json(value.get<bool>() ? 1 : 0) : value;
}

}  // namespace

bool truthy(const json& value) {
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

std::optional<std::strong_ordering> order(const json& a, const json& b) {
  if (is_numeric(a) && is_numeric(b)) {
    const json left = as_number(a), right = as_number(b);
    if (left < right) return std::strong_ordering::less;
    return right < left ? std::strong_ordering::greater : std::strong_ordering::equal;
  }
  if (a.is_string() && b.is_string()) {
    return a.get_ref<const std::string&>().compare(b.get_ref<const std::string&>()) <=> 0;
  }
  if (!a.is_array() || !b.is_array()) return std::nullopt;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (same(a[i], b[i])) continue;
    return order(a[i], b[i]);
  }
  return a.size() <=> b.size();
}

bool same(const json& a, const json& b) {
  if (is_numeric(a) && is_numeric(b)) return as_number(a) == as_number(b);
  return a == b;
}

const json* member(const json& value, std::string_view path) {
  const json* at = &value;
  while (at) {
    const auto end = std::min(path.find('.'), path.size());
    const std::string_view name = path.substr(0, end);
    if (at->is_object()) {
      const auto found = at->find(std::string(name));
      at = found == at->end() ? nullptr : &*found;
    } else {
      std::size_t index = 0;
      const auto read = std::from_chars(name.data(), name.data() + name.size(), index);
      const bool fits = read.ec == std::errc{} && read.ptr == name.data() + name.size() &&
                        at->is_array() && index < at->size();
      at = fits ? &(*at)[index] : nullptr;
    }
    if (end == path.size()) return at;
    path.remove_prefix(end + 1);
  }
  return nullptr;
}

std::string path_text(const json& attribute) {
  return attribute.is_string() ? attribute.get<std::string>() : json_text(attribute);
}

}  // namespace batuta::filters
