#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "contract/reader.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

struct PropertyPlace {
  const char *place, *name;
};
// Where each name may stand: docs/contracts.md has the same table, held together by a test.
constexpr PropertyPlace property_places[] = {
    {"table", "batuta.mode"},          {"table", "batuta.watermark"},
    {"table", "batuta.overlap"},       {"table", "batuta.start"},
    {"table", "batuta.newest"},        {"table", "batuta.history"},
    {"table", "batuta.widen"},         {"table", "batuta.server"},
    {"column", "batuta.mask"},         {"column", "batuta.readMask"},
    {"column", "batuta.value"},        {"column", "batuta.asked"},
    {"column", "batuta.reasons"},      {"table", "batuta.maskKey"},
    {"table", "batuta.deletes"},       {"table", "batuta.mostDeletes"},
    {"table", "batuta.retention"},     {"csv", "batuta.delimiter"},
    {"csv", "batuta.quote"},           {"csv", "batuta.header"},
    {"csv", "batuta.encoding"},        {"csv", "batuta.nullTexts"},
    {"postgres", "batuta.connection"}, {"store", "batuta.connection"},
    {"rest", "batuta.connection"},     {"rest", "batuta.records"},
    {"rest", "batuta.paging"},         {"rest", "batuta.pageParameter"},
    {"rest", "batuta.firstPage"},      {"rest", "batuta.sizeParameter"},
    {"rest", "batuta.pageSize"},       {"rest", "batuta.cursorParameter"},
    {"rest", "batuta.nextCursor"},     {"rest", "batuta.requestsPerMinute"},
    {"rest", "batuta.sinceParameter"}, {"rest", "batuta.untilParameter"},
    {"stream", "batuta.connection"},   {"stream", "batuta.group"},
    {"stream", "batuta.onGap"},        {"stream", "batuta.start"},
    {"stream", "batuta.deadLetters"},  {"stream", "batuta.maxRecords"},
    {"stream", "batuta.maxBytes"},     {"stream", "batuta.maxRecordBytes"},
    {"stream", "batuta.maxTime"}};

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string kinds_of(std::string_view name) {
  std::string out;
  for (const PropertyPlace& row : property_places) {
    if (name == row.name) out += (out.empty() ? "" : ", ") + std::string(row.place);
  }
  return out;
}

}  // namespace

std::vector<std::string> custom_property_names() {
  std::vector<std::string> out;
  for (const PropertyPlace& row : property_places)
    out.push_back(std::string(row.name) + " (" + row.place + ")");
  return out;
}

std::string text_at(const Value& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string written(const Value& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Value::error_handler_t::replace);
}

std::vector<std::string> texts_at(const Value& object, const char* name) {
  std::vector<std::string> out;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return out;
  for (const Value& item : *found) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

CustomProperties::CustomProperties(const Value& object, std::string at,
                                   const std::vector<std::string>& places, Notes& notes)
    : at_(std::move(at)), notes_(notes) {
  const auto list = object.find("customProperties");
  if (list == object.end() || !list->is_array()) return;
  std::vector<std::string> known;
  for (const PropertyPlace& row : property_places) {
    if (holds(places, row.place)) known.emplace_back(row.name);
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Value& item = (*list)[i];
    const std::string name = text_at(item, "property");
    if (!name.starts_with("batuta.") || !item.contains("value")) continue;
    const std::string here = at_ + "/customProperties/" + std::to_string(i);
    if (!holds(known, name)) {
      const std::string elsewhere = kinds_of(name);
      notes.problem(here + "/property",
                    elsewhere.empty() ? "unknown property \"" + name.substr(0, 80) + "\"" +
                                            (did_you_mean(name, known).empty() && !known.empty()
                                                 ? one_of(known)
                                                 : did_you_mean(name, known))
                                      : name + " does not belong here, but to: " + elsewhere);
      continue;
    }
    if (std::any_of(given_.begin(), given_.end(),
                    [&](const Given& each) { return each.name == name; })) {
      notes.problem(here + "/property", name + " stands twice");
      continue;
    }
    given_.push_back({name, here + "/value", &item["value"]});
  }
}

const Value* CustomProperties::find(std::string_view name) const {
  for (const Given& each : given_) {
    if (each.name == name) return each.value;
  }
  return nullptr;
}

std::string CustomProperties::pointer(std::string_view name) const {
  for (const Given& each : given_) {
    if (each.name == name) return each.pointer;
  }
  return at_;
}

std::optional<std::string> CustomProperties::text(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  notes_.problem(pointer(name), std::string(name) + " must be a text");
  return std::nullopt;
}

std::optional<std::int64_t> CustomProperties::integer(std::string_view name, std::int64_t least,
                                                      std::int64_t most) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer()) {
    const auto number = value->get_ref<const Value::number_integer_t&>();
    if (number >= least && number <= most) return number;
  }
  notes_.problem(pointer(name), std::string(name) + " must be a whole number from " +
                                    std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<bool> CustomProperties::boolean(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  notes_.problem(pointer(name), std::string(name) + " must be true or false");
  return std::nullopt;
}

std::vector<std::string> CustomProperties::texts(std::string_view name) const {
  const Value* value = find(name);
  std::vector<std::string> out;
  if (value == nullptr) return out;
  bool good = value->is_array() || value->is_string();
  for (const Value& item : value->is_array() ? *value : Value::array({*value})) {
    good &= item.is_string();
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  if (!good) notes_.problem(pointer(name), std::string(name) + " must be a list of texts");
  return out;
}

std::map<std::string, std::string> CustomProperties::names(
    std::string_view name, const std::vector<std::string>& known) const {
  std::map<std::string, std::string> out;
  const Value* value = find(name);
  if (value == nullptr) return out;
  if (!value->is_object()) {
    notes_.problem(pointer(name), std::string(name) + " must be a mapping" + one_of(known));
    return out;
  }
  for (const auto& [key, given] : value->items()) {
    if (!holds(known, key)) {
      notes_.problem(
          pointer(name) + "/" + key.substr(0, 80),
          "unknown \"" + key.substr(0, 80) + "\"" +
              (did_you_mean(key, known).empty() ? one_of(known) : did_you_mean(key, known)));
    } else if (!given.is_string() || !fit_for_a_reason(given.get<std::string>())) {
      notes_.problem(pointer(name) + "/" + key, reason_needed);
    } else {
      out[key] = given.get<std::string>();
    }
  }
  return out;
}

bool fit_for_a_reason(const std::string& name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace batuta::contract
