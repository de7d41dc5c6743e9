#include "monitor/judge.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>

#include "common/counted.h"

namespace batuta::monitor {
namespace {

constexpr std::size_t least_history = 3;  // versions; a median of fewer says little
constexpr std::size_t max_named = 5;      // of what differs, in a message

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

Verdict unknown(std::string why) {
  return {Status::unknown, std::nullopt, std::nullopt, std::move(why)};
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (std::size_t i = 0; i < std::min(parts.size(), max_named); ++i)
    out += (out.empty() ? "" : "; ") + parts[i];
  if (parts.size() > max_named)
    out += "; and " + std::to_string(parts.size() - max_named) + " more";
  return out;
}

Verdict judge_freshness(const Monitor& m, const Sight& seen, Time now) {
  if (!seen.is_there)
    return {Status::unwell, std::nullopt, seconds(m.within), "there is no table " + m.table};
  if (!seen.changed) {
    // How old the data is nobody knows, but that they are older than this is enough to be late.
    const Duration least =
        seen.unchanged_since ? std::max(Duration{}, now - *seen.unchanged_since) : Duration{};
    if (least > m.within) {
      return {Status::unwell, seconds(least), seconds(m.within),
              "no change since at least " + to_iso(*seen.unchanged_since) + ", " + age_text(least) +
                  " ago, and " + age_text(m.within) + " are allowed"};
    }
    return unknown("the log of " + m.table + " no longer tells when its rows last changed");
  }
  const Duration age = std::max(Duration{}, now - *seen.changed);
  const bool well = age <= m.within;
  return {well ? Status::well : Status::unwell, seconds(age), seconds(m.within),
          "the newest version is " + age_text(age) + " old" +
              (well ? "" : ", and " + age_text(m.within) + " are allowed")};
}

Verdict judge_volume(const Monitor& m, const Sight& seen) {
  if (!seen.is_there) return unknown("there is no table " + m.table);
  if (seen.written.empty()) return unknown("no version of " + m.table + " has written rows");
  if (!seen.written.front())
    return unknown("the newest version of " + m.table + " has files without statistics");
  std::vector<std::int64_t> before;
  for (std::size_t i = 1;
       i < seen.written.size() && before.size() < static_cast<std::size_t>(m.history); ++i)
    if (seen.written[i]) before.push_back(*seen.written[i]);
  if (before.size() < least_history) {
    return unknown("only " + counted(std::ssize(before), "version", "versions") +
                   " before the newest can be compared with, and it takes 3");
  }
  std::sort(before.begin(), before.end());
  const std::size_t half = before.size() / 2;
  const double median =
      before.size() % 2 == 1
          ? static_cast<double>(before[half])
          : (static_cast<double>(before[half - 1]) + static_cast<double>(before[half])) / 2;
  const auto rows = static_cast<double>(*seen.written.front());
  const std::string told = "the newest version wrote " +
                           counted(*seen.written.front(), "row", "rows") + ", and the median of " +
                           std::to_string(before.size()) + " before it is " + short_number(median);
  if (median <= 0) {
    // Nothing is no measure: any rows after versions without are more than at_most times them.
    return {rows > 0 ? Status::unwell : Status::well, std::nullopt, m.at_most, told};
  }
  const double times = rows / median;
  if (times < m.at_least)
    return {Status::unwell, times, m.at_least,
            told + ": below " + short_number(m.at_least) + " times"};
  if (times > m.at_most)
    return {Status::unwell, times, m.at_most,
            told + ": above " + short_number(m.at_most) + " times"};
  return {Status::well, times, m.at_least, told};
}

Verdict judge_schema(const Monitor& m, const Sight& seen, const Columns* baseline) {
  if (!seen.is_there) return unknown("there is no table " + m.table);
  const bool own = !m.columns.empty();
  if (!own && baseline == nullptr) {
    return {
        Status::well, 0, 0,
        counted(std::ssize(seen.columns), "column", "columns") + ", from now on what is expected"};
  }
  const Columns& expected = own ? m.columns : *baseline;
  std::map<std::string, std::string> there(seen.columns.begin(), seen.columns.end());
  std::vector<std::string> drift;
  for (const auto& [name, type] : expected) {
    const auto at = there.find(name);
    if (at == there.end()) {
      drift.push_back(name + " is gone");
    } else {
      if (at->second != type) drift.push_back(name + " is " + at->second + ", was " + type);
      there.erase(at);
    }
  }
  if (!m.new_columns)
    for (const auto& [name, type] : there) drift.push_back(name + " (" + type + ") is new");
  if (drift.empty())
    return {Status::well, 0, 0,
            counted(std::ssize(seen.columns), "column", "columns") + ", as expected"};
  return {Status::unwell, static_cast<double>(drift.size()), 0,
          "the columns differ: " + joined(drift)};
}

Verdict judge_quality(const Monitor& m, const Sight& seen) {
  if (!seen.quality) return unknown("no attempt has told of the quality of " + m.table);
  std::vector<std::string> broken;
  double rows = 0;
  for (const RuleResult& rule : *seen.quality) {
    if (rule.passed) continue;
    rows += static_cast<double>(rule.failed);
    broken.push_back(rule.rule + " (" + std::to_string(rule.failed) + " of " +
                     std::to_string(rule.checked) + " rows" +
                     (rule.blocking ? ", not published)" : ")"));
  }
  const std::string when = seen.quality_at ? ", at " + to_iso(*seen.quality_at) : "";
  if (broken.empty())
    return {Status::well, 0, 0,
            counted(std::ssize(*seen.quality), "rule holds", "rules hold") + when};
  return {Status::unwell, rows, 0, "broken: " + joined(broken) + when};
}

Verdict judge_failures(const Monitor& m, const Sight& seen) {
  std::vector<std::string> failing;
  std::int64_t most = 0;
  bool any = false;
  for (const TaskFailures& task : seen.tasks) {
    if (!m.task.empty() && task.task != m.task) continue;
    any = true;
    most = std::max(most, task.in_a_row);
    if (task.in_a_row <= m.let_pass) continue;
    failing.push_back(task.task + " failed " + std::to_string(task.in_a_row) +
                      (task.in_a_row == 1 ? " time" : " times in a row") +
                      (task.error.empty() ? "" : ": " + task.error));
  }
  const auto limit = static_cast<double>(m.let_pass);
  if (!any) return unknown("no attempt of a data task of " + m.target() + " is known");
  if (failing.empty())
    return {Status::well, static_cast<double>(most), limit, "no data task fails"};
  return {Status::unwell, static_cast<double>(most), limit, joined(failing)};
}

// What is lost is told until the group is past it.
Verdict judge_lag(const Monitor& m, const Sight& seen) {
  const std::string records = counted(seen.behind, "record", "records");
  Verdict told{Status::well, static_cast<double>(seen.behind), static_cast<double>(m.behind),
               m.group + " is " + records + " behind in " + m.topic};
  if (seen.behind > m.behind || seen.lost > 0) told.status = Status::unwell;
  if (seen.lost > 0)
    told.message += "; " + counted(seen.lost, "was", "were") + " deleted before it read them";
  return told;
}

// One bound, and how far what was counted fills it.
struct Filled {
  double share = 0;        // times the bound
  std::string over, told;  // "12 runs, and 10 are allowed"; "3 of 10 runs"
  bool is_least = false;   // it is so much or more
};

Filled filled(double value, double bound, const std::string& shown, const std::string& shown_bound,
              const std::string& unit, bool is_least) {
  const std::string behind = unit.empty() ? "" : " " + unit;
  return {value / bound, shown + behind + ", and " + shown_bound + " are allowed",
          shown + " of " + shown_bound + behind, is_least};
}

std::vector<Filled> bounds_of(const CostBounds& bounds, const Cost& cost) {
  std::vector<Filled> out;
  if (bounds.runs) {
    out.push_back(filled(static_cast<double>(cost.runs), static_cast<double>(*bounds.runs),
                         std::to_string(cost.runs), std::to_string(*bounds.runs), "runs",
                         cost.more));
  }
  if (bounds.cpu_seconds) {
    out.push_back(filled(cost.cpu_seconds, *bounds.cpu_seconds, short_number(cost.cpu_seconds),
                         short_number(*bounds.cpu_seconds), "CPU seconds", cost.more));
  }
  if (bounds.bytes_stored) {
    out.push_back(filled(static_cast<double>(cost.bytes_stored),
                         static_cast<double>(*bounds.bytes_stored), bytes_text(cost.bytes_stored),
                         bytes_text(*bounds.bytes_stored), "stored", cost.size_unknown));
  }
  if (bounds.bytes_scanned) {
    out.push_back(filled(static_cast<double>(cost.bytes_scanned),
                         static_cast<double>(*bounds.bytes_scanned), bytes_text(cost.bytes_scanned),
                         bytes_text(*bounds.bytes_scanned), "scanned", cost.more));
  }
  return out;
}

// The value is how many times the bound that is filled most: bounds of several units have one line.
// What is known only in part may break a bound, and holds none.
Verdict judge_cost(const Monitor& m, const Sight& seen) {
  if (!seen.cost) return unknown("nobody has counted yet what " + m.target() + " took");
  double most = 0;
  bool is_least = false;
  std::vector<std::string> over, told;
  for (const Filled& one : bounds_of(m.bounds, *seen.cost)) {
    most = std::max(most, one.share);
    is_least = is_least || one.is_least;
    told.push_back(one.told);
    if (one.share > 1) over.push_back(one.over);
  }
  std::string text = "in " + age_text(m.window) + ": " + joined(over.empty() ? told : over);
  if (seen.cost->unmeasured > 0 && (m.bounds.cpu_seconds || m.bounds.bytes_scanned)) {
    text += " (without " + std::to_string(seen.cost->unmeasured) +
            (seen.cost->unmeasured == 1 ? " try that was" : " tries that were") + " not measured)";
  }
  if (!over.empty()) return {Status::unwell, most, 1, text};
  if (is_least) {
    return unknown(text + ", and more: " +
                   (seen.cost->more ? "there are more tries than are counted"
                                    : "the size of a table is not known"));
  }
  return {Status::well, most, 1, text};
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::well:
      return "well";
    case Status::unwell:
      return "unwell";
    case Status::unknown:
      break;
  }
  return "unknown";
}

std::string age_text(Duration span) {
  static constexpr std::pair<std::int64_t, char> units[] = {
      {86'400, 'd'}, {3'600, 'h'}, {60, 'm'}, {1, 's'}};
  std::int64_t left = span / std::chrono::seconds(1);
  std::string out;
  int shown = 0;
  for (const auto& [size, letter] : units) {
    const std::int64_t count = left / size;
    left -= count * size;
    if (count == 0 && !(size == 1 && shown == 0)) {
      if (shown > 0) break;
      continue;
    }
    out += (out.empty() ? "" : " ") + std::to_string(count) + letter;
    if (++shown == 2) break;
  }
  return out;
}

std::string bytes_text(std::int64_t bytes) {
  static constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(units); ++unit) size /= 1024;
  return short_number(size) + " " + units[unit];
}

Verdict judge(const Monitor& monitor, const Sight& seen, const Columns* baseline, Time now) {
  if (!seen.trouble.empty()) return unknown(seen.trouble);
  switch (monitor.kind) {
    case Kind::freshness:
      return judge_freshness(monitor, seen, now);
    case Kind::volume:
      return judge_volume(monitor, seen);
    case Kind::schema:
      return judge_schema(monitor, seen, baseline);
    case Kind::quality:
      return judge_quality(monitor, seen);
    case Kind::failures:
      return judge_failures(monitor, seen);
    case Kind::lag:
      return judge_lag(monitor, seen);
    case Kind::cost:
      break;
  }
  return judge_cost(monitor, seen);
}

}  // namespace batuta::monitor
