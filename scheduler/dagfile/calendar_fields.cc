#include "scheduler/dagfile/calendar_fields.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "scheduler/dagfile/calendar_file.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::uint8_t weekend_days = 1U << 6 | 1U << 0;
constexpr std::uint8_t all_weekdays = 0x7F;
constexpr std::size_t most_yearly_days = 300;
constexpr Time far_ahead = std::chrono::sys_days(std::chrono::year(2100) / 1 / 1);

// What people read of it; nullopt: told.
std::optional<std::string> read_excluded(const json& item, const std::string& pointer,
                                         Problems& problems, ClosedDays& closed) {
  if (item.is_object()) {
    read_calendar(item, pointer, problems, closed);
    const auto name = item.find("calendar");
    if (name != item.end() && name->is_string())
      return std::string(calendar_prefix) + name->get<std::string>();
    return "its own calendar";
  }
  const std::string text = item.is_string() ? item.get<std::string>() : "";
  if (text == "weekend") {
    closed.weekdays |= weekend_days;
    return text;
  }
  if (text.starts_with(calendar_prefix)) return std::nullopt;
  problems.add(pointer,
               text.empty()
                   ? "what is excluded is \"calendar:NAME\", \"weekend\" or an object with "
                     "\"days\""
                   : "\"" + text.substr(0, 80) +
                         "\" excludes nothing: write \"calendar:" + text.substr(0, 64) +
                         "\" for the calendar of that name, or "
                         "\"weekend\"");
  return std::nullopt;
}

void check_open_days(FieldReader& fields, const Dag& dag, const ClosedDays& closed) {
  const auto yearly = std::count_if(closed.yearly.begin(), closed.yearly.end(),
                                    [](const ClosedYearly& one) { return one.until > 9999; });
  const bool long_range =
      std::any_of(closed.ranges.begin(), closed.ranges.end(), [](const ClosedRange& range) {
        return (range.last - range.first).count() >= most_closed_in_a_row;
      });
  if (closed.weekdays == all_weekdays || long_range ||
      static_cast<std::size_t>(yearly) > most_yearly_days) {
    return fields.problem("exclude",
                          "too few days are left: every day of the week, more than 300 dates of "
                          "each year, or more than 1000 days in a row are closed");
  }
  const bool dates = dag.schedule.kind == Timetable::Kind::dates;
  if (!has_ticks(dag.schedule) || (dates && dag.schedule.dates.empty())) return;  // told
  const Time from = dates ? dag.schedule.dates.front() - std::chrono::days(400) : far_ahead;
  if (next_tick(dag.schedule, from)) return;
  fields.problem("exclude",
                 "no tick of the schedule is left: all fall on closed days; \"roll\": \"next\" or "
                 "\"previous\" has them fall on open ones");
}

}  // namespace

void read_exclude(FieldReader& fields, Dag& dag) {
  const json* given = fields.find("exclude");
  const auto roll = fields.text("roll", 128);
  if (!given || given->is_null()) {
    if (roll)
      fields.problem("roll", "roll says where ticks go that fall on what \"exclude\" names");
    return;
  }
  auto closed = std::make_shared<ClosedDays>();
  const std::size_t before = fields.problems().list().size();
  const std::string pointer = fields.pointer_to("exclude");
  bool told = false;
  const auto take = [&](const json& item, const std::string& at) {
    const auto text = read_excluded(item, at, fields.problems(), *closed);
    told = told || !text;
    if (!text) return;
    dag.schedule.closed_text += (dag.schedule.closed_text.empty() ? "" : ", ") + *text;
  };
  if (!given->is_array()) {
    take(*given, pointer);
  } else if (given->empty() || given->size() > max_excluded) {
    return fields.problem("exclude", "a list of 1 to 16 calendars");
  } else {
    for (std::size_t i = 0; i < given->size() && !fields.problems().full(); ++i) {
      take((*given)[i], pointer + "/" + std::to_string(i));
    }
  }
  if (roll == "next") {
    closed->roll = ClosedDays::Roll::next;
  } else if (roll == "previous") {
    closed->roll = ClosedDays::Roll::previous;
  } else if (roll) {
    fields.problem("roll",
                   "roll must be \"next\" or \"previous\"; without it a tick on a closed "
                   "day is none");
  }
  const bool continuous = dag.schedule.kind == Timetable::Kind::continuous;
  if (!has_ticks(dag.schedule) && !continuous) {
    return fields.problem("exclude",
                          "exclude needs a \"schedule\" of cron expressions, an interval, dates or "
                          "@continuous");
  }
  if (continuous && roll) {
    return fields.problem("roll", "@continuous has no ticks that could be moved: leave roll out");
  }
  put_in_order(*closed);
  dag.schedule.closed = std::move(closed);
  if (told || fields.problems().list().size() > before) return;
  check_open_days(fields, dag, *dag.schedule.closed);
}

}  // namespace batuta
