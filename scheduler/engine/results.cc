#include "scheduler/engine/results.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "scheduler/store/sealed_value.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_outputs = 1000;
constexpr std::size_t max_key_bytes = 512;

// The object, or what of a text stands for one.
Result<json> members_of(const std::string& result_json) {
  auto value = parse_untrusted(result_json.empty() ? "null" : result_json);
  if (value && value->is_string()) {
    auto inner = parse_untrusted(value->get_ref<const std::string&>());
    if (inner) value = std::move(inner);
  }
  if (!value || !value->is_object()) {
    return {Errc::invalid, "multiple_outputs: what the task returned is no JSON object"};
  }
  if (value->size() > max_outputs) {
    return {Errc::invalid, "multiple_outputs: what the task returned has more than 1,000 members"};
  }
  for (const auto& [key, member] : value->items()) {
    // Nobody makes the store believe that a value is kept elsewhere.
    if (json_text(member).starts_with(result_file_head)) {
      return {Errc::invalid, "multiple_outputs: a member may not begin with batuta:file"};
    }
    if (!key.empty() && key.size() <= max_key_bytes && key != "return_value") continue;
    return {Errc::invalid, "multiple_outputs: \"" + key.substr(0, 80) + "\" cannot be a key"};
  }
  return value;
}

}  // namespace

void shape_result(const Task& task, Finished& report) {
  if (report.outcome != Outcome::success) return;
  if (!task.do_xcom_push) {
    report.result_json.clear();
    return;
  }
  if (!task.multiple_outputs || is_sealed(report.result_json)) return;
  const auto file = result_file_of(report.result_json);
  const auto members =
      file ? Result<json>(Errc::invalid,
                          "multiple_outputs: what the task returned is larger than 64 "
                          "KiB (" +
                              std::to_string(file->bytes) + " bytes as JSON)")
           : members_of(report.result_json);
  if (members) {
    for (const auto& [key, member] : members->items()) {
      report.xcoms.emplace_back(key, json_text(member));
    }
    return;
  }
  report.outcome = Outcome::failed_no_retry;
  report.reason = members.error().message;
  report.result_json.clear();
  report.outputs.clear();
}

std::uint64_t results_stamp(const StoredRun& run, TaskIndex task) {
  std::uint64_t stamp = 0;
  const auto mix = [&](std::int64_t value) {
    stamp = (stamp ^ static_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15U;
    stamp ^= stamp >> 29;
  };
  run.each_of(task, [&](InstanceIndex i) {
    const OptTime end = run.cold[place_of(i)].end_date;
    mix(run.hot[place_of(i)].fence);
    mix(static_cast<std::int64_t>(run.hot[place_of(i)].state));
    mix(end ? end->time_since_epoch().count() : 0);
  });
  return stamp;
}

StoredState with_members(StoredState stored) {
  std::map<RunSeq, const Dag*> dags;
  for (const StoredRun& run : stored.runs) dags.emplace(run.run.seq, run.dag.get());
  for (AcceptedRow& row : stored.accepted) {
    const auto dag = dags.find(row.report.key.run);
    if (dag == dags.end() || row.report.key.task >= dag->second->tasks.size()) continue;
    const Task& task = dag->second->tasks[row.report.key.task];
    if (!task.multiple_outputs || !row.report.xcoms.empty()) continue;
    Finished shaped = row.report;
    shape_result(task, shaped);
    // It was accepted, and stays so.
    if (shaped.outcome == row.report.outcome) row.report.xcoms = std::move(shaped.xcoms);
  }
  return stored;
}

}  // namespace batuta
