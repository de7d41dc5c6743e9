#include "scheduler/dagfile/calendar_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/calendar_fields.h"
#include "scheduler/dagfile/folder.h"

namespace batuta {
namespace {

using nlohmann::json;
using std::chrono::days;

constexpr std::size_t max_day_name = 250;
constexpr std::size_t max_file_problems = 5;
constexpr days longest_range(366);
constexpr std::array<std::string_view, 7> weekday_names = {"sun", "mon", "tue", "wed",
                                                           "thu", "fri", "sat"};

// A date, or one of each year: then `year` is a leap year and means nothing.
struct DayText {
  std::chrono::year_month_day date;
  bool yearly = false;
};

std::optional<int> number_in(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-'))
    return std::nullopt;
  return value;
}

constexpr int leap_year = 2024;

// "2026-12-25" or "12-25".
std::optional<DayText> parse_day(std::string_view text) {
  DayText out;
  out.yearly = text.size() == 5;
  if (!out.yearly && text.size() != 10) return std::nullopt;
  if (!out.yearly && text[4] != '-') return std::nullopt;
  const auto year = out.yearly ? std::optional(leap_year) : number_in(text.substr(0, 4));
  const std::string_view rest = out.yearly ? text : text.substr(5);
  const auto month = number_in(rest.substr(0, 2)), day = number_in(rest.substr(3));
  if (!year || !month || !day || *year < 1 || rest[2] != '-') return std::nullopt;
  out.date = std::chrono::year(*year) / *month / *day;
  if (!out.date.ok()) return std::nullopt;
  return out;
}

// One entry of "days".
class DayReader {
 public:
  DayReader(Problems& problems, ClosedDays& closed) : problems_(problems), closed_(closed) {}

  void read(const json& entry, const std::string& pointer) {
    if (entry.is_string()) {
      const auto day = day_at(entry.get<std::string>(), pointer);
      if (day) add(*day, *day, {}, {}, pointer);
      return;
    }
    if (!entry.is_object()) {
      return problems_.add(pointer,
                           "a day is \"2026-12-25\", \"12-25\" of each year, or an object with "
                           "\"date\", or with \"from\" and \"to\"");
    }
    FieldReader fields(entry, pointer, problems_);
    fields.text("name", max_day_name);
    const auto since = fields.integer("since", 1, 9999), until = fields.integer("until", 1, 9999);
    const auto date = fields.text("date"), from = fields.text("from"), to = fields.text("to");
    fields.refuse_unknown("a day of a calendar");
    if (date.has_value() == (from && to) || from.has_value() != to.has_value()) {
      return problems_.add(pointer, "a day has a \"date\", or \"from\" and \"to\", both closed");
    }
    const auto first = day_at(date ? *date : *from, fields.pointer_to(date ? "date" : "from"));
    const auto last = day_at(date ? *date : *to, fields.pointer_to(date ? "date" : "to"));
    if (!first || !last) return;
    if (first->yearly != last->yearly) {
      return problems_.add(pointer, "\"from\" and \"to\" both have a year, or neither has");
    }
    if (!first->yearly && (since || until)) {
      return problems_.add(pointer,
                           "\"since\" and \"until\" are years of a date that comes each year, "
                           "which is written without one: \"12-25\"");
    }
    add(*first, *last, since, until, pointer);
  }

 private:
  std::optional<DayText> day_at(const std::string& text, const std::string& pointer) {
    const auto day = parse_day(text);
    if (!day) {
      problems_.add(pointer, "\"" + text.substr(0, 80) +
                                 "\" is no day: write \"2026-12-25\", or \"12-25\" for each year");
    }
    return day;
  }

  void add(const DayText& from, const DayText& to, std::optional<std::int64_t> since,
           std::optional<std::int64_t> until, const std::string& pointer) {
    const ZoneDay first(from.date), last(to.date);
    if (from.yearly) {
      if (since && until && *until < *since)
        return problems_.add(pointer,
                             "\"until\" lies before \"since\": the day would be closed in no year");
      if (first <= last) return add_yearly(first, last, 0, since, until);
      // Over New Year, in a leap year on both sides: 29 February may be among its days.
      add_yearly(first, ZoneDay(from.date.year() / 12 / 31), 0, since, until);
      return add_yearly(ZoneDay(from.date.year() / 1 / 1), last, 1, since, until);
    }
    if (last < first) return problems_.add(pointer, "\"to\" lies before \"from\"");
    if (last - first >= longest_range) {
      return problems_.add(pointer, "from \"from\" to \"to\" are at most 366 days");
    }
    closed_.ranges.push_back({first, last});
  }

  // Days of the leap year; `later`: by how many years behind those that are told.
  void add_yearly(ZoneDay first, ZoneDay last, int later, std::optional<std::int64_t> since,
                  std::optional<std::int64_t> until) {
    for (ZoneDay day = first; day <= last; day += days(1)) {
      const std::chrono::year_month_day date(day);
      ClosedYearly one;
      one.month = static_cast<std::uint8_t>(static_cast<unsigned>(date.month()));
      one.day = static_cast<std::uint8_t>(static_cast<unsigned>(date.day()));
      if (since) one.since = static_cast<std::int32_t>(*since) + later;
      if (until) one.until = static_cast<std::int32_t>(*until) + later;
      closed_.yearly.push_back(one);
    }
  }

  Problems& problems_;
  ClosedDays& closed_;
};

// The calendars that there are, for suggestions.
std::vector<std::string> calendar_names(const std::string& dag_folder) {
  std::vector<std::string> names;
  std::error_code failed;
  const std::filesystem::path folder = folder_beside(dag_folder, "calendars");
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    const auto suffix = at->path().extension();
    if (names.size() < 1000 && (suffix == ".json" || suffix == ".ics"))
      names.push_back(at->path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool fits_calendar_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

class CalendarPasser {
 public:
  CalendarPasser(const std::string& dag_folder, Problems& problems, std::vector<std::string>& files)
      : folder_(dag_folder), problems_(problems), files_(files) {}

  void put(json& item, const std::string& pointer) {
    if (!item.is_string()) return;
    const auto& text = item.get_ref<const std::string&>();
    if (!text.starts_with(calendar_prefix)) return;
    const std::string name = text.substr(calendar_prefix.size());
    if (!fits_calendar_name(name)) {
      return problems_.add(pointer, "\"" + text.substr(0, 80) +
                                        "\" names no calendar: its name is of letters, digits, '_' "
                                        "and '-', and its file calendars/NAME.json or .ics");
    }
    const std::string as_json = "calendars/" + name + ".json",
                      as_ics = "calendars/" + name + ".ics";
    const auto written = find(as_json), events = find(as_ics);
    if (written && events) {
      return problems_.add(pointer,
                           "there are " + as_json + " and " + as_ics + ": keep one of them");
    }
    for (const auto* found : {&written, &events}) {
      if (!*found && found->error().code != Errc::not_found) {
        return problems_.add(
            pointer, (found == &written ? as_json : as_ics) + ": " + found->error().message);
      }
    }
    if (!written && !events) {
      return problems_.add(pointer, "there is no calendar \"" + name + "\"" +
                                        did_you_mean(name, calendar_names(folder_)) +
                                        ": it is the file " + as_json + " or " + as_ics +
                                        " beside the DAG folder");
    }
    Problems found;
    json calendar = events ? calendar_of_ics(*events, found) : read_json(*written, found);
    if (found.none()) {
      calendar["calendar"] = name;
      ClosedDays ignored;
      read_calendar(calendar, "", found, ignored);
    }
    if (found.none()) {
      item = std::move(calendar);
      return;
    }
    const std::string& file = events ? as_ics : as_json;
    const auto& list = found.list();
    for (std::size_t i = 0; i < list.size() && i < max_file_problems; ++i) {
      problems_.add(pointer, file + (list[i].pointer.empty() ? "" : " " + list[i].pointer) + ": " +
                                 list[i].message);
    }
    if (list.size() > max_file_problems) {
      problems_.add(
          pointer, file + " has more problems: " + std::to_string(list.size() - max_file_problems));
    }
  }

 private:
  Result<std::string> find(const std::string& path) {
    files_.push_back(path);
    return read_named(folder_, path, max_calendar_file_bytes);
  }

  static json read_json(const std::string& text, Problems& found) {
    JsonLimits limits;
    limits.bytes = max_calendar_file_bytes;
    auto calendar = parse_untrusted(text, limits);
    if (!calendar) {
      found.add("", calendar.error().message);
      return json::object();
    }
    if (!calendar->is_object()) {
      found.add("", "a calendar is an object with \"days\", \"weekdays\" or both");
      return json::object();
    }
    calendar->erase("description");
    return std::move(*calendar);
  }

  const std::string& folder_;
  Problems& problems_;
  std::vector<std::string>& files_;
};

}  // namespace

void read_calendar(const json& calendar, const std::string& pointer, Problems& problems,
                   ClosedDays& closed) {
  FieldReader fields(calendar, pointer, problems);
  fields.text("calendar", 64);
  const auto weekdays = fields.texts("weekdays", weekday_names.size());
  const json* list = fields.find("days");
  fields.refuse_unknown("a calendar");
  if (!fields.find("weekdays") && !list) {
    return problems.add(pointer,
                        "a calendar has \"days\", \"weekdays\" or both; that of a file is named "
                        "as \"calendar:NAME\"");
  }
  if (weekdays) {
    for (const std::string& name : *weekdays) {
      const auto found = std::find(weekday_names.begin(), weekday_names.end(), name);
      if (found == weekday_names.end()) {
        fields.problem("weekdays",
                       "\"" + name.substr(0, 80) +
                           "\" is no day of the week: they are sun, mon, tue, wed, thu, "
                           "fri and sat");
        continue;
      }
      closed.weekdays =
          static_cast<std::uint8_t>(closed.weekdays | 1U << (found - weekday_names.begin()));
    }
  }
  if (!list) return;
  if (!list->is_array()) return fields.problem("days", "the days of a calendar are a list");
  if (list->size() > max_calendar_days) {
    return fields.problem("days", "a calendar has at most 5000 days or ranges of them");
  }
  DayReader reader(problems, closed);
  for (std::size_t i = 0; i < list->size() && !problems.full(); ++i) {
    reader.read((*list)[i], fields.pointer_to("days") + "/" + std::to_string(i));
  }
}

void put_in_calendars(json& definition, const std::string& dag_folder, Problems& problems,
                      std::vector<std::string>& files) {
  if (!definition.is_object()) return;
  const auto exclude = definition.find("exclude");
  if (exclude == definition.end()) return;
  CalendarPasser passer(dag_folder, problems, files);
  if (!exclude->is_array()) return passer.put(*exclude, "/exclude");
  for (std::size_t i = 0; i < exclude->size() && i < max_excluded && !problems.full(); ++i) {
    passer.put((*exclude)[i], "/exclude/" + std::to_string(i));
  }
}

}  // namespace batuta
