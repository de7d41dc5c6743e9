// What reading and checking a mapping share; inside this folder only.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace batuta {

inline constexpr std::string_view mapping_kinds[] = {"expand", "expand_zip", "expand_kwargs"};

// A field of a built-in that instances may fill, and a value that it takes while nobody knows
// theirs.
struct MappedField {
  std::string_view type;
  std::string_view name;
  const char* stand_in;
};
std::span<const MappedField> all_mapped_fields();
const MappedField* find_mapped_field(std::string_view type, std::string_view name);

// The first of the three that the object has; empty: none.
std::string_view mapping_kind(const nlohmann::json& object);
// Names that instances are given, as far as they are known before a run; nullopt: not at all.
std::optional<std::set<std::string>> mapped_names(const nlohmann::json& spec);
bool has_template(const nlohmann::json& value);
std::string in_quotes(std::string_view name);

}  // namespace batuta
