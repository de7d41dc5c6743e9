#include "scheduler/dagfile/schedule_fields.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "scheduler/dagfile/asset_fields.h"
#include "scheduler/dagfile/calendar_fields.h"
#include "scheduler/dagfile/zone.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_crons = 32;
constexpr std::size_t max_dates = 1000;
constexpr std::int64_t max_runs = 1'000'000;
constexpr Duration least_every = std::chrono::seconds(1);
constexpr Duration most_every = std::chrono::days(3660);
constexpr Duration most_jitter = std::chrono::hours(24);

const std::vector<std::string>& presets() {
  static const std::vector<std::string> names = {
      "@once",   "@continuous", "@hourly",    "@daily",  "@midnight",
      "@weekly", "@monthly",    "@quarterly", "@yearly", "@annually"};
  return names;
}

void refuse_schedule(Problems& problems, std::string pointer, const std::string& text,
                     const Error& error) {
  std::string why = error.message;
  if (text.starts_with('@') && !text.starts_with("@every") && text != "@reboot") {
    why = "known presets are " + presets().front();
    for (std::size_t i = 1; i < presets().size(); ++i) why += ", " + presets()[i];
    why += did_you_mean(text, presets());
  }
  problems.add(std::move(pointer), "\"" + text.substr(0, 80) + "\" is not a schedule: " + why);
}

void read_schedule_text(FieldReader& fields, Dag& dag, const char* name = "schedule") {
  const auto text = fields.text(name, 1024);
  if (!text) return;
  dag.schedule_text = *text;
  const bool beside_assets = std::string_view(name) != "schedule";
  if (beside_assets && (*text == "@once" || *text == "@continuous")) {
    fields.problem(name, *text + " stands alone, not beside assets");
  } else if (*text == "@once") {
    dag.schedule.kind = Timetable::Kind::once;
  } else if (*text == "@continuous") {
    dag.schedule.kind = Timetable::Kind::continuous;
    if (dag.max_active_runs != 1) {
      fields.problem("schedule", "@continuous needs \"max_active_runs\": 1");
    }
  } else if (auto cron = parse_cron(*text)) {
    dag.schedule.kind = Timetable::Kind::cron;
    dag.schedule.cron = *cron;
  } else {
    refuse_schedule(fields.problems(), fields.pointer_to(name), *text, cron.error());
  }
}

void read_crons(FieldReader& fields, Dag& dag, const char* name = "schedule") {
  const auto list = fields.texts(name, max_crons);
  if (!list) return;
  if (list->empty()) {
    return fields.problem(name, "a list of cron expressions needs at least one");
  }
  std::vector<Cron> crons;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string& text = (*list)[i];
    dag.schedule_text += (i == 0 ? "" : ", ") + text;
    const auto cron = parse_cron(text);
    const auto where = fields.pointer_to(name) + "/" + std::to_string(i);
    if (cron) {
      crons.push_back(*cron);
    } else if (text == "@once" || text == "@continuous") {
      fields.problems().add(where, text + " stands alone, not in a list");
    } else {
      refuse_schedule(fields.problems(), where, text, cron.error());
    }
  }
  if (crons.empty()) return;
  dag.schedule.kind = Timetable::Kind::cron;
  dag.schedule.cron = crons.front();
  dag.schedule.more_crons.assign(crons.begin() + 1, crons.end());
}

void read_every(FieldReader& schedule, Dag& dag) {
  const json& written = *schedule.find("every");
  if (written.is_null()) return schedule.problem("every", "an interval is a text such as \"30m\"");
  const auto every = schedule.duration("every");
  if (!every) return;
  if (*every < least_every || *every > most_every) {
    return schedule.problem("every", "an interval is at least 1s and at most 3660d");
  }
  dag.schedule.kind = Timetable::Kind::interval;
  dag.schedule.every = *every;
  dag.schedule_text =
      "every " + (written.is_string() ? written.get<std::string>() : written.dump() + "s");
}

void read_date_list(FieldReader& schedule, Dag& dag) {
  const auto list = schedule.texts("dates", max_dates);
  if (!list) return;
  auto& dates = dag.schedule.dates;
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (const OptTime date = parse_iso((*list)[i])) {
      dates.push_back(*date);
      continue;
    }
    schedule.problems().add(schedule.pointer_to("dates") + "/" + std::to_string(i),
                            "\"" + (*list)[i].substr(0, 80) +
                                "\" is not a time with its zone: write \"2024-01-01T00:00:00Z\"");
  }
  if (list->empty()) return schedule.problem("dates", "a list of dates needs at least one");
  std::sort(dates.begin(), dates.end());
  if (std::adjacent_find(dates.begin(), dates.end()) != dates.end()) {
    schedule.problem("dates", "two of the dates are the same instant");
  }
  dag.schedule.kind = Timetable::Kind::dates;
  dag.schedule_text = dates.size() == 1 ? "1 date" : std::to_string(dates.size()) + " dates";
}

void read_schedule(FieldReader& fields, Dag& dag) {
  const json* value = fields.find("schedule");
  if (!value || value->is_null()) return;
  if (value->is_array()) return read_crons(fields, dag);
  if (!value->is_object()) {
    if (value->is_string()) return read_schedule_text(fields, dag);
    return fields.problem("schedule",
                          "schedule must be a text, a list of cron expressions, "
                          "{\"every\": \"30m\"}, {\"dates\": […]} or {\"assets\": […]}");
  }
  FieldReader schedule(*value, fields.pointer_to("schedule"), fields.problems());
  const bool every = schedule.find("every") != nullptr;
  const bool dates = schedule.find("dates") != nullptr;
  const json* crons = schedule.find("cron");
  const json* assets = schedule.find("assets");
  std::optional<PartitionMapper> partitions;
  if (const json* written = schedule.find("partitions")) {
    partitions =
        read_partition_mapper(*written, schedule.pointer_to("partitions"), fields.problems());
  }
  schedule.refuse_unknown("a schedule");
  const int times = (every ? 1 : 0) + (dates ? 1 : 0) + (crons ? 1 : 0);
  if (assets == nullptr && (times != 1 || (crons && !partitions))) {
    return fields.problem("schedule",
                          "a schedule that is an object has either \"every\", an "
                          "interval, or \"dates\", a list, or \"assets\"");
  }
  if (times > 1) {
    return fields.problem("schedule",
                          "beside \"assets\" stands one of \"cron\", \"every\" and \"dates\"");
  }
  if (partitions && assets && times > 0) {
    return schedule.problem("partitions",
                            "by partition a DAG runs by assets or by time, not by both");
  }
  if (partitions && assets == nullptr) {
    dag.tick_partition = partitions->grain;
    if (partitions->kind != PartitionMapper::Kind::grain) {
      return schedule.problem("partitions",
                              "of a schedule by time partitions are true or a grain: a mapper is "
                              "for the keys of assets");
    }
  }
  if (every) read_every(schedule, dag);
  if (dates) read_date_list(schedule, dag);
  if (crons && crons->is_array()) read_crons(schedule, dag, "cron");
  if (crons && !crons->is_array()) read_schedule_text(schedule, dag, "cron");
  if (assets == nullptr) return;
  const bool partitioned = partitions.has_value();
  read_awaited_assets(*assets, schedule.pointer_to("assets"), fields.problems(), dag,
                      std::move(partitions));
  if (partitioned) {
    dag.schedule_text = "Partitioned Asset";
    return;
  }
  dag.schedule_text = times == 0 ? "Asset" : "Asset or " + dag.schedule_text;
}

void read_timezone(FieldReader& fields, Dag& dag) {
  const auto name = fields.text("timezone", 128);
  if (!name) return;
  dag.timezone = *name;
  if (is_utc(*name)) return;
  dag.schedule.zone = find_zone(*name);
  if (!dag.schedule.zone) {
    fields.problem("timezone",
                   "unknown time zone \"" + *name + "\"" + did_you_mean(*name, zone_names()));
  }
}

void read_timetable(FieldReader& fields, Dag& dag) {
  const auto style = fields.text("timetable", 128);
  if (!style) return;
  if (*style == "trigger") {
    dag.schedule.style = Timetable::Style::trigger;
  } else if (*style == "data_interval") {
    dag.schedule.style = Timetable::Style::data_interval;
  } else {
    return fields.problem("timetable",
                          "timetable must be \"trigger\" or \"data_interval\"; when a "
                          "DAG runs is its \"schedule\"");
  }
  if (!has_ticks(dag.schedule)) {
    fields.problem("timetable",
                   "timetable needs a \"schedule\" of cron expressions, an interval "
                   "or dates");
  } else if (dag.schedule.kind == Timetable::Kind::dates &&
             dag.schedule.style == Timetable::Style::data_interval) {
    fields.problem("timetable",
                   "a list of dates has no intervals; leave timetable out, or write "
                   "\"trigger\"");
  }
}

void read_catchup(FieldReader& fields, Dag& dag) {
  const json* value = fields.find("catchup");
  if (!value) return;
  if (!value->is_object()) {
    if (!value->is_boolean()) {
      return fields.problem("catchup", "catchup must be true, false or {\"window\": \"7d\"}");
    }
    dag.catchup = value->get<bool>();
    const bool begins = fields.find("start_date") || !dag.schedule.dates.empty();
    if (dag.catchup && !begins) {
      fields.problem("catchup",
                     "catchup needs a \"start_date\" to begin at, or {\"window\": "
                     "\"7d\"}: how far back it reaches");
    }
    return;
  }
  FieldReader catchup(*value, fields.pointer_to("catchup"), fields.problems());
  const auto window = catchup.duration("window");
  catchup.refuse_unknown("catchup");
  const json* written = catchup.find("window");
  if (written == nullptr || written->is_null()) {
    return catchup.problem("window", "catchup needs a \"window\", such as \"7d\"");
  }
  if (!window) return;
  if (*window < std::chrono::seconds(1) || *window > most_every) {
    return catchup.problem("window", "a window is at least 1s and at most 3660d");
  }
  dag.catchup = true;
  dag.catchup_window = *window;
}

void read_bounds(FieldReader& fields, Dag& dag) {
  dag.start_date = fields.time("start_date");
  dag.end_date = fields.time("end_date");
  if (dag.start_date && dag.end_date && *dag.end_date < *dag.start_date) {
    fields.problem("end_date", "end_date lies before start_date");
  }
  // Intervals are counted from the start date; without one, from the epoch.
  if (dag.schedule.kind == Timetable::Kind::interval && dag.start_date) {
    dag.schedule.anchor = *dag.start_date;
  }
}

void read_overlap(FieldReader& fields, Dag& dag) {
  if (dag.catchup) dag.overlap = Overlap::buffer_all;
  const auto policy = fields.text("overlap", 128);
  if (!policy) return;
  constexpr std::array<std::pair<std::string_view, Overlap>, 5> policies = {
      {{"skip", Overlap::skip},
       {"buffer_one", Overlap::buffer_one},
       {"buffer_all", Overlap::buffer_all},
       {"cancel_other", Overlap::cancel_other},
       {"allow_all", Overlap::allow_all}}};
  const auto known = std::find_if(policies.begin(), policies.end(),
                                  [&](const auto& entry) { return entry.first == *policy; });
  if (known == policies.end()) {
    return fields.problem("overlap",
                          "overlap must be \"skip\", \"buffer_one\", \"buffer_all\", "
                          "\"cancel_other\" or \"allow_all\"");
  }
  dag.overlap = known->second;
  if (!has_ticks(dag.schedule)) {
    return fields.problem("overlap",
                          "overlap needs a \"schedule\" of cron expressions, an "
                          "interval or dates");
  }
  const bool all = dag.overlap == Overlap::buffer_all || dag.overlap == Overlap::allow_all;
  if (dag.catchup && !all) {
    fields.problem("overlap", "catchup makes up for every tick, which \"" + *policy +
                                  "\" would not; write \"buffer_all\" or \"allow_all\", or leave "
                                  "catchup out");
  }
  const bool limited = fields.find("max_active_runs") != nullptr;
  if (dag.overlap == Overlap::allow_all) {
    if (limited) {
      fields.problem("overlap",
                     "allow_all sets no limit, max_active_runs does; leave one of "
                     "them out, or write \"buffer_all\"");
    }
    dag.max_active_runs = 0;
  } else if (!limited) {
    dag.max_active_runs = 1;
  }
}

void read_jitter(FieldReader& fields, Dag& dag) {
  const auto jitter = fields.duration("jitter");
  if (!jitter) return;
  dag.jitter = *jitter;
  if (!has_ticks(dag.schedule)) {
    fields.problem("jitter",
                   "jitter needs a \"schedule\" of cron expressions, an interval or "
                   "dates");
  } else if (*jitter > most_jitter) {
    fields.problem("jitter", "jitter is at most 24h");
  } else if (dag.schedule.kind == Timetable::Kind::interval && *jitter >= dag.schedule.every) {
    fields.problem("jitter",
                   "jitter must be shorter than the interval, or runs would change "
                   "places");
  }
}

}  // namespace

void read_schedule_fields(FieldReader& fields, Dag& dag) {
  dag.max_active_runs =
      static_cast<std::int32_t>(fields.integer("max_active_runs", 1, max_runs).value_or(16));
  read_schedule(fields, dag);
  read_timezone(fields, dag);
  read_timetable(fields, dag);
  read_bounds(fields, dag);
  read_catchup(fields, dag);
  read_overlap(fields, dag);
  read_jitter(fields, dag);
  read_exclude(fields, dag);
}

}  // namespace batuta
