// The checker's look at checkpoints (I37): of whom they are, who has none, and what a launch gets.
#include <algorithm>
#include <set>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

// What it did is done, or was given up by a person.
bool begins_at_the_start(const Changes::TaskUpdate& update) {
  switch (update.row.state) {
    case TaskState::success:
    case TaskState::skipped:
    case TaskState::removed:
    case TaskState::publishing:
    case TaskState::up_for_reschedule:
      return true;
    default:
      return update.row.asked == TaskState::none ||
             (is_terminal(update.from) && !is_terminal(update.row.state));
  }
}

}  // namespace

void Checker::check_checkpoints(const Effects& effects) {
  const Changes& changes = effects.changes;
  std::set<InstanceKey> written;
  for (const CheckpointRow& row : changes.checkpoints) {
    c_.met(Situation::checkpoint_kept);
    written.insert(row.key());
    const auto before = store_.find_task(row.key());
    require(before && row.checkpoint_json == "\"by fence " + std::to_string(before->fence) + '"',
            "I37", [&] { return "not of the attempt that runs: " + row.checkpoint_json; });
  }
  const std::set<InstanceKey> gone(changes.checkpoints_gone.begin(),
                                   changes.checkpoints_gone.end());
  const auto has = [&](const InstanceKey& key) {
    return written.count(key) != 0 ||
           (gone.count(key) == 0 && store_.data().checkpoints.count(key) != 0);
  };
  for (const auto& update : changes.tasks_updated) {
    if (!begins_at_the_start(update)) continue;
    require(!has(update.row.key()), "I37",
            [&] { return "kept a checkpoint: task " + std::to_string(update.row.task); });
  }
  for (const LaunchEffect& launch : effects.launches) {
    if (!has(launch.key.instance())) continue;
    c_.met(Situation::went_on_from_checkpoint);
    require(launch.checkpoint, "I37",
            [&] { return "begins anew: task " + std::to_string(launch.key.task); });
  }
}

void Checker::leaves(const Launch& launch) {
  const auto kept = store_.data().checkpoints.find(launch.key.instance());
  const bool has = kept != store_.data().checkpoints.end();
  const std::string member =
      "\"checkpoint\":" + (has ? kept->second.checkpoint_json : std::string());
  require((launch.context_json.find(member) != std::string::npos) == has, "I37",
          [&] { return "goes on from something else: " + launch.context_json; });
}

}  // namespace batuta::sim
