#include "scheduler/outbox/moments.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "scheduler/core/sha1.h"

namespace batuta {
namespace {

bool is_by_people(const std::string& reason) {
  return reason.starts_with("cancelled") || reason.starts_with("marked");
}

// As what a try has ended; `state` of its row, or what the task became when no row is kept.
MomentType end_of(const TaskInstanceRow& row) {
  switch (row.state) {
    case TaskState::success:
    case TaskState::skipped:
    case TaskState::up_for_reschedule:  // its loop goes on with another try
      return MomentType::complete;
    case TaskState::failed:
    case TaskState::up_for_retry:
      return is_by_people(row.reason) ? MomentType::abort : MomentType::fail;
    default:
      return MomentType::abort;  // cleared, or its worker was lost: it runs again
  }
}

using Archived = std::map<InstanceKey, const TaskInstanceRow*>;  // the last try that ended

// What became in the turn of tries of several parts: those that their plugins deferred.
struct Parts {
  std::set<InstanceKey> resumed;  // its next part is on its way
  std::set<InstanceKey> lost;     // its next part was lost or refused: another try goes on
  std::set<InstanceKey> done;     // nothing is kept for a next part any more
};

Parts parts_of(const Changes& changes) {
  Parts parts;
  for (const WaitRow& wait : changes.waits) {
    if (wait.resume <= Resume::open) continue;
    auto& into = wait.in_try ? parts.resumed : parts.lost;
    into.insert({wait.run, wait.task, wait.map_index});
  }
  parts.done.insert(changes.waits_done.begin(), changes.waits_done.end());
  return parts;
}

// Between two parts a try is scheduled and queued, and goes on: it was queued, once, before it was
// scheduled for this part.
bool is_between_parts(const Parts& parts, TaskState from, const TaskInstanceRow& row,
                      const TaskInstanceRow* old) {
  if (from != TaskState::scheduled && from != TaskState::queued) return false;
  const TaskInstanceRow& seen = old != nullptr ? *old : row;
  if (!seen.start_date || !seen.queued_at || !seen.scheduled_at) return false;
  if (*seen.queued_at >= *seen.scheduled_at) return false;
  const InstanceKey key = row.key();
  if (from == TaskState::scheduled) {
    // Not after a loss, which ended its try and left a slot to wait for.
    return parts.done.contains(key) && seen.slot.empty();
  }
  if (parts.lost.contains(key) || parts.done.contains(key)) return true;
  return old == nullptr && is_under_way(row.state);
}

void instance_moments(const Archived& archived, const Parts& parts, const Now& now, TaskState from,
                      Fence from_fence, const TaskInstanceRow& row, const Moments& told) {
  const auto found = archived.find(row.key());
  const TaskInstanceRow* old = found == archived.end() ? nullptr : found->second;
  const bool resumed = old == nullptr && parts.resumed.contains(row.key()) &&
                       (row.state == TaskState::scheduled || row.state == TaskState::queued);
  const bool was_under_way = is_under_way(from) || is_between_parts(parts, from, row, old);
  const bool is_now = is_under_way(row.state) || resumed;
  const auto end = [&](const TaskInstanceRow& ended) {
    told.attempt(ended, {end_of(ended), ended.end_date.value_or(now.wall)});
  };
  const auto start = [&](const TaskInstanceRow& begun) {
    told.attempt(begun, {MomentType::start, begun.start_date.value_or(now.wall)});
  };
  // The row in which the try that was there before the turn ended, if it did. Each part of a try
  // has a fence of its own.
  const bool same_try = old == nullptr && (row.fence == from_fence || resumed);
  if (was_under_way && !(is_now && same_try)) end(old != nullptr ? *old : row);
  if (is_now && !(was_under_way && same_try)) return start(row);
  if (is_now || was_under_way) return;
  // It began and ended within the turn: a worker's two reports came together, or nobody ran it.
  const TaskInstanceRow& ended = old != nullptr ? *old : row;
  const bool over = is_terminal(ended.state) || ended.state == TaskState::up_for_retry ||
                    ended.state == TaskState::up_for_reschedule;
  const bool here = ended.start_date == now.wall || from == TaskState::queued;
  if (!over || !here || ended.try_number == 0 || is_terminal(from)) return;
  start(ended);
  end(ended);
}

}  // namespace

bool is_under_way(TaskState state) {
  return state == TaskState::running || state == TaskState::publishing ||
         state == TaskState::deferred;
}

void each_moment(const Changes& changes, const Now& now, const Moments& told) {
  std::vector<const RunRow*> runs;
  for (const auto* rows : {&changes.runs_created, &changes.runs_updated}) {
    for (const RunRow& run : *rows) runs.push_back(&run);
  }
  for (const RunRow* run : runs) {
    if (run->start_date == now.wall) told.run(*run, {MomentType::start, now.wall});
  }
  Archived archived;
  for (const AttemptRow& each : changes.attempts_archived) archived[each.row.key()] = &each.row;
  const Parts parts = parts_of(changes);
  for (const TaskInstanceRow& row : changes.tasks_created) {
    instance_moments(archived, parts, now, TaskState::none, 0, row, told);
  }
  for (const Changes::TaskUpdate& update : changes.tasks_updated) {
    instance_moments(archived, parts, now, update.from, update.from_fence, update.row, told);
  }
  if (told.between) told.between();
  for (const RunRow* run : runs) {
    if (!is_terminal(run->state) || run->end_date != now.wall) continue;
    if (!run->start_date) told.run(*run, {MomentType::start, now.wall});
    MomentType type = MomentType::complete;
    if (run->state == DagRunState::failed) {
      type = is_by_people(run->reason) ? MomentType::abort : MomentType::fail;
    }
    told.run(*run, {type, now.wall});
  }
}

Uuid named_uuid(const Uuid& space, std::string_view name) {
  std::string bytes(space.bytes.begin(), space.bytes.end());
  bytes += name;
  const auto hash = sha1(bytes);
  Uuid id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x50);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

Uuid run_event_id(const RunRow& run) {
  return run.start_date ? named_uuid(run.uuid, "started " + to_iso(*run.start_date)) : run.uuid;
}

Uuid attempt_event_id(const Uuid& run, const std::string& task_id, MapIndex map_index,
                      std::int32_t try_number) {
  return named_uuid(run, "task " + task_id + "[" + std::to_string(number_of(map_index)) + "] try " +
                             std::to_string(try_number));
}

}  // namespace batuta
