#include "scheduler/engine/feed.h"

#include "common/json_object.h"

namespace batuta {
namespace {

FeedEvent run_event(const RunRow& run) {
  std::string data = JsonObject{}
                         .text("dag_id", run.dag_id)
                         .text("dag_run_id", run.dag_run_id)
                         .text("state", to_string(run.state))
                         .text("run_type", to_string(run.type))
                         .time("queued_at", run.queued_at)
                         .time("start_date", run.start_date)
                         .time("end_date", run.end_date)
                         .take();
  return {0, "run", run.dag_id, run.dag_run_id, std::move(data)};
}

FeedEvent task_event(const StoredRun& run, InstanceIndex i) {
  const InstanceHot& row = run.hot[place_of(i)];
  const InstanceCold& detail = run.cold[place_of(i)];
  JsonObject data;
  data.text("dag_id", run.run.dag_id)
      .text("dag_run_id", run.run.dag_run_id)
      .text("task_id", run.dag->tasks[row.task].id)
      .number("map_index", number_of(row.map_index));
  row.state == TaskState::none ? data.null("state") : data.text("state", api_name(row.state));
  data.number("try_number", row.try_number)
      .time("start_date", detail.start_date)
      .time("end_date", detail.end_date)
      .seconds("duration", detail.start_date, detail.end_date);
  return {0, "task", run.run.dag_id, run.run.dag_run_id, data.take()};
}

}  // namespace

std::vector<FeedEvent> feed_events(const SchedulerState& state, const Effects& effects,
                                   FeedDemand demand, std::uint64_t& sequence) {
  std::vector<FeedEvent> events;
  for (const FeedItem& item : effects.feed) {
    if (demand == FeedDemand::runs && item.kind != FeedItem::Kind::run) continue;
    if (item.kind == FeedItem::Kind::dag) {
      events.push_back(
          {0, "dag", item.dag_id, "", JsonObject{}.text("dag_id", item.dag_id).take()});
      continue;
    }
    if (item.kind == FeedItem::Kind::dags) {
      events.push_back({0, "dags", "", "", "{}"});
      continue;
    }
    const StoredRun* run = state.run(item.run);
    if (run == nullptr) continue;  // deleted in this turn
    events.push_back(item.kind == FeedItem::Kind::run ? run_event(run->run)
                                                      : task_event(*run, item.instance));
  }
  for (FeedEvent& event : events) event.sequence = ++sequence;
  return events;
}

}  // namespace batuta
