#include "scheduler/api/lake_cost.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::http {
namespace {

using nlohmann::json;

std::string day_of(Time at) {
  return to_iso(at).substr(0, 10);
}

double seconds_to_the_millisecond(Duration took) {
  return std::round(std::chrono::duration<double>(took).count() * 1000) / 1000;
}

std::string text_member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

DomainCost::DomainCost(Time since, Time now) : since_(since), now_(now) {
  const auto first = std::chrono::floor<std::chrono::days>(since);
  for (int i = 0; i <= max_cost_days && first + std::chrono::days(i) <= now; ++i) {
    const std::string day = day_of(Time(first + std::chrono::days(i)));
    days_.emplace(day, Work{});
    stored_at_.emplace(day, 0);
  }
}

void DomainCost::add_table(const LakeName& name, const LakeSummary& summary) {
  Stored& of = stored_[name.layer];
  ++of.tables;
  of.rows += summary.rows.value_or(0);
  of.bytes += summary.bytes;
  of.files += summary.files;
  if (!summary.rows || !summary.problem.empty()) unknown_.insert(name.path());
}

void DomainCost::add_versions(const std::vector<LakeVersion>& versions, bool all) {
  for (const LakeVersion& version : versions) {
    const auto info = parse_untrusted(version.entry.info_json);
    if (!info || !info->is_object()) continue;
    const json made = info->value("batuta", json());
    if (!made.is_object()) continue;
    const std::string dag = text_member(made, "dag_id"), task = text_member(made, "task_id");
    if (!dag.empty() && !task.empty()) writers_.emplace(dag, task);
  }
  // A log that was cleaned up tells nothing of what was before its oldest entry.
  all = all && (versions.empty() || versions.back().entry.version == 0);
  const auto oldest = [&] {
    return Time(std::chrono::milliseconds(versions.back().entry.timestamp_ms));
  };
  // A day less is what a log's retention of as many days leaves out.
  if (!all && !versions.empty() && oldest() > since_ + std::chrono::hours(24))
    has_untold_writers_ = true;
  // Both go back in time: the newest version that a day saw is how large the table was at its end.
  auto at = versions.begin();
  for (auto day = stored_at_.rbegin(); day != stored_at_.rend(); ++day) {
    const auto is_later = [&](const LakeVersion& version) {
      return day_of(Time(std::chrono::milliseconds(version.entry.timestamp_ms))) > day->first;
    };
    at = std::find_if_not(at, versions.end(), is_later);
    std::optional<std::int64_t> bytes = 0;  // there was no such table yet
    if (at != versions.end()) bytes = at->bytes;
    if (at == versions.end() && !all) bytes.reset();
    if (day->second && bytes) {
      *day->second += *bytes;
    } else {
      day->second.reset();
    }
  }
}

void DomainCost::Work::add(const TaskInstanceRow& row, Time now) {
  runs.insert(row.run);
  ++attempts;
  failed += row.state == TaskState::failed || row.state == TaskState::up_for_retry;
  busy += std::max(Duration{}, row.end_date.value_or(now) - *row.start_date);
  peak_kib = std::max(peak_kib, row.peak_rss_kib);
  read_bytes += std::max<std::int64_t>(0, row.read_bytes);
  cpu += Duration(std::max<std::int64_t>(0, row.cpu_us));
  unmeasured += row.cpu_us < 0 || row.read_bytes < 0;
}

json DomainCost::Work::json() const {
  return {{"runs", runs.size()},
          {"attempts", attempts},
          {"failed", failed},
          {"busy_seconds", seconds_to_the_millisecond(busy)},
          {"cpu_seconds", seconds_to_the_millisecond(cpu)},
          {"read_bytes", read_bytes},
          {"unmeasured", unmeasured},
          {"peak_rss_kib", peak_kib}};
}

void DomainCost::add_try(const TaskInstanceView& one) {
  if (!writers_.contains({one.dag_id, one.task_id})) return;
  if (!one.row.start_date || *one.row.start_date < since_) return;
  const auto day = days_.find(day_of(*one.row.start_date));
  if (day == days_.end()) return;
  for (Work* of : {&work_[one.dag_id], &day->second, &all_}) of->add(one.row, now_);
}

json DomainCost::report() const {
  Stored all;
  json stored = json::array(), work = json::array(), days = json::array();
  for (const auto& [layer, of] : stored_) {
    stored.push_back({{"layer", layer},
                      {"tables", of.tables},
                      {"rows", of.rows},
                      {"files", of.files},
                      {"bytes", of.bytes}});
    all.tables += of.tables;
    all.rows += of.rows;
    all.bytes += of.bytes;
  }
  for (const auto& [dag, of] : work_) {
    json row = of.json();
    row["dag_id"] = dag;
    work.push_back(std::move(row));
  }
  for (const auto& [day, of] : days_) {
    json row = of.json();
    row["day"] = day;
    const auto& bytes = stored_at_.at(day);
    row["stored_bytes"] = bytes ? json(*bytes) : json(nullptr);
    days.push_back(std::move(row));
  }
  json out = all_.json();
  out["since"] = to_iso(since_);
  out["tables"] = all.tables;
  out["rows"] = all.rows;
  out["bytes"] = all.bytes;
  out["stored"] = std::move(stored);
  out["work"] = std::move(work);
  out["days"] = std::move(days);
  out["unknown"] = unknown_;
  return out;
}

}  // namespace batuta::http
