#include "scheduler/engine/feed.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using json = nlohmann::json;

json time_or_null(const OptTime& t) {
  return t ? json(to_iso(*t)) : json(nullptr);
}

json seconds_between(const OptTime& start, const OptTime& end) {
  if (!start || !end) return nullptr;
  return std::chrono::duration<double>(*end - *start).count();
}

json state_or_null(TaskState state) {
  return state == TaskState::none ? json(nullptr) : json(std::string(api_name(state)));
}

FeedEvent run_event(const RunRow& run) {
  const json data{{"dag_id", run.dag_id},
                  {"dag_run_id", run.dag_run_id},
                  {"state", std::string(to_string(run.state))},
                  {"run_type", std::string(to_string(run.type))},
                  {"queued_at", to_iso(run.queued_at)},
                  {"start_date", time_or_null(run.start_date)},
                  {"end_date", time_or_null(run.end_date)}};
  return {0, "run", run.dag_id, run.dag_run_id, json_text(data)};
}

FeedEvent task_event(const StoredRun& run, const TaskInstanceRow& row) {
  const json data{{"dag_id", run.run.dag_id},
                  {"dag_run_id", run.run.dag_run_id},
                  {"task_id", run.dag->tasks[row.task].id},
                  {"map_index", -1},
                  {"state", state_or_null(row.state)},
                  {"try_number", row.try_number},
                  {"start_date", time_or_null(row.start_date)},
                  {"end_date", time_or_null(row.end_date)},
                  {"duration", seconds_between(row.start_date, row.end_date)}};
  return {0, "task", run.run.dag_id, run.run.dag_run_id, json_text(data)};
}

}  // namespace

std::vector<FeedEvent> feed_events(const SchedulerState& state, const Effects& effects,
                                   std::uint64_t& sequence) {
  std::vector<FeedEvent> events;
  for (const FeedItem& item : effects.feed) {
    if (item.kind == FeedItem::Kind::dag) {
      events.push_back({0, "dag", item.dag_id, "", json_text({{"dag_id", item.dag_id}})});
      continue;
    }
    if (item.kind == FeedItem::Kind::dags) {
      events.push_back({0, "dags", "", "", "{}"});
      continue;
    }
    const StoredRun* run = state.run(item.run);
    if (run == nullptr) continue;  // deleted in this turn
    events.push_back(item.kind == FeedItem::Kind::run ? run_event(run->run)
                                                      : task_event(*run, run->tasks[item.task]));
  }
  for (FeedEvent& event : events) event.sequence = ++sequence;
  return events;
}

}  // namespace batuta
