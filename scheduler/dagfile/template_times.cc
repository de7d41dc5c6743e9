#include "scheduler/dagfile/template_times.h"

#include <locale.h>
#include <time.h>

#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "scheduler/dagfile/zone.h"

namespace batuta {
namespace {

using nlohmann::json;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;

constexpr std::string_view flags = "-_0^#";
constexpr std::string_view letters = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyY";

std::string padded(long value, std::size_t width) {
  const auto digits = std::to_string(value);
  return std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits;
}

// "+0300"; seconds only where an offset has any, as clocks had before they were told by zones.
std::string offset_text(seconds offset, std::string_view between) {
  const long total = std::abs(offset.count());
  std::string out = offset < seconds{} ? "-" : "+";
  out += padded(total / 3600, 2) + std::string(between) + padded(total / 60 % 60, 2);
  if (total % 60 != 0) out += std::string(between) + padded(total % 60, 2);
  return out;
}

tm fields_of(const ZonedTime& time) {
  const Time local = time.at + time.offset;
  const auto day = floor<days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Duration> clock(local - day);
  tm out{};
  out.tm_year = static_cast<int>(date.year()) - 1900;
  out.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  out.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  out.tm_hour = static_cast<int>(clock.hours().count());
  out.tm_min = static_cast<int>(clock.minutes().count());
  out.tm_sec = static_cast<int>(clock.seconds().count());
  out.tm_wday = static_cast<int>(std::chrono::weekday(day).c_encoding());
  out.tm_yday = static_cast<int>(
      (day - std::chrono::sys_days(date.year() / std::chrono::January / 1)).count());
  out.tm_gmtoff = time.offset.count();
  out.tm_zone = time.abbreviation.c_str();
  return out;
}

// One of C's letters, by C itself: names of days and months are English whatever the host speaks.
std::string by_c(const tm& fields, const std::string& form) {
  static const locale_t english = ::newlocale(LC_ALL_MASK, "C", nullptr);
  std::array<char, 128> out;
  const auto length = ::strftime_l(out.data(), out.size(), form.c_str(), &fields, english);
  return std::string(out.data(), length);
}

}  // namespace

std::optional<ZonedTime> read_time(const json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  const auto at = parse_iso(text);
  if (!at) return std::nullopt;
  ZonedTime out{*at, {}, "UTC"};
  const auto sign = text.size() > 10 ? text.find_first_of("+-", 10) : std::string::npos;
  if (sign == std::string::npos) return out;
  const auto two = [&](std::size_t i) { return (text[i] - '0') * 10 + text[i + 1] - '0'; };
  const std::size_t minutes = text.find(':', sign) == std::string::npos ? sign + 3 : sign + 4;
  out.offset = seconds(two(sign + 1) * 3600 + two(minutes) * 60) * (text[sign] == '-' ? -1 : 1);
  if (out.offset != seconds{}) out.abbreviation = "UTC" + offset_text(out.offset, ":");
  return out;
}

Result<ZonedTime> in_zone(Time at, const std::string& zone) {
  auto reading = read_zone(zone, at);
  if (!reading) {
    return {Errc::invalid,
            "unknown time zone \"" + zone.substr(0, 80) + "\"" + did_you_mean(zone, zone_names())};
  }
  return ZonedTime{at, reading->offset, std::move(reading->abbreviation)};
}

std::string zoned_text(const ZonedTime& time) {
  return format_ts(time);
}

Result<std::string> format_time(const ZonedTime& time, std::string_view form) {
  const tm fields = fields_of(time);
  std::string out;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '%') {
      out += form[i];
      continue;
    }
    const std::size_t begin = i++;
    while (i < form.size() && flags.find(form[i]) != std::string_view::npos) ++i;
    const bool flagged = i > begin + 1;
    if (i + 1 < form.size() && (form[i] == 'E' || form[i] == 'O')) ++i;
    const char letter = i < form.size() ? form[i] : '\0';
    const bool plain = i == begin + 1;
    if (letter == '%' && plain) {
      out += '%';
    } else if (letter == 'Y' && plain) {  // C leaves the width of early years open
      out += padded(fields.tm_year + 1900, 4);
    } else if (letter == 'f' && plain) {
      out += padded((time.at - floor<seconds>(time.at)).count(), 6);
    } else if (letter == 's' && plain) {
      out += std::to_string(floor<seconds>(time.at).time_since_epoch().count());
    } else if (letter == 'z' && plain) {
      out += offset_text(time.offset, "");
    } else if (letter == 'Z' && (plain || flagged)) {
      out += time.abbreviation;
    } else if (letter != '\0' && letters.find(letter) != std::string_view::npos) {
      out += by_c(fields, std::string(form.substr(begin, i - begin + 1)));
    } else {
      return {Errc::invalid, "strftime does not know the form '" +
                                 std::string(form.substr(begin, i - begin + 1)) + "' in '" +
                                 std::string(form.substr(0, 80)) + "'"};
    }
  }
  return out;
}

std::string format_ds(const ZonedTime& time) {
  return *format_time(time, "%Y-%m-%d");
}
std::string format_ds_nodash(const ZonedTime& time) {
  return *format_time(time, "%Y%m%d");
}
std::string format_ts(const ZonedTime& time) {
  const bool whole = time.at == floor<seconds>(time.at);
  return *format_time(time, whole ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%dT%H:%M:%S.%f") +
         offset_text(time.offset, ":");
}
std::string format_ts_nodash(const ZonedTime& time) {
  return *format_time(time, "%Y%m%dT%H%M%S");
}
std::string format_ts_nodash_with_tz(const ZonedTime& time) {
  return format_ts_nodash(time) + offset_text(time.offset, "");
}

}  // namespace batuta
