#include "tests/sim/ledger.h"

#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

bool own_fault(Outcome outcome) {
  return outcome == Outcome::failed || outcome == Outcome::failed_no_retry ||
         outcome == Outcome::timeout || outcome == Outcome::crashed ||
         outcome == Outcome::cancelled;
}

}  // namespace

void Ledger::check_fresh(const AttemptKey& key) {
  require(lives_.find(key) == lives_.end(), "I1",
          [&] { return "an attempt started twice, fence " + std::to_string(key.fence); });
}

void Ledger::overlap(const AttemptKey& key, Fence with, bool excused) {
  require(excused, "I1", [&] {
    return "fence " + std::to_string(key.fence) + " started while fence " + std::to_string(with) +
           " of the same task was alive";
  });
  c_.met(Situation::overlap_after_pause);
}

void Ledger::end(const AttemptKey& key, const Finished& report) {
  Life& life = lives_.at(key);
  life.ended = true;
  life.report = report;
  live_[key.instance()].erase(key.fence);
}

void Ledger::die(const AttemptKey& key) {
  Life& life = lives_.at(key);
  life.died_silent = true;
  live_[key.instance()].erase(key.fence);
}

void Ledger::unrendered(const AttemptKey& key) {
  Life& life = lives_[key];
  life.agent = -1;
  life.ended = true;
  life.report.key = key;
  life.report.outcome = Outcome::failed_no_retry;
}

const Life* Ledger::find(const AttemptKey& key) const {
  const auto it = lives_.find(key);
  return it == lives_.end() ? nullptr : &it->second;
}

void Ledger::recorded(const AttemptKey& key, bool looped) {
  const auto it = lives_.find(key);
  if (it == lives_.end()) return;
  it->second.recorded = true;
  it->second.looped = looped;
}

int Ledger::count_failures(const InstanceKey& instance, bool only_recorded) const {
  int count = 0;
  for (auto life = lives_.lower_bound({instance.run, instance.task, instance.map_index, 0});
       life != lives_.end() && life->first.instance() == instance; ++life) {
    const Life& l = life->second;
    if (l.ended && own_fault(l.report.outcome) && !l.looped && (l.recorded || !only_recorded))
      ++count;
  }
  return count;
}

int Ledger::failures(const InstanceKey& instance) const {
  return count_failures(instance, false);
}

int Ledger::recorded_failures(const InstanceKey& instance) const {
  return count_failures(instance, true);
}

}  // namespace batuta::sim
