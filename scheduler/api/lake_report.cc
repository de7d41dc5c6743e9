#include "scheduler/api/lake_report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/safe_json.h"
#include "lakelog/log_folder.h"
#include "lakelog/snapshot.h"
#include "scheduler/api/codecs.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr std::int64_t most_instances = 20'000;
constexpr const char* run_table = "mngt/platform/dag_run";

json microseconds(Time at) {
  return at.time_since_epoch() / std::chrono::microseconds(1);
}
json mark_json(const EndedMark& mark) {
  return {microseconds(mark.end), static_cast<std::int64_t>(mark.run), mark.taken};
}

// The day on which the run was made: it never changes, whatever becomes of the run.
std::string created_on(const RunRow& run) {
  const auto& bytes = run.uuid.bytes;
  if ((bytes[6] >> 4) != 7) return to_iso(run.run_after).substr(0, 10);
  std::int64_t milliseconds = 0;
  for (int i = 0; i < 6; ++i) milliseconds = milliseconds << 8 | bytes[static_cast<std::size_t>(i)];
  return to_iso(Time(std::chrono::milliseconds(milliseconds))).substr(0, 10);
}

double in_seconds(Duration took) {
  return std::chrono::duration<double>(took).count();
}
json took(const OptTime& start, const OptTime& end) {
  return start && end ? json(std::max(0.0, in_seconds(*end - *start))) : json();
}
json known(std::int64_t value) {
  return value < 0 ? json() : json(value);
}
json member(const json& of, const char* name) {
  const auto found = of.find(name);
  return found == of.end() || found->is_structured() ? json() : *found;
}
// What fits the tables' types, and nothing else: one row that cannot be cast would stop them all.
json whole(const json& of, const char* name) {
  const auto found = of.find(name);
  const auto number = found == of.end() ? std::nullopt : json_int(*found);
  return number ? json(*number) : json();
}
json yes_or_no(const json& of, const char* name) {
  const auto found = of.find(name);
  return found != of.end() && found->is_boolean() ? *found : json();
}

class Report {
 public:
  explicit Report(const EndedRuns& ended) {
    for (const WrittenTable& one : ended.written)
      written_[{one.dag_id, one.task_id}].insert(one.table);
    for (const EndedRun& run : ended.runs) add(run);
  }

  json tables() {
    json out = json::object();
    const auto put = [&out](const char* name, std::vector<std::string> own, json& rows) {
      std::vector<std::string> columns = {"run_uuid", "dag_id", "dag_run_id"};
      columns.insert(columns.end(), own.begin(), own.end());
      columns.emplace_back("created_on");
      out[name] = {{"columns", columns}, {"rows", std::move(rows)}};
    };
    put("dag_run",
        {"dag_version", "run_type", "state", "logical_date", "data_interval_start",
         "data_interval_end", "run_after", "queued_at", "start_date", "end_date",
         "duration_seconds", "triggered_by", "triggering_user", "clear_number", "backfill_id",
         "branch", "partition_key", "reason"},
        runs_);
    put("task_instance",
        {"task_id", "map_index", "try_number", "is_newest", "state", "queued_at", "start_date",
         "end_date", "duration_seconds", "pool", "hostname", "exit_code", "reason"},
        tries_);
    put("task_cost",
        {"task_id", "map_index", "try_number", "domain", "tables", "state", "start_date",
         "busy_seconds", "cpu_seconds", "read_bytes", "peak_rss_bytes"},
        costs_);
    put("dq_result",
        {"task_id", "map_index", "try_number", "position", "table_name", "rule", "dimension",
         "severity", "checked", "failed", "passed"},
        quality_);
    put("lineage_edge",
        {"task_id", "map_index", "try_number", "position", "from_table", "from_version",
         "to_table"},
        lineage_);
    return out;
  }
  json runs() { return std::move(keys_); }

 private:
  void add(const EndedRun& run) {
    const RunRow& r = run.row;
    const json uuid = to_string(r.uuid), day = created_on(r);
    keys_.push_back({uuid, day, run.begins});
    runs_.push_back({uuid,
                     r.dag_id,
                     r.dag_run_id,
                     r.dag_version,
                     to_string(r.type),
                     to_string(r.state),
                     iso_or_null(r.logical_date),
                     iso_or_null(r.data_interval_start),
                     iso_or_null(r.data_interval_end),
                     to_iso(r.run_after),
                     to_iso(r.queued_at),
                     iso_or_null(r.start_date),
                     iso_or_null(r.end_date),
                     took(r.start_date, r.end_date),
                     text_or_null(r.triggered_by),
                     text_or_null(r.triggering_user),
                     r.clear_number,
                     r.backfill > 0 ? json(r.backfill) : json(),
                     text_or_null(r.branch),
                     text_or_null(r.partition_key),
                     text_or_null(r.reason),
                     day});
    for (std::size_t i = 0; i < run.tries.size(); ++i) {
      const bool newest =
          i + 1 == run.tries.size() || run.tries[i + 1].row.key() != run.tries[i].row.key();
      add(r, run.tries[i], newest, uuid, day);
    }
  }

  void add(const RunRow& run, const EndedTry& one, bool newest, const json& uuid, const json& day) {
    const TaskInstanceRow& r = one.row;
    const json which = {
        uuid, run.dag_id, run.dag_run_id, one.task_id, number_of(r.map_index), r.try_number};
    const auto row = [&](std::initializer_list<json> values) {
      json out = which;
      for (const json& value : values) out.push_back(value);
      out.push_back(day);
      return out;
    };
    const bool ended = r.end_date.has_value();
    tries_.push_back(
        row({newest, to_string(r.state), iso_or_null(r.queued_at), iso_or_null(r.start_date),
             iso_or_null(r.end_date), took(r.start_date, r.end_date), text_or_null(one.pool),
             text_or_null(r.hostname), r.start_date && ended ? json(r.exit_code) : json(),
             text_or_null(r.reason)}));
    if (r.start_date) {
      const auto [domains, tables] = wrote(run.dag_id, one.task_id);
      costs_.push_back(
          row({domains, tables, to_string(r.state), iso_or_null(r.start_date),
               took(r.start_date, r.end_date),
               r.cpu_us < 0 ? json() : json(in_seconds(Duration(r.cpu_us))), known(r.read_bytes),
               r.peak_rss_kib > 0 ? json(r.peak_rss_kib * 1024) : json()}));
    }
    if (one.report_json.empty()) return;
    AttemptReportRow told;
    told.report_json = one.report_json;
    const json report = attempt_report_json(told);
    std::int64_t at = 0;
    for (const json& rule : report["quality"]) {
      if (!rule.is_object() || !member(rule, "table").is_string()) continue;
      quality_.push_back(
          row({at++, member(rule, "table"), member(rule, "rule"), member(rule, "dimension"),
               member(rule, "severity"), whole(rule, "checked"), whole(rule, "failed"),
               yes_or_no(rule, "passed")}));
    }
    at = 0;
    for (const json& step : report["lineage"]) {
      if (!step.is_object() || !member(step, "from").is_string() || !member(step, "to").is_string())
        continue;
      lineage_.push_back(
          row({at++, member(step, "from"), whole(step, "from_version"), member(step, "to")}));
    }
  }

  // Of the tables that the task writes: their domains and names, each once, joined by ", ".
  std::pair<json, json> wrote(const std::string& dag, const std::string& task) const {
    const auto found = written_.find({dag, task});
    if (found == written_.end()) return {};
    std::set<std::string> domains;
    for (const std::string& table : found->second) {
      const auto first = table.find('/'), last = table.rfind('/');
      if (first != last) domains.insert(table.substr(first + 1, last - first - 1));
    }
    return {joined(domains), joined(found->second)};
  }
  static json joined(const std::set<std::string>& all) {
    std::string out;
    for (const std::string& one : all) out += (out.empty() ? "" : ", ") + one;
    return text_or_null(out);
  }

  std::map<std::pair<std::string, std::string>, std::set<std::string>> written_;
  json keys_ = json::array(), runs_ = json::array(), tries_ = json::array(), costs_ = json::array(),
       quality_ = json::array(), lineage_ = json::array();
};

std::int64_t instances_of(const EndedRuns& ended) {
  std::int64_t out = 0;
  for (const EndedRun& run : ended.runs)
    for (std::size_t i = 0; i < run.tries.size(); ++i)
      out += i + 1 == run.tries.size() || run.tries[i + 1].row.key() != run.tries[i].row.key();
  return out;
}

// How many instances may fit, where these did not: as many as would if all took the same, less a
// tenth, so that a part is near what may be told and not a fraction of it.
std::int64_t fewer(std::int64_t most, std::int64_t were, std::size_t size, std::size_t bytes) {
  const double share = 0.9 * static_cast<double>(bytes) / static_cast<double>(size);
  const std::int64_t from = std::min(most, std::max<std::int64_t>(1, were));
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(from) * share));
}

}  // namespace

Result<EndedMark> reported_until(const stores::Lake& lake) {
  const auto storage = lake.storage();
  if (!storage) return storage.error();
  const auto snapshot = lakelog::read_snapshot(lakelog::LogFolder(**storage, run_table));
  if (!snapshot) {
    if (snapshot.error().code == Errc::not_found) return EndedMark{};
    return snapshot.error();
  }
  const auto told = [&](const char* marker) {
    const auto found = snapshot->txns.find(marker);
    return found == snapshot->txns.end() ? std::int64_t{0} : found->second.version;
  };
  return EndedMark{Time(std::chrono::microseconds(told("report/end"))), RunSeq{told("report/run")},
                   told("report/taken")};
}

std::string ended_report(History& history, const EndedMark& since, std::size_t bytes) {
  for (std::int64_t most = most_instances;;) {
    const EndedRuns ended = history.ended_runs(since, most);
    Report report(ended);
    json out = {{"since", mark_json(since)}, {"next", mark_json(ended.mark)}, {"more", ended.more}};
    out["tables"] = report.tables();
    out["runs"] = report.runs();
    std::string text = json_text(out);
    if (text.size() <= bytes || most <= 1) return text;
    most = fewer(most, instances_of(ended), text.size(), bytes);
  }
}

}  // namespace batuta::http
