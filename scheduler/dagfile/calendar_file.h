// Calendars of holidays: what a DAG's "exclude" names, and the files in the folder calendars beside
// the DAG folder.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/core/closed_days.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

inline constexpr std::size_t max_calendar_file_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_calendar_days = 5000;  // entries of one calendar

// Adds the days of {"calendar": "b3", "weekdays": ["sat"], "days": ["2026-12-25", {"date": "12-25",
// "name": "Christmas", "since": 2020, "until": 2030}, {"from": …, "to": …}]} to `closed`; a date
// without a year is one of each year. What is wrong is a problem below `pointer`.
void read_calendar(const nlohmann::json& calendar, const std::string& pointer, Problems& problems,
                   ClosedDays& closed);

// The events of an iCalendar file that are whole days, in the form that read_calendar() reads:
// VEVENT with DTSTART and DTEND or DURATION of days, RRULE:FREQ=YEARLY with COUNT or UNTIL,
// SUMMARY. Whatever else would change which days they are is a problem, with the line it stands in.
nlohmann::json calendar_of_ics(std::string_view text, Problems& problems);

// Puts in the place of each "calendar:NAME" of the DAG's "exclude" what the file of that name says,
// calendars/NAME.json or calendars/NAME.ics, so that the DAG's version holds its days. What is
// wrong is a problem of the DAG, with the file's name. `files`: what was looked for, relative to
// `dag_folder`, whether or not it was there.
void put_in_calendars(nlohmann::json& definition, const std::string& dag_folder, Problems& problems,
                      std::vector<std::string>& files);

}  // namespace batuta
