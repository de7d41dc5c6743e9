// Filters over times, which are texts of RFC 3339.
#include <nlohmann/json.hpp>

#include "scheduler/dagfile/filter_table.h"
#include "scheduler/dagfile/template_times.h"

namespace batuta::filters {
namespace {

using nlohmann::json;

template <std::string (*format)(const ZonedTime&)>
Result<json> form_filter(json value, const Given&, FilterScope&) {
  const auto time = read_time(value);
  if (!time) return not_fit("ds or ts", "a time such as logical_date");
  return json(format(*time));
}

Result<json> strftime_filter(json value, const Given& given, FilterScope&) {
  auto time = read_time(value);
  if (!time) return not_fit("strftime", "a time such as logical_date");
  if (const std::string* zone = given.text(1)) {
    auto there = in_zone(time->at, *zone);
    if (!there) return there.error();
    time = std::move(*there);
  }
  auto out = format_time(*time, *given.text(0));
  if (!out) return out.error();
  return json(std::move(*out));
}

Result<json> moved(const json& value, const char* filter, const std::string& zone) {
  const auto time = read_time(value);
  if (!time) return not_fit(filter, "a time such as logical_date");
  const auto there = in_zone(time->at, zone);
  if (!there) return there.error();
  return json(zoned_text(*there));
}
Result<json> in_timezone_filter(json value, const Given& given, FilterScope&) {
  return moved(value, "in_timezone", *given.text(0));
}
Result<json> local_filter(json value, const Given&, FilterScope& scope) {
  return moved(value, "local", scope.timezone);
}

constexpr Row time_table[] = {
    {"ds", form_filter<format_ds>},
    {"ds_nodash", form_filter<format_ds_nodash>},
    {"ts", form_filter<format_ts>},
    {"ts_nodash", form_filter<format_ts_nodash>},
    {"ts_nodash_with_tz", form_filter<format_ts_nodash_with_tz>},
    {"strftime", strftime_filter, {{{"format", Kind::form, true}, {"timezone", Kind::zone}}}},
    {"in_timezone", in_timezone_filter, {{{"timezone", Kind::zone, true}}}},
    {"local", local_filter},
};

}  // namespace

std::span<const Row> time_rows() {
  return time_table;
}

}  // namespace batuta::filters
