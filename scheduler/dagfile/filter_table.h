// What the filters' parts share: a filter takes a value and the arguments its row declares.
// Included by template_filters.cc and the files of its rows alone.
#pragma once

#include <array>
#include <compare>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/dagfile/template_filters.h"

namespace batuta::filters {

enum class Kind : std::uint8_t { any, text, whole, truth, attribute, zone, form };

struct Param {
  const char* name = nullptr;
  Kind kind = Kind::any;
  bool required = false;
  bool by_name = false;  // only so
};

// The arguments of one call: of each param the value or null, then what goes on to another filter
// or a test.
struct Given {
  std::array<const nlohmann::json*, 4> at{};
  std::vector<nlohmann::json> rest;

  const std::string* text(std::size_t i) const;  // null: not given
  bool truth(std::size_t i) const;
  std::int64_t whole(std::size_t i, std::int64_t otherwise) const;
};

struct Row {
  const char* name;
  Result<nlohmann::json> (*apply)(nlohmann::json value, const Given& given, FilterScope& scope);
  std::array<Param, 4> params{};
  bool rest = false;  // further arguments by position are its own affair
};

std::span<const Row> text_rows();    // filters_text.cc
std::span<const Row> number_rows();  // filters_number.cc
std::span<const Row> list_rows();    // filters_list.cc
std::span<const Row> time_rows();    // filters_time.cc

Result<nlohmann::json> not_fit(std::string_view filter, std::string_view wanted);
// What `| map` and `| select` do with each item.
Result<nlohmann::json> apply_named(const nlohmann::json& name, nlohmann::json value,
                                   const std::vector<nlohmann::json>& arguments,
                                   FilterScope& scope);
// Takes `bytes` off the budget.
Status charge(FilterScope& scope, std::size_t bytes);

// ---- Python's view of values

bool truthy(const nlohmann::json& value);
// nullopt: the two have no order (a text and a number). Numbers with truth values among them, texts
// by code point, lists item by item.
std::optional<std::strong_ordering> order(const nlohmann::json& a, const nlohmann::json& b);
bool same(const nlohmann::json& a, const nlohmann::json& b);
// A text's letters, other than ASCII ones too.
std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::vector<std::string_view> characters(std::string_view text);
// "a.b.0": the member, or null.
const nlohmann::json* member(const nlohmann::json& value, std::string_view path);
// An argument that names a member: a text or a position.
std::string path_text(const nlohmann::json& attribute);

}  // namespace batuta::filters
