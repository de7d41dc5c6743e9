#include "scheduler/dagfile/partition_fields.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "scheduler/core/partition.h"

namespace batuta {
namespace {

using nlohmann::json;
using MapperKind = PartitionMapper::Kind;

constexpr std::size_t max_mapper_keys = 1000;
constexpr std::size_t max_mappers = 8;  // of a product or a chain
constexpr std::size_t max_mapper_depth = 4;

// How many parts a window has at most, by its grain and theirs.
std::size_t most_parts(PartitionGrain part, PartitionGrain window) {
  using enum PartitionGrain;
  const auto minutes = [](PartitionGrain grain) -> std::size_t {
    switch (grain) {
      case as_it_is:
      case minute:
        return 1;
      case hour:
        return 60;
      case day:
        return 1440;
      case week:
        return std::size_t{7} * 1440;
      case month:
        return std::size_t{31} * 1440;
      case quarter:
        return std::size_t{92} * 1440;
      case year:
        return std::size_t{366} * 1440;
    }
    return 1;
  };
  return minutes(window) / (part == month ? std::size_t{30} * 1440 : minutes(part));
}

class MapperReader {
 public:
  explicit MapperReader(Problems& problems) : problems_(problems) {}

  // `whole`: it is all of "partitions", and may have windows.
  std::optional<PartitionMapper> read(const json& value, const std::string& pointer, bool whole,
                                      std::size_t depth = 0) {
    PartitionMapper mapper;
    if (value.is_boolean() && value.get<bool>()) return mapper;
    if (const auto grain = grain_of(value)) {
      mapper.grain = *grain;
      return mapper;
    }
    if (!value.is_object()) {
      problems_.add(pointer,
                    "partitions must be true (keys as they are), \"minute\", \"hour\", \"day\", "
                    "\"week\", \"month\", \"quarter\", \"year\", or a mapper: {\"product\": […]}, "
                    "{\"allowed\": […]}, {\"fixed\": …}, {\"chain\": […]}, {\"roll_up\": …} or "
                    "{\"fan_out\": …}");
      return std::nullopt;
    }
    if (depth == max_mapper_depth) {
      problems_.add(pointer,
                    "mappers are nested at most " + std::to_string(max_mapper_depth) + " deep");
      return std::nullopt;
    }
    FieldReader fields(value, pointer, problems_);
    const std::optional<MapperKind> kind = kind_of(fields, pointer);
    if (!kind) return std::nullopt;
    mapper.kind = *kind;
    const bool sound = read_kind(fields, mapper, depth);
    fields.refuse_unknown("a mapper of partitions");
    const bool window = *kind == MapperKind::roll_up || *kind == MapperKind::fan_out;
    if (window && !whole) {
      problems_.add(pointer, "a window stands alone: not in a product, and not in a chain");
      return std::nullopt;
    }
    if (!sound) return std::nullopt;
    return mapper;
  }

 private:
  static std::optional<PartitionGrain> grain_of(const json& value) {
    if (!value.is_string()) return std::nullopt;
    const auto grain = parse_grain(value.get_ref<const std::string&>());
    return grain == PartitionGrain::as_it_is ? std::nullopt : grain;
  }

  static std::optional<MapperKind> kind_of(FieldReader& fields, const std::string& pointer) {
    const std::pair<const char*, MapperKind> kinds[] = {
        {"allowed", MapperKind::allowed}, {"fixed", MapperKind::fixed},
        {"product", MapperKind::product}, {"chain", MapperKind::chain},
        {"roll_up", MapperKind::roll_up}, {"fan_out", MapperKind::fan_out}};
    std::optional<MapperKind> found;
    for (const auto& [name, kind] : kinds) {
      if (!fields.find(name)) continue;
      if (found) {
        fields.problem(name,
                       "a mapper of partitions is one of allowed, fixed, product, chain, "
                       "roll_up and fan_out");
        return std::nullopt;
      }
      found = kind;
    }
    if (!found) {
      fields.refuse_unknown("a mapper of partitions");
      fields.problems().add(pointer,
                            "a mapper of partitions needs one of allowed, fixed, product, chain, "
                            "roll_up and fan_out");
    }
    return found;
  }

  bool read_kind(FieldReader& fields, PartitionMapper& mapper, std::size_t depth) {
    switch (mapper.kind) {
      case MapperKind::allowed:
        return read_keys(fields, "allowed", mapper);
      case MapperKind::fixed: {
        const auto key = read_key(fields.find("fixed"), fields.pointer_to("fixed"));
        if (key) mapper.keys = {*key};
        return key.has_value();
      }
      case MapperKind::product:
        return read_list(fields, "product", mapper, depth) && read_delimiter(fields, mapper);
      case MapperKind::chain:
        return read_list(fields, "chain", mapper, depth);
      case MapperKind::roll_up:
        return read_window(fields, "roll_up", mapper) && read_enough(fields, mapper);
      case MapperKind::fan_out:
        return read_window(fields, "fan_out", mapper);
      case MapperKind::grain:
        break;
    }
    return false;
  }

  std::optional<std::string> read_key(const json* value, const std::string& pointer) {
    if (value == nullptr || !value->is_string()) {
      problems_.add(pointer, "must be a partition key, a text");
      return std::nullopt;
    }
    const std::string& key = value->get_ref<const std::string&>();
    if (std::string fault = fault_of_partition_key(key); !fault.empty()) {
      problems_.add(pointer, std::move(fault));
      return std::nullopt;
    }
    return key;
  }

  bool read_keys(FieldReader& fields, const char* name, PartitionMapper& mapper) {
    const json* list = fields.find(name);
    if (!list->is_array() || list->empty() || list->size() > max_mapper_keys) {
      fields.problem(
          name, "must be a list of 1 to " + std::to_string(max_mapper_keys) + " partition keys");
      return false;
    }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string pointer = fields.pointer_to(name) + "/" + std::to_string(i);
      auto key = read_key(&(*list)[i], pointer);
      if (!key) return false;
      if (!seen.insert(*key).second) {
        problems_.add(pointer, "the key stands twice in the list");
        return false;
      }
      mapper.keys.push_back(std::move(*key));
    }
    return true;
  }

  bool read_list(FieldReader& fields, const char* name, PartitionMapper& mapper,
                 std::size_t depth) {
    const json* list = fields.find(name);
    if (!list->is_array() || list->size() < 2 || list->size() > max_mappers) {
      fields.problem(name, "must be a list of 2 to " + std::to_string(max_mappers) + " mappers");
      return false;
    }
    bool sound = true;
    for (std::size_t i = 0; i < list->size(); ++i) {
      auto each =
          read((*list)[i], fields.pointer_to(name) + "/" + std::to_string(i), false, depth + 1);
      sound = sound && each;
      if (each) mapper.of.push_back(std::move(*each));
    }
    return sound;
  }

  static bool read_delimiter(FieldReader& fields, PartitionMapper& mapper) {
    if (!fields.find("delimiter")) return true;
    mapper.delimiter = fields.text("delimiter", 16).value_or("");
    if (!fault_of_partition_key(mapper.delimiter).empty()) {
      fields.problem("delimiter", "delimiter must be 1 to 16 characters of one line");
      return false;
    }
    return true;
  }

  // A time and its parts, or a key and the list of its parts; of fan_out any key (true).
  bool read_window(FieldReader& fields, const char* name, PartitionMapper& mapper) {
    const json& window = *fields.find(name);
    const json* parts = fields.find("of");
    if (parts == nullptr) {
      fields.problem("of", std::string(name) +
                               " needs \"of\": the parts, a grain such as "
                               "\"hour\", or a list of keys");
      return false;
    }
    PartitionMapper& whole = mapper.of.emplace_back();
    if (parts->is_array()) {
      if (!read_keys(fields, "of", mapper)) return false;
      if (mapper.kind == MapperKind::fan_out) {
        if (window == json(true)) return true;
        fields.problem(name,
                       "where \"of\" lists keys, fan_out is true: each event is for all of "
                       "them");
        return false;
      }
      const auto key = read_key(&window, fields.pointer_to(name));
      whole.kind = MapperKind::fixed;
      if (key) whole.keys = {*key};
      return key.has_value();
    }
    const auto grain = grain_of(window), part = grain_of(*parts);
    if (!grain || !part || *grain == *part || !is_part_of(*part, *grain)) {
      fields.problem(name, std::string(name) +
                               " is a time and \"of\" one that lies in it: \"day\" of \"hour\", "
                               "\"week\" of \"day\", \"month\" of \"day\", \"year\" of \"month\"");
      return false;
    }
    if (most_parts(*part, *grain) > max_parts_of_window) {
      fields.problem("of", "a window has at most " + std::to_string(max_parts_of_window) +
                               " parts, and this one has " +
                               std::to_string(most_parts(*part, *grain)));
      return false;
    }
    whole.grain = *grain;
    mapper.grain = *part;
    return true;
  }

  static bool read_enough(FieldReader& fields, PartitionMapper& mapper) {
    const auto most = static_cast<std::int64_t>(max_parts_of_window);
    const bool least = fields.find("at_least") != nullptr;
    const bool miss = fields.find("may_miss") != nullptr;
    if (least && miss) {
      fields.problem("may_miss", "a roll_up has at_least or may_miss, not both");
      return false;
    }
    if (!least && !miss) return true;
    const auto count = fields.integer(least ? "at_least" : "may_miss", 1, most);
    if (!count) return false;
    mapper.at_least = static_cast<std::int32_t>(least ? *count : -*count);
    return true;
  }

  Problems& problems_;
};

}  // namespace

std::optional<PartitionMapper> read_partition_mapper(const json& value, const std::string& pointer,
                                                     Problems& problems) {
  return MapperReader(problems).read(value, pointer, true);
}

}  // namespace batuta
