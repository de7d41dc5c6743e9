#include "scheduler/outbox/traces.h"

#include <utility>

#include "scheduler/core/stored_run.h"

namespace batuta {
namespace {

constexpr std::size_t request_bytes = 256 << 10;

bool is_end(const Moment& moment) {
  return moment.type != MomentType::start && moment.type != MomentType::running;
}

}  // namespace

TraceTeller::TraceTeller(TraceNames names, std::function<EventBacklog()> waiting, EventBacklog most)
    : names_(std::move(names)), room_("traces", std::move(waiting), most) {}

void TraceTeller::tell(SchedulerState& state, Changes& changes, const Now& now) {
  const bool quiet = changes.runs_created.empty() && changes.runs_updated.empty() &&
                     changes.tasks_created.empty() && changes.tasks_updated.empty();
  if (quiet) return;
  room_.begin();
  std::vector<std::string> spans;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (spans.empty()) return;
    OutboxRow row;
    row.payload_json = trace_request(names_, spans);
    spans.clear();
    bytes = 0;
    if (!room_.take(row.payload_json.size())) return;
    row.id = state.take_outbox_id();
    row.kind = OutboxKind::trace;
    row.key = "traces";
    row.created_at = now.wall;
    changes.outbox.push_back(std::move(row));
  };
  const auto add = [&](std::string span) {
    if (span.empty()) return;
    if (bytes + span.size() > request_bytes) flush();
    bytes += span.size();
    spans.push_back(std::move(span));
  };
  each_moment(changes, now,
              {[&](const RunRow& run, const Moment& moment) {
                 const StoredRun* live = state.run(run.seq);
                 if (!is_end(moment) || live == nullptr) return;
                 add(span_of_run(names_, moment, run, *live->dag));
               },
               [&](const TaskInstanceRow& row, const Moment& moment) {
                 const StoredRun* live = state.run(row.run);
                 if (!is_end(moment) || live == nullptr || row.task >= live->dag->tasks.size())
                   return;
                 add(span_of_attempt(names_, moment, live->run, *live->dag, row));
               }});
  flush();
  room_.end(changes, now);
}

}  // namespace batuta
