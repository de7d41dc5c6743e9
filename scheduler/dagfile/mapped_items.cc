#include "scheduler/dagfile/mapped_items.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/dagfile/fields.h"

namespace batuta {
namespace {

using nlohmann::json;

using Argument = std::pair<std::string, json>;  // a name, and the list it is mapped over

Error not_a_list(const std::string& where, const json& value) {
  return {Errc::invalid,
          where + " is " + std::string(json_kind(value)) +
              ": a task is mapped over a list or an object",
          {}};
}

Error too_many(std::int64_t count, std::int32_t most) {
  return {Errc::invalid,
          "it would have " + std::to_string(count) +
              " instances, more than its max_map_length of " + std::to_string(most) +
              ": map over fewer items, or raise max_map_length (100000 at "
              "most)",
          {}};
}

Result<Argument> argument_of(const char* field, const std::string& name, json value) {
  if (value.is_array()) return Argument{name, std::move(value)};
  if (!value.is_object()) return not_a_list(std::string(field) + "." + name, value);
  json pairs = json::array();
  for (auto& [key, member] : value.items()) {
    pairs.push_back(json::array({key, std::move(member)}));
  }
  return Argument{name, std::move(pairs)};
}

// The members of an object, or of the objects in a list.
Result<std::vector<Argument>> arguments_of(const char* field, json& given) {
  std::vector<Argument> out;
  const auto add = [&](json& object) -> Status {
    if (!object.is_object()) return not_a_list(field, object);
    for (auto& [name, value] : object.items()) {
      auto one = argument_of(field, name, std::move(value));
      if (!one) return one.error();
      out.push_back(std::move(*one));
    }
    return success();
  };
  if (given.is_object()) {
    if (auto status = add(given); !status) return status.error();
    return out;
  }
  if (!given.is_array()) return not_a_list(field, given);
  for (json& each : given) {
    if (auto status = add(each); !status) return status.error();
  }
  return out;
}

}  // namespace

struct MappedItems::Parts {
  enum class Kind { product, zip, kwargs } kind = Kind::product;
  std::vector<Argument> arguments;  // product, zip
  json fill;                        // zip
  json rows;                        // kwargs
};

Result<MappedItems> MappedItems::of(json rendered, std::int32_t most) {
  auto parts = std::make_shared<Parts>();
  std::int64_t count = 0;
  if (const auto kwargs = rendered.find("expand_kwargs"); kwargs != rendered.end()) {
    parts->kind = Parts::Kind::kwargs;
    if (!kwargs->is_array()) {
      return Error{Errc::invalid,
                   "expand_kwargs is " + std::string(json_kind(*kwargs)) +
                       ": a task is mapped over a list of objects",
                   {}};
    }
    for (std::size_t i = 0; i < kwargs->size(); ++i) {
      if ((*kwargs)[i].is_object()) continue;
      return Error{Errc::invalid,
                   "expand_kwargs[" + std::to_string(i) + "] is " +
                       std::string(json_kind((*kwargs)[i])) +
                       ": each item must be an object with the arguments of one instance",
                   {}};
    }
    count = static_cast<std::int64_t>(kwargs->size());
    parts->rows = std::move(*kwargs);
  } else {
    const auto zip = rendered.find("expand_zip");
    const bool zipped = zip != rendered.end();
    parts->kind = zipped ? Parts::Kind::zip : Parts::Kind::product;
    const auto fill = rendered.find("expand_fill");
    const bool filled = fill != rendered.end();
    if (filled) parts->fill = *fill;
    auto arguments =
        arguments_of(zipped ? "expand_zip" : "expand", zipped ? *zip : rendered["expand"]);
    if (!arguments) return arguments.error();
    parts->arguments = std::move(*arguments);
    bool empty = parts->arguments.empty();
    count = empty ? 0 : zipped ? static_cast<std::int64_t>(parts->arguments[0].second.size()) : 1;
    for (const Argument& each : parts->arguments) empty = empty || each.second.empty();
    for (const Argument& each : parts->arguments) {
      const auto size = static_cast<std::int64_t>(each.second.size());
      if (zipped) {
        count = filled ? std::max(count, size) : std::min(count, size);
      } else if (empty) {
        count = 0;
      } else {
        // A file's lists are short enough that two of them do not overflow.
        count = count > most ? count : count * size;
      }
    }
  }
  if (count > most) return too_many(count, most);
  MappedItems items;
  items.parts_ = std::move(parts);
  items.count_ = static_cast<std::int32_t>(count);
  return items;
}

json MappedItems::item(std::int32_t number) const {
  auto place = static_cast<std::size_t>(number);
  json out = json::object();
  switch (parts_->kind) {
    case Parts::Kind::kwargs:
      return parts_->rows[place];
    case Parts::Kind::zip:
      for (const Argument& each : parts_->arguments) {
        out[each.first] = place < each.second.size() ? each.second[place] : parts_->fill;
      }
      return out;
    case Parts::Kind::product:
      for (auto each = parts_->arguments.rbegin(); each != parts_->arguments.rend(); ++each) {
        out[each->first] = each->second[place % each->second.size()];
        place /= each->second.size();
      }
      return out;
  }
  return out;
}

}  // namespace batuta
