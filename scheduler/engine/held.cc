#include "scheduler/engine/held.h"

#include <algorithm>
#include <utility>

namespace batuta {
namespace {

bool still_stands(const SchedulerState& state, const AttemptKey& key) {
  const StoredRun* run = state.run(key.run);
  if (run == nullptr || !run->has_rows()) return false;
  const auto i = run->find(key.task, key.map_index);
  if (!i) return false;
  const InstanceHot& hot = run->hot[place_of(*i)];
  return hot.fence == key.fence && hot.state == TaskState::queued;
}

// The requests among `asked` that are about held launches, which they end.
template <class Request>
void take_back(std::vector<LaunchEffect>& launches, std::vector<Request>& asked,
               std::vector<Event>& events) {
  std::erase_if(asked, [&](const Request& request) {
    const auto found =
        std::find_if(launches.begin(), launches.end(),
                     [&](const LaunchEffect& launch) { return launch.key == request.key; });
    if (found == launches.end()) return false;
    // Of no worker: what its worker never said must not renew its lease.
    events.push_back(AttemptRecalled{0, request.key});
    launches.erase(found);
    return true;
  });
}

template <class Question, class Same>
void join_questions(std::vector<Question>&& held, std::vector<Question>& asked, Same same) {
  for (Question& question : held) {
    const bool again = std::any_of(asked.begin(), asked.end(),
                                   [&](const Question& other) { return same(question, other); });
    if (!again) asked.push_back(std::move(question));
  }
}

}  // namespace

void give_back_held(Held& held, Effects& effects, std::vector<Event>& events) {
  if (held.launches.empty()) return;
  take_back(held.launches, effects.cancels, events);
  take_back(held.launches, effects.recalls, events);
}

void take_up_held(const SchedulerState& state, Held held, Effects& effects) {
  for (LaunchEffect& launch : held.launches) {
    if (still_stands(state, launch.key)) effects.launches.push_back(std::move(launch));
  }
  join_questions(std::move(held.expansions), effects.expansions,
                 [](const auto& a, const auto& b) { return a.run == b.run && a.task == b.task; });
  join_questions(std::move(held.gates), effects.gates, [](const auto& a, const auto& b) {
    return a.run == b.run && a.instance == b.instance;
  });
  join_questions(
      std::move(held.resolutions), effects.resolutions,
      [](const auto& a, const auto& b) { return a.run == b.run && a.instance == b.instance; });
}

}  // namespace batuta
