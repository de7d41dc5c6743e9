#include "contract/retention.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "contract/reader.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

constexpr const char* received_day = "ingest_date";
constexpr const char* first_of_all_days = "0001-01-01";
constexpr std::int64_t most_periods = 36'500;  // a hundred years of days

char unit_of_period(const std::string& unit) {
  const std::pair<const char*, char> units[] = {
      {"d", 'd'},     {"day", 'd'}, {"days", 'd'}, {"w", 'w'},     {"week", 'w'},
      {"weeks", 'w'}, {"mo", 'm'},  {"mon", 'm'},  {"month", 'm'}, {"months", 'm'},
      {"y", 'y'},     {"yr", 'y'},  {"year", 'y'}, {"years", 'y'}};
  for (const auto& [name, letter] : units)
    if (unit == name) return letter;
  return 0;
}

// The column of the table that an element ("orders.day", "day") names; empty: none of it. `other`:
// it names another table.
std::string column_in(const std::string& element, const std::string& table, bool& other) {
  const auto dot = element.find('.');
  if (dot == element.npos) return element;
  other = element.substr(0, dot) != table;
  return other ? "" : element.substr(dot + 1);
}

void read_level(const Value& level, const std::string& at, Retention& out, Notes& notes) {
  const std::string value = written(level["value"]);
  char* end = nullptr;
  out.count = std::strtoll(value.c_str(), &end, 10);
  if (value.empty() || *end != 0 || out.count < 1 || out.count > most_periods)
    notes.problem(at + "/value", "a retention that is carried out is a whole number from 1 to " +
                                     std::to_string(most_periods));
  out.unit = unit_of_period(text_at(level, "unit"));
  if (out.unit == 0)
    notes.problem(at + "/unit",
                  "a retention that is carried out has the unit d (days), w, mo or y");
}

}  // namespace

Retention read_retention(const Value& contract, const CustomProperties& own, const Table& table,
                         Notes& notes) {
  Retention out;
  const std::string at = own.pointer("batuta.retention");
  for (const std::string& layer : own.texts("batuta.retention")) {
    if (layer != "silver" && layer != "quarantine" && layer != "bronze")
      notes.problem(at, "batuta.retention is a list of silver, quarantine and bronze, not \"" +
                            layer.substr(0, 80) +
                            (layer == "raw" ? "\": raw is files as they came, and nothing here "
                                              "removes them by their age"
                                            : "\""));
    else if (std::find(out.layers.begin(), out.layers.end(), layer) == out.layers.end())
      out.layers.push_back(layer);
  }
  if (out.layers.empty()) return out;
  bool found = false;
  const auto levels = contract.find("slaProperties");
  for (std::size_t i = 0; levels != contract.end() && i < levels->size(); ++i) {
    const Value& level = (*levels)[i];
    if (text_at(level, "property") != "retention") continue;
    bool other = false;
    const std::string column = column_in(text_at(level, "element"), table.name, other);
    if (other) continue;
    const std::string here = "/slaProperties/" + std::to_string(i);
    if (found) notes.problem(here, "the table " + table.name + " has another retention already");
    found = true;
    out.column = column;
    read_level(level, here, out, notes);
  }
  if (!found) {
    notes.problem(at,
                  "batuta.retention needs a service level: slaProperties with the property "
                  "retention, a value and a unit, of this table or of all");
    return out;
  }
  if (std::find(out.layers.begin(), out.layers.end(), "silver") == out.layers.end()) return out;
  if (const auto partitions = table.partitions(); out.column.empty() && partitions.size() == 1)
    out.column = partitions[0];
  const Column* column = table.column(out.column);
  if (column == nullptr)
    notes.problem(at, out.column.empty()
                          ? "by which column do rows of silver go? name it as the service level's "
                            "element: " +
                                table.name + ".<column>"
                          : "the service level's element names \"" + out.column.substr(0, 80) +
                                "\", which is no column of the table");
  else if ((column->type != "date" && column->type != "timestamp") || column->mask != Mask::none)
    notes.problem(
        at, "rows go by a date or a timestamp without a mask, and " + out.column + " is none");
  return out;
}

std::string first_day_kept(const Retention& retention, Time now) {
  using namespace std::chrono;
  const sys_days today = floor<days>(now);
  year_month_day day(today);
  if (retention.unit == 'd' || retention.unit == 'w') {
    day = year_month_day(today - days(retention.count * (retention.unit == 'w' ? 7 : 1)));
  } else {
    const std::int64_t back = retention.count * (retention.unit == 'y' ? 12 : 1);
    // Further back a calendar's years begin anew in the far future.
    if (back / 12 >= static_cast<int>(day.year())) return first_of_all_days;
    day -= months(back);
    if (!day.ok()) day = year_month_day(day.year() / day.month() / last);
  }
  if (static_cast<int>(day.year()) < 1) return first_of_all_days;
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text;
}

std::vector<Expiry> expiries(const Table& table, const std::string& path, Time now) {
  std::vector<Expiry> out;
  if (table.retention.layers.empty()) return out;
  const std::string before = first_day_kept(table.retention, now);
  for (const std::string& layer : table.retention.layers)
    out.push_back(
        {layer + "/" + path, layer == "silver" ? table.retention.column : received_day, before});
  return out;
}

}  // namespace batuta::contract
