#include "scheduler/dagfile/template_filters.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/suggest.h"

namespace batuta {
namespace {

using nlohmann::json;
using Arguments = std::vector<TemplateLiteral>;

std::string padded(long value, int width) {
  auto digits = std::to_string(value);
  return std::string(width > static_cast<int>(digits.size()) ? width - digits.size() : 0, '0') +
         digits;
}

struct Parts {
  std::chrono::year_month_day day;
  std::chrono::hh_mm_ss<Duration> clock;
  long day_of_year;
  explicit Parts(Time t)
      : day(std::chrono::floor<std::chrono::days>(t)),
        clock(t - std::chrono::floor<std::chrono::days>(t)),
        day_of_year(
            (std::chrono::floor<std::chrono::days>(t) - std::chrono::sys_days(day.year() / 1 / 1))
                .count() +
            1) {}
};

// The specifiers that mean the same everywhere; nullopt for another one.
std::optional<std::string> format_time(Time t, const std::string& format) {
  const Parts parts(t);
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    switch (++i < format.size() ? format[i] : '\0') {
      case 'Y':
        out += padded(static_cast<int>(parts.day.year()), 4);
        break;
      case 'y':
        out += padded(static_cast<int>(parts.day.year()) % 100, 2);
        break;
      case 'm':
        out += padded(static_cast<unsigned>(parts.day.month()), 2);
        break;
      case 'd':
        out += padded(static_cast<unsigned>(parts.day.day()), 2);
        break;
      case 'j':
        out += padded(parts.day_of_year, 3);
        break;
      case 'H':
        out += padded(parts.clock.hours().count(), 2);
        break;
      case 'M':
        out += padded(parts.clock.minutes().count(), 2);
        break;
      case 'S':
        out += padded(parts.clock.seconds().count(), 2);
        break;
      case 'f':
        out += padded(parts.clock.subseconds().count(), 6);
        break;
      case 'z':
        out += "+0000";
        break;
      case '%':
        out += '%';
        break;
      default:
        return std::nullopt;
    }
  }
  return out;
}

Result<json> not_fit(const char* filter, const char* wanted) {
  return {Errc::invalid, std::string("| ") + filter + " needs " + wanted};
}

OptTime as_time(const json& value) {
  return value.is_string() ? parse_iso(value.get_ref<const std::string&>()) : std::nullopt;
}

template <std::string (*format)(Time)>
Result<json> time_filter(json value, const Arguments&) {
  const auto time = as_time(value);
  if (!time) return not_fit("ds or ts", "a time");
  return json(format(*time));
}

Result<json> strftime_filter(json value, const Arguments& arguments) {
  const auto time = as_time(value);
  const auto* format = std::get_if<std::string>(&arguments[0]);
  if (!time || !format) return not_fit("strftime", "a time and a text such as '%Y-%m-%d'");
  auto out = format_time(*time, *format);
  if (!out) return not_fit("strftime", "only %Y %y %m %d %j %H %M %S %f %z %%");
  return json(std::move(*out));
}

template <int (*change)(int)>
Result<json> letters_filter(json value, const Arguments&) {
  if (!value.is_string()) return not_fit("upper or lower", "a text");
  auto text = value.get<std::string>();
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c < 128 ? static_cast<char>(change(c)) : static_cast<char>(c);
  });
  return json(std::move(text));
}

Result<json> trim_filter(json value, const Arguments&) {
  if (!value.is_string()) return not_fit("trim", "a text");
  const auto& text = value.get_ref<const std::string&>();
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return json("");
  return json(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

Result<json> join_filter(json value, const Arguments& arguments) {
  const std::string none;
  const auto* between = arguments.empty() ? &none : std::get_if<std::string>(&arguments[0]);
  if (!value.is_array() || !between) return not_fit("join", "a list, and a text to put between");
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i)
    out += (i ? *between : none) + value_text(value[i]);
  return json(std::move(out));
}

Result<json> length_filter(json value, const Arguments&) {
  if (value.is_string()) return json(value.get_ref<const std::string&>().size());
  if (!value.is_structured()) return not_fit("length", "a text, a list or an object");
  return json(value.size());
}

Result<json> tojson_filter(json value, const Arguments&) {
  return json(json_text(value));
}
// What a command printed, as the value it stands for.
Result<json> fromjson_filter(json value, const Arguments&) {
  if (!value.is_string()) return not_fit("fromjson", "a text");
  auto parsed = parse_untrusted(value.get_ref<const std::string&>());
  if (!parsed)
    return not_fit("fromjson", ("a text that is JSON: " + parsed.error().message).c_str());
  return parsed;
}
Result<json> as_it_is(json value, const Arguments&) {
  return value;
}

struct FilterRow {
  const char* name;
  std::size_t least;
  std::size_t most;
  Result<json> (*apply)(json, const Arguments&);
};
constexpr FilterRow filters[] = {
    {"tojson", 0, 0, tojson_filter},
    {"fromjson", 0, 0, fromjson_filter},
    {"ds", 0, 0, time_filter<format_ds>},
    {"ds_nodash", 0, 0, time_filter<format_ds_nodash>},
    {"ts", 0, 0, time_filter<format_ts>},
    {"ts_nodash", 0, 0, time_filter<format_ts_nodash>},
    {"strftime", 1, 1, strftime_filter},
    {"upper", 0, 0, letters_filter<std::toupper>},
    {"lower", 0, 0, letters_filter<std::tolower>},
    {"trim", 0, 0, trim_filter},
    {"join", 0, 1, join_filter},
    {"length", 0, 0, length_filter},
    {"default", 1, 1, as_it_is},
    {"raw", 0, 0, as_it_is},
};

const FilterRow* find_filter(const std::string& name) {
  const auto* row = std::find_if(std::begin(filters), std::end(filters),
                                 [&](const FilterRow& f) { return name == f.name; });
  return row == std::end(filters) ? nullptr : row;
}

}  // namespace

Result<json> apply_filter(const TemplateExpr::Filter& filter, json value) {
  if (auto status = check_filter(filter); !status) return status.error();
  return find_filter(filter.name)->apply(std::move(value), filter.arguments);
}

Status check_filter(const TemplateExpr::Filter& filter) {
  const auto* row = find_filter(filter.name);
  if (!row) {
    std::vector<std::string> names;
    for (const auto& known : filters) names.emplace_back(known.name);
    return {Errc::invalid,
            "unknown filter \"" + filter.name + "\"" + did_you_mean(filter.name, names)};
  }
  if (filter.arguments.size() < row->least || filter.arguments.size() > row->most) {
    return {Errc::invalid, "filter " + filter.name + " takes " + std::to_string(row->most) +
                               " argument(s), not " + std::to_string(filter.arguments.size())};
  }
  const bool wants_text = filter.name == "strftime" || filter.name == "join";
  if (!wants_text || filter.arguments.empty()) return success();
  const auto* text = std::get_if<std::string>(&filter.arguments.front());
  if (!text) return {Errc::invalid, "filter " + filter.name + " takes a text in quotes"};
  if (filter.name == "strftime" && !format_time(Time{}, *text)) {
    return {Errc::invalid, "strftime does not know the form '" + text->substr(0, 80) + "'"};
  }
  return success();
}

json literal_value(const TemplateLiteral& literal) {
  return std::visit(
      [](const auto& value) -> json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return nullptr;
        } else {
          return value;
        }
      },
      literal);
}

std::string value_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

std::string format_ds(Time t) {
  return *format_time(t, "%Y-%m-%d");
}
std::string format_ds_nodash(Time t) {
  return *format_time(t, "%Y%m%d");
}
std::string format_ts(Time t) {
  const bool whole = t == std::chrono::floor<std::chrono::seconds>(t);
  return *format_time(t, whole ? "%Y-%m-%dT%H:%M:%S+00:00" : "%Y-%m-%dT%H:%M:%S.%f+00:00");
}
std::string format_ts_nodash(Time t) {
  return *format_time(t, "%Y%m%dT%H%M%S");
}

}  // namespace batuta
