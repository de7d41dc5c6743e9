// iCalendar (RFC 5545), as far as files of holidays go: events of whole days, once or each year.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/text.h"
#include "scheduler/dagfile/calendar_file.h"

namespace batuta {
namespace {

using nlohmann::json;
using std::chrono::days;

constexpr std::size_t max_summary = 250;

struct IcsLine {
  std::size_t number = 0;  // where it begins, from 1
  std::string name, parameters, value;
};

std::string ics_upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

// A line that begins with white space goes on with the one before it.
std::vector<IcsLine> lines_of_ics(std::string_view text) {
  std::vector<std::pair<std::size_t, std::string>> whole;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!whole.empty() && (line.starts_with(' ') || line.starts_with('\t'))) {
      whole.back().second += line.substr(1);
    } else if (!line.empty()) {
      whole.emplace_back(number, line);
    }
  }
  std::vector<IcsLine> lines;
  lines.reserve(whole.size());
  for (const auto& [number, line] : whole) {
    bool quoted = false;
    std::size_t colon = 0;
    for (; colon < line.size() && (quoted || line[colon] != ':'); ++colon) {
      if (line[colon] == '"') quoted = !quoted;
    }
    const std::string_view head = std::string_view(line).substr(0, colon);
    const auto semicolon = head.find(';');
    IcsLine out;
    out.number = number;
    out.name = ics_upper(head.substr(0, semicolon));
    if (semicolon != head.npos) out.parameters = ics_upper(head.substr(semicolon));
    if (colon < line.size()) out.value = line.substr(colon + 1);
    lines.push_back(std::move(out));
  }
  return lines;
}

// "20261225"; what follows a date, a time of day, is the caller's to judge.
std::optional<std::chrono::year_month_day> ics_date(std::string_view text) {
  if (text.size() < 8) return std::nullopt;
  int parts[3] = {};
  constexpr std::size_t at[3] = {0, 4, 6}, length[3] = {4, 2, 2};
  for (int i = 0; i < 3; ++i) {
    const std::string_view part = text.substr(at[i], length[i]);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), parts[i]);
    if (error != std::errc() || end != part.data() + part.size() || part.front() == '-')
      return std::nullopt;
  }
  const std::chrono::year_month_day date = std::chrono::year(parts[0]) / parts[1] / parts[2];
  if (!date.ok() || parts[0] < 1) return std::nullopt;
  return date;
}

std::string ics_two(unsigned number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

std::string month_and_day(std::chrono::year_month_day date) {
  return ics_two(static_cast<unsigned>(date.month())) + "-" +
         ics_two(static_cast<unsigned>(date.day()));
}

std::string whole_date(std::chrono::year_month_day date) {
  std::string year = std::to_string(static_cast<int>(date.year()));
  return std::string(4 - year.size(), '0') + year + "-" + month_and_day(date);
}

// "\," and "\;" and "\n" of a text; one that is too long for a day's name ends with "…".
std::string summary_text(std::string_view value) {
  constexpr std::string_view more = "…";
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) {
      ++i;
      out += value[i] == 'n' || value[i] == 'N' ? ' ' : value[i];
    } else {
      out += value[i];
    }
  }
  if (out.size() <= max_summary) return out;
  std::size_t end = max_summary - more.size();
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U)
    --end;  // whole letters
  out.resize(end);
  out += more;
  return out;
}

class IcsEvent {
 public:
  IcsEvent(Problems& problems, json& out) : problems_(problems), out_(out) {}

  void line(const IcsLine& it) {
    if (it.name == "DTSTART") {
      begins_ = it.number;
      start_ = whole_day(it);
    } else if (it.name == "DTEND") {
      end_ = whole_day(it);
    } else if (it.name == "DURATION") {
      duration(it);
    } else if (it.name == "SUMMARY") {
      summary(it);
    } else if (it.name == "RRULE") {
      rule_ = it;
    } else if (it.name == "STATUS") {
      cancelled_ = ics_upper(it.value) == "CANCELLED";
    } else if (it.name == "RDATE" || it.name == "EXDATE" || it.name == "RECURRENCE-ID") {
      tell(it, it.name + " is not read: give each of its days an event of its own");
    }
  }

  void end(std::size_t number) {
    if (cancelled_ || wrong_) return;
    if (!start_) {
      return problems_.add("line " + std::to_string(number), "an event without DTSTART is no day");
    }
    const std::chrono::sys_days first(*start_);
    const std::chrono::sys_days last =
        end_ ? std::chrono::sys_days(*end_) - days(1) : first + days(std::max(length_, 1) - 1);
    if (last < first) {
      return problems_.add("line " + std::to_string(begins_),
                           "DTEND is the day after the last one, and lies before DTSTART here");
    }
    json day = json::object();
    if (!summary_.empty()) day["name"] = summary_;
    const bool yearly = !rule_.name.empty();
    if (yearly && !repeats(day)) return;
    const auto text = [&](std::chrono::sys_days of) {
      return yearly ? month_and_day(of) : whole_date(of);
    };
    if (first == last) {
      day["date"] = text(first);
    } else {
      day["from"] = text(first);
      day["to"] = text(last);
    }
    out_.push_back(std::move(day));
  }

 private:
  void tell(const IcsLine& it, std::string why) {
    wrong_ = true;
    problems_.add("line " + std::to_string(it.number), std::move(why));
  }

  std::optional<std::chrono::year_month_day> whole_day(const IcsLine& it) {
    const auto date = ics_date(it.value);
    if (date && it.value.size() == 8) return date;
    tell(it, it.name + " must be a whole day, " + it.name + ";VALUE=DATE:20261225" +
                 (date ? ": an event with a time of day closes no day" : ""));
    return std::nullopt;
  }

  // Judged once its lines are one again: they may have been parted within a letter.
  void summary(const IcsLine& it) {
    const auto text = to_utf8(it.value);
    if (!text) return tell(it, "SUMMARY: " + text.error().message + ": save the file as UTF-8");
    summary_ = summary_text(*text);
  }

  // "P3D" or "P1W".
  void duration(const IcsLine& it) {
    const std::string& text = it.value;
    int number = 0;
    const bool form = text.size() >= 3 && text[0] == 'P';
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + (form ? 1 : 0), end, number);
    const bool one_letter = form && parsed.ec == std::errc() && parsed.ptr + 1 == end;
    if (!one_letter || number < 1 || number > 366 || (*parsed.ptr != 'D' && *parsed.ptr != 'W'))
      return tell(it, "DURATION must be of whole days, such as P1D");
    length_ = *parsed.ptr == 'W' ? number * 7 : number;
  }

  // Each year, from that of its first day on.
  bool repeats(json& day) {
    const int since = static_cast<int>(start_->year());
    day["since"] = since;
    bool each_year = false;
    std::string_view rest = rule_.value;
    while (!rest.empty()) {
      const auto semicolon = rest.find(';');
      const std::string part = ics_upper(rest.substr(0, semicolon));
      rest.remove_prefix(semicolon == rest.npos ? rest.size() : semicolon + 1);
      if (part.empty() || part.starts_with("WKST=") || part == "INTERVAL=1") continue;
      if (part == "FREQ=YEARLY") {
        each_year = true;
      } else if (part == "BYMONTH=" + std::to_string(static_cast<unsigned>(start_->month())) ||
                 part == "BYMONTHDAY=" + std::to_string(static_cast<unsigned>(start_->day()))) {
        continue;  // what DTSTART says already
      } else if (part.starts_with("COUNT=")) {
        int count = 0;
        std::from_chars(part.data() + 6, part.data() + part.size(), count);
        if (count < 1 || count > 9999) return refuse_rule(part);
        day["until"] = year_of_time(since, count);
      } else if (part.starts_with("UNTIL=")) {
        const auto until = ics_date(std::string_view(part).substr(6));
        if (!until) return refuse_rule(part);
        const int year = static_cast<int>(until->year());
        const std::chrono::year_month_day of_it = until->year() / start_->month() / start_->day();
        const int last = of_it <= *until ? year : year - 1;
        if (last < since) return refuse_rule(part);
        day["until"] = last;
      } else {
        return refuse_rule(part);
      }
    }
    return each_year || refuse_rule(rule_.value.substr(0, 80));
  }

  // Of a 29 February each fourth counts.
  int year_of_time(int since, int count) const {
    int year = since;
    for (int left = count - 1; left > 0 && year < 9999;) {
      ++year;
      if ((std::chrono::year(year) / start_->month() / start_->day()).ok()) --left;
    }
    return year;
  }

  bool refuse_rule(const std::string& part) {
    tell(rule_, "RRULE with " + part.substr(0, 80) +
                    " is not read: it is FREQ=YEARLY with COUNT or UNTIL; give each day of another "
                    "rule an event of its own");
    return false;
  }

  Problems& problems_;
  json& out_;
  std::size_t begins_ = 0;
  std::optional<std::chrono::year_month_day> start_, end_;
  int length_ = 0;
  std::string summary_;
  IcsLine rule_;
  bool cancelled_ = false;
  bool wrong_ = false;
};

}  // namespace

json calendar_of_ics(std::string_view text, Problems& problems) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  json out = json::array();
  const auto lines = lines_of_ics(text);
  if (lines.empty() || lines.front().name != "BEGIN" ||
      ics_upper(lines.front().value) != "VCALENDAR") {
    problems.add("line 1", "an iCalendar file begins with BEGIN:VCALENDAR");
    return json::object();
  }
  std::optional<IcsEvent> event;
  std::size_t inner = 0;  // components within the event: alarms
  for (const IcsLine& line : lines) {
    if (problems.full()) break;
    const bool begins = line.name == "BEGIN", ends = line.name == "END";
    if (!event) {
      if (begins && ics_upper(line.value) == "VEVENT") event.emplace(problems, out);
    } else if (begins) {
      ++inner;
    } else if (ends && inner > 0) {
      --inner;
    } else if (ends) {
      event->end(line.number);
      event.reset();
    } else if (inner == 0) {
      event->line(line);
    }
  }
  if (event) problems.add("line " + std::to_string(lines.back().number), "END:VEVENT is missing");
  if (out.empty() && problems.none()) problems.add("", "there is no event (VEVENT) in it");
  return {{"days", std::move(out)}};
}

}  // namespace batuta
