// What an attempt may have: the worker's bounds for every slot, and those that a task asks for.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include "common/log.h"
#include "worker/agent_loop.h"

namespace batuta {
namespace {

std::string size_text(std::int64_t bytes) {
  constexpr std::int64_t mib = 1 << 20;
  if (bytes % mib == 0) return std::to_string(bytes / mib) + " MiB";
  return std::to_string(bytes) + " bytes";
}

std::string processors_text(std::int64_t percent) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(percent) / 100);
  return std::string(text) + (percent == 100 ? " processor" : " processors");
}

AttemptBounds asked_of(const Launch& launch) {
  return {launch.memory, launch.cpu_percent};
}

}  // namespace

// Also when the settings bound nothing: a task may ask.
void Agent::open_attempt_groups() {
  std::stringstream own;
  own << std::ifstream("/proc/self/cgroup").rdbuf();
  auto groups = AttemptGroups::open("/sys/fs/cgroup", own.str(), options_.attempt_bounds);
  if (groups) {
    attempt_groups_.emplace(*std::move(groups));
    return;
  }
  no_groups_ = groups.error().message;
  if (!options_.attempt_bounds.any()) return;  // said to the attempt that asks
  log::warn("worker: worker.attempt_memory and worker.attempt_cpu bound nothing here: " +
            no_groups_ + "; worker.memory_limit still bounds each process");
}

// One that cannot be bounded is killed, and reaped as any that dies young.
void Agent::bound_slot(SlotProcess& slot) {
  if (!attempt_groups_) return;
  auto group = attempt_groups_->put(slot.pid(), slot.name());
  if (group) return slot.set_attempt_group(*std::move(group));
  log::error("worker: " + group.error().message);
  slot.kill();
}

// Why this worker cannot give what the task asks for; empty: it can.
std::string Agent::too_much(const Launch& launch) const {
  constexpr const char* remedy =
      "; ask for less, or send the task by its \"queue\" to a worker that may give more";
  const AttemptBounds most = options_.most_bounds.over(options_.attempt_bounds);
  const bool own_most = options_.most_bounds.memory > 0;
  if (launch.memory > 0 && most.memory > 0 && launch.memory > most.memory) {
    return "it asks for " + size_text(launch.memory) + " of memory, and this worker gives " +
           size_text(most.memory) + " at most (" +
           (own_most ? "worker.attempt_memory_max" : "worker.attempt_memory") + ")" + remedy;
  }
  const std::int64_t machine = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  if (launch.memory > 0 && machine > 0 && launch.memory > machine) {
    return "it asks for " + size_text(launch.memory) + " of memory, and this machine has " +
           std::to_string(machine >> 20) + " MiB" + remedy;
  }
  if (launch.cpu_percent > 0 && most.cpu_percent > 0 && launch.cpu_percent > most.cpu_percent) {
    return "it asks for " + processors_text(launch.cpu_percent) + ", and this worker gives " +
           processors_text(most.cpu_percent) + " at most (" +
           (options_.most_bounds.cpu_percent > 0 ? "worker.attempt_cpu_max"
                                                 : "worker.attempt_cpu") +
           ")" + remedy;
  }
  return {};
}

// Why this worker does not run anything as that user; empty: it does. No name of a DAG reaches the
// system's list of users: only those of the settings do, which were looked up at the start.
std::string Agent::cannot_run_as(const std::string& user) const {
  const auto& listed = options_.run_as_users;
  if (user.empty() || std::find(listed.begin(), listed.end(), user) != listed.end()) return {};
  const std::string whose =
      "it is to run as the user \"" + user + "\" (run_as), whom \"worker.run_as_users\" of this ";
  if (::geteuid() != 0)
    return whose +
           "worker cannot name, for root does not run it: send the task by its \"queue\" to "
           "a worker that root runs and that lists the user";
  return whose +
         "worker does not list: add the name to it in batuta.json and start the worker "
         "anew, or send the task by its \"queue\" to a worker that lists it";
}

// Before it is given to its slot, which is fresh and its alone. False: it has been refused.
bool Agent::bound_attempt(SlotProcess& slot, const Attempt& attempt) {
  AttemptGroup* group = slot.attempt_group();
  if (!attempt.launch.asks_bounds() || group == nullptr) return true;
  const auto [memory, cpu] = asked_of(attempt.launch);
  const AttemptBounds kept{attempt_groups_->can({memory, 0}) ? memory : 0,
                           attempt_groups_->can({0, cpu}) ? cpu : 0};
  const Status bounded = group->bound(kept, "its memory");
  if (bounded) return true;
  const AttemptKey key = attempt.launch.key;
  refuse(attempt.launch, "it cannot be bounded as it asks: " + bounded.error().message);
  known_.erase(key);
  slot.kill();  // it may be bounded in part
  return false;
}

// What RLIMIT_DATA leaves each of its processes: the setting's, or what it asks for where no
// control group keeps that. 0: any.
std::int64_t Agent::process_memory(const Launch& launch) const {
  const bool by_group = attempt_groups_ && attempt_groups_->can({1, 0});
  const std::int64_t asked = by_group ? 0 : launch.memory, of_all = options_.memory_limit;
  return asked > 0 && of_all > 0 ? std::min(asked, of_all) : std::max(asked, of_all);
}

// Whoever reads the log of such an attempt sees what is kept, and how.
void Agent::tell_bounds(SlotProcess& slot, Attempt& attempt) const {
  const auto [memory, cpu] = asked_of(attempt.launch);
  std::string kept, not_kept, why = no_groups_;
  const auto able = [&](AttemptBounds bounds) {
    if (slot.attempt_group() == nullptr) return false;
    const Status can = attempt_groups_->can(bounds);
    if (!can) why = can.error().message;
    return can.ok();
  };
  const auto say = [](std::string& text, const std::string& what) {
    text += (text.empty() ? "" : " and ") + what;
  };
  if (memory > 0 && able({memory, 0})) {
    say(kept, size_text(memory) + " of memory");
  } else if (memory > 0) {
    say(not_kept, size_text(memory) + " of memory in each of its processes (RLIMIT_DATA)");
  }
  if (cpu > 0 && able({0, cpu})) {
    say(kept, processors_text(cpu));
  } else if (cpu > 0) {
    say(not_kept, "more than the " + processors_text(cpu) + " that it asks for");
  }
  AttemptLog& log = log_of(attempt, options_.home, options_.log_limit);
  if (!kept.empty()) log.note("It may have " + kept + " together with all that it starts.");
  if (not_kept.empty()) return;
  log.note("It may have " + not_kept + ": attempts are not bounded as a whole here (" + why + ").");
}

}  // namespace batuta
