#include "scheduler/engine/identity.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "common/safe_json.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/sha1.h"

namespace batuta {
namespace {

// What its worker lets it take: as long as one try may, or what is left for all of them. A try that
// was deferred began with its first part.
std::int64_t time_limit(const Task& task, const InstanceCold& row, bool deferred, Time now) {
  const Duration least = std::chrono::seconds(1);
  std::int64_t limit = task.execution_timeout.count();
  if (limit > 0 && deferred && row.start_date) {
    limit = std::max<Duration>(*row.start_date + task.execution_timeout - now, least).count();
  }
  if (task.total_timeout <= Duration{}) return limit;
  const OptTime first = row.first_start;
  const Duration left =
      std::max<Duration>(first ? *first + task.total_timeout - now : task.total_timeout, least);
  return limit > 0 ? std::min(limit, left.count()) : left.count();
}

const char* event_name(Resume how) {
  return how == Resume::timed_out ? "timed_out" : how == Resume::failed ? "failed" : "satisfied";
}

// What changes with a failure, a clear and a turn of a loop, and with nothing else.
std::string idempotency_key(const Launch& launch, const InstanceHot& row) {
  std::string of = launch.run_uuid + "\n" + launch.task_id;
  for (const std::int64_t number :
       {std::int64_t{number_of(row.map_index)}, std::int64_t{row.max_tries},
        std::int64_t{row.failures}, std::int64_t{row.repeats}}) {
    of += "\n" + std::to_string(number);
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string key;
  for (const std::uint8_t byte : sha1(of)) {
    key += digits[byte >> 4];
    key += digits[byte & 15];
  }
  return key;
}

}  // namespace

Launch identity_of(const StoredRun& run, const LaunchEffect& effect, Time now) {
  const Task& task = run.dag->tasks[effect.key.task];
  Launch launch;
  launch.key = effect.key;
  launch.try_number = effect.try_number;
  launch.run_uuid = to_string(run.run.uuid);
  launch.dag_id = run.dag->id;
  launch.dag_run_id = run.run.dag_run_id;
  launch.task_id = task.id;
  launch.plugin = task.plugin;
  launch.timeout_us =
      time_limit(task, run.cold[place_of(effect.instance)], effect.resume != Resume::no, now);
  launch.isolation = task.isolation;
  launch.run_as = task.run_as;
  launch.memory = task.memory;
  launch.cpu_percent = task.cpu_percent;
  launch.watch = task.repeat.output.empty() ? task.continue_on.output : task.repeat.output;
  if (!effect.predecessor_slot.empty()) {
    launch.predecessor = {Predecessor::Kind::slot_lock, effect.predecessor_slot, 0};
  }
  return launch;
}

void add_own_context(Launch& launch, const LaunchEffect& effect, const StoredRun& run,
                     const std::optional<std::string>& checkpoint_json) {
  std::string& context = launch.context_json;
  if (!context.ends_with('}')) context = "{}";
  context.pop_back();
  if (context.size() > 1) context += ',';
  context +=
      "\"idempotency_key\":\"" + idempotency_key(launch, run.hot[place_of(effect.instance)]) + '"';
  if (effect.resume != Resume::no) {
    context += std::string(",\"resume\":{\"event\":\"") + event_name(effect.resume) +
               "\",\"reason\":" + json_text(nlohmann::json(effect.told)) +
               ",\"payload\":" + (effect.payload_json.empty() ? "null" : effect.payload_json) + '}';
  }
  if (checkpoint_json) context += ",\"checkpoint\":" + *checkpoint_json;
  context += '}';
}

}  // namespace batuta
