#include "plugins/lake/file_stats.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::lake {
namespace {

struct TextBounds {
  std::string low;
  std::string high;
};

std::optional<TextBounds> text_bounds(const lakelog::AddFile& file, const std::string& column) {
  if (file.stats_json.empty()) return std::nullopt;
  auto stats = parse_untrusted(file.stats_json);
  if (!stats || !stats->is_object()) return std::nullopt;
  std::string found[2];
  const char* const sides[] = {"minValues", "maxValues"};
  for (int i = 0; i < 2; ++i) {
    const auto side = stats->find(sides[i]);
    if (side == stats->end() || !side->is_object()) return std::nullopt;
    const auto value = side->find(column);
    if (value == side->end() || !value->is_string()) return std::nullopt;
    found[i] = value->get<std::string>();
  }
  return TextBounds{found[0], found[1]};
}

}  // namespace

bool may_hold_text(const lakelog::AddFile& file, const std::string& column,
                   const std::string& value) {
  return may_hold_range(file, column, value, value);
}

bool may_hold_range(const lakelog::AddFile& file, const std::string& column, const std::string& low,
                    const std::string& high) {
  const auto bounds = text_bounds(file, column);
  return !bounds || (bounds->low <= high && low <= bounds->high);
}

bool may_hold_value(const lakelog::AddFile& file, const std::string& column) {
  const auto rows = lakelog::record_count(file);
  const auto stats = parse_untrusted(file.stats_json);
  if (!rows || !stats || !stats->is_object()) return true;
  const auto nulls = stats->find("nullCount");
  if (nulls == stats->end() || !nulls->is_object()) return true;
  const auto count = nulls->find(column);
  return count == nulls->end() || json_int(*count) != rows;
}

std::optional<TimeBounds> time_bounds(const lakelog::AddFile& file, const std::string& column) {
  const auto bounds = text_bounds(file, column);
  if (!bounds) return std::nullopt;
  const auto low = parse_iso(bounds->low);
  const auto high = parse_iso(bounds->high);
  if (!low || !high) return std::nullopt;
  return TimeBounds{*low, *high};
}

}  // namespace batuta::lake
