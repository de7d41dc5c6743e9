#include "scheduler/engine/feed.h"

#include "common/safe_json.h"

namespace batuta {
namespace {

// One flat JSON object. Thousands a second while a page watches a busy run, so no tree in between.
class Object {
 public:
  Object& text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
    return *this;
  }
  Object& number(std::string_view name, std::int64_t value) {
    key(name);
    out_ += std::to_string(value);
    return *this;
  }
  Object& null(std::string_view name) {
    key(name);
    out_ += "null";
    return *this;
  }
  Object& time(std::string_view name, const OptTime& value) {
    return value ? text(name, to_iso(*value)) : null(name);
  }
  // Seconds with all their microseconds.
  Object& seconds(std::string_view name, std::int64_t us) {
    key(name);
    std::string digits = std::to_string(us % 1'000'000);
    out_ += std::to_string(us / 1'000'000) + '.' + std::string(6 - digits.size(), '0') + digits;
    return *this;
  }
  std::string take() {
    out_ += '}';
    return std::move(out_);
  }

 private:
  void key(std::string_view name) {
    out_ += out_.empty() ? '{' : ',';
    append_json_string(out_, name);
    out_ += ':';
  }
  std::string out_;
};

FeedEvent run_event(const RunRow& run) {
  std::string data = Object{}
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

FeedEvent task_event(const StoredRun& run, const TaskInstanceRow& row) {
  Object data;
  data.text("dag_id", run.run.dag_id)
      .text("dag_run_id", run.run.dag_run_id)
      .text("task_id", run.dag->tasks[row.task].id)
      .number("map_index", -1);
  row.state == TaskState::none ? data.null("state") : data.text("state", api_name(row.state));
  data.number("try_number", row.try_number)
      .time("start_date", row.start_date)
      .time("end_date", row.end_date);
  const bool ended = row.start_date && row.end_date && *row.end_date >= *row.start_date;
  ended ? data.seconds("duration", (*row.end_date - *row.start_date).count())
        : data.null("duration");
  return {0, "task", run.run.dag_id, run.run.dag_run_id, data.take()};
}

}  // namespace

std::vector<FeedEvent> feed_events(const SchedulerState& state, const Effects& effects,
                                   FeedDemand demand, std::uint64_t& sequence) {
  std::vector<FeedEvent> events;
  for (const FeedItem& item : effects.feed) {
    if (demand == FeedDemand::runs && item.kind != FeedItem::Kind::run) continue;
    if (item.kind == FeedItem::Kind::dag) {
      events.push_back({0, "dag", item.dag_id, "", Object{}.text("dag_id", item.dag_id).take()});
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
