#include "contract/service_level.h"

#include <cctype>
#include <cstdlib>
#include <string>
#include <utility>

namespace batuta::contract {
namespace {

std::string lower_text(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::optional<Duration> duration_of(const ServiceLevel& level) {
  char* end = nullptr;
  const double count = std::strtod(level.value.c_str(), &end);
  if (end == level.value.c_str() || *end != 0 || !(count > 0) || count > 1e6) return {};
  const std::string unit = lower_text(level.unit);
  const std::pair<const char*, double> units[] = {
      {"s", 1},       {"sec", 1},    {"second", 1},   {"m", 60},      {"min", 60},
      {"minute", 60}, {"h", 3600},   {"hr", 3600},    {"hour", 3600}, {"d", 86400},
      {"day", 86400}, {"w", 604800}, {"week", 604800}};
  for (const auto& [name, seconds] : units) {
    if (unit == name || unit == std::string(name) + "s")
      return Duration(static_cast<std::int64_t>(count * seconds * 1e6));
  }
  return {};
}

bool is_of_age(const ServiceLevel& level) {
  const std::string property = lower_text(level.property);
  return property == "freshness" || property == "latency";
}

}  // namespace batuta::contract
