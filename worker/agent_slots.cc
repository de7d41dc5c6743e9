#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "common/log.h"
#include "common/run_files.h"
#include "worker/agent_loop.h"
#include "worker/large_result.h"
#include "worker/posix.h"
#include "worker/process_tree.h"

namespace batuta {
namespace {

constexpr std::int64_t sweep_every_us = 5'000;
constexpr std::int64_t burial_limit_us = 5'000'000;
constexpr std::int64_t short_life_us = 1'000'000;

std::string describe_end(int code, int status) {
  if (code == CLD_EXITED) {
    return "exited with code " + std::to_string(status) + " without a result";
  }
  std::string text = "signal " + std::to_string(status);
  // The words people search for; strsignal's depend on the locale.
  const char* word = status == SIGKILL   ? "killed"
                     : status == SIGSEGV ? "segmentation fault"
                     : status == SIGABRT ? "aborted"
                     : status == SIGTERM ? "terminated"
                     : status == SIGBUS  ? "bus error"
                     : status == SIGFPE  ? "arithmetic error"
                     : status == SIGILL  ? "illegal instruction"
                                         : nullptr;
  return word == nullptr ? text : text + " (" + word + ")";
}

}  // namespace

// ---- birth --------------------------------------------------------------------------------------

// Puts a new slot on the seat, of the user `run_as` if that is not empty. False, with a later retry
// arranged, when it cannot start.
bool Agent::fill(Seat& seat, const std::string& run_as) {
  const std::int64_t now = boot_us();
  SlotProcess::Options options;
  options.command = options_.slot_command;
  options.name = agent_id_ + "-" + std::to_string(++slots_made_);
  options.lock_folder = options_.home + "/run/slots";
  options.scratch_folder = options_.home + "/run/scratch";
  options.plugins = options_.plugins_folder;
  options.engine_library = options_.engine_library;
  options.max_attempts = options_.max_attempts;
  options.memory_limit = options_.memory_limit;
  options.lake_memory = options_.lake_memory;
  options.lake_threads = options_.lake_threads;
  options.run_folders = options_.home + "/runs";
  options.run_dir_limit = options_.run_dir_limit;
  options.log_limit = options_.log_limit;
  options.bounds_by_process = !attempt_groups_ || !attempt_groups_->can({1, 0});
  options.lease_us = lease_us_;
  Status may_start = success();
  options.run_as = run_as;
  options.shared = options_.slots_share();
  if (options_.slot_users && run_as.empty()) {
    auto held = hold_user(options_.slot_users, options_.home + "/run/users");
    if (held) {
      options.user = *std::move(held);
    } else {
      may_start = held.error();
    }
  }
  Result<std::unique_ptr<SlotProcess>> slot =
      may_start ? SlotProcess::start(std::move(options))
                : Result<std::unique_ptr<SlotProcess>>(may_start.error());
  seat.started_us = now;
  if (!slot) {
    log::error("worker: " + slot.error().message);
    ++seat.failures;
    seat.retry_us = now + std::min<std::int64_t>(2'000'000, 50'000LL << std::min(seat.failures, 6));
    return false;
  }
  seat.slot = std::move(*slot);
  bound_slot(*seat.slot);
  watch(seat.slot->control_fd(), false);
  watch(seat.slot->log_fd(), false);
  return true;
}

// An idle slot leaves: its link closes, it ends by itself, its seat is free.
void Agent::retire(Seat& seat) {
  unwatch(seat.slot->control_fd());
  unwatch(seat.slot->log_fd());
  seat.slot->retire();
  seat.slot->close_link();
  leaving_.push_back(std::move(seat.slot));
}

// ---- hearing from a slot ------------------------------------------------------------------------

void Agent::read_slot(Seat& seat) {
  SlotProcess& slot = *seat.slot;
  std::vector<SlotReport> reports;
  const bool open = slot.read_reports(reports);
  if (!reports.empty()) slot.drain_log(options_.home);
  for (SlotReport& said : reports) {
    auto& given = slot.given();
    if (given.empty() || given.front()->number != said.number) {
      log::error("worker: slot " + slot.name() + " reports what it was not given");
      slot.kill();
      return;
    }
    slot.front_running();
    if (said.checkpoint) {
      on_checkpoint(slot, *std::move(said.checkpoint));
      continue;
    }
    std::unique_ptr<Attempt> attempt = std::move(given.front());
    given.pop_front();
    seat.failures = 0;
    if (said.retire) slot.retire();
    slot.tell_cpu(std::max<std::int64_t>(0, said.finished.cpu_us));
    if (result_file_of(said.finished.result_json)) {
      keep_result(options_.home, slot.spilled(said.number), result_readers_, attempt->launch,
                  said.finished);
    }
    report(*attempt, std::move(said.finished));
  }
  if (!open) {
    unwatch(slot.control_fd());
    slot.kill();  // without its link it is useless, and perhaps mad
    return;
  }
  if (!slot.dead() && slot.idle() && !slot.room()) {
    retire(seat);
    fill(seat);
  }
}

// ---- death --------------------------------------------------------------------------------------

void Agent::reap() {
  for (;;) {
    // The system call itself: libc's waitid has no place for the memory used.
    siginfo_t info{};
    rusage used{};
    if (::syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG, &used) != 0 || info.si_pid == 0) {
      return;
    }
    if (info.si_pid == scan_.child()) {
      scan_.child_reaped(info.si_code, info.si_status);
      continue;
    }
    const auto is_it = [&](const std::unique_ptr<SlotProcess>& s) {
      return s && s->pid() == info.si_pid;
    };
    if (const auto at = std::find_if(leaving_.begin(), leaving_.end(), is_it);
        at != leaving_.end()) {
      (*at)->reaped();
      leaving_.erase(at);  // it ended what it had started after each attempt
      continue;
    }
    bool orphan = true;
    for (Seat& seat : seats_) {
      if (!is_it(seat.slot)) continue;
      orphan = false;
      // Its last words first: a report may lie in the link, a cry in the log.
      seat.slot->reaped();
      read_slot(seat);
      if (!seat.slot) break;  // it had finished and was about to be replaced anyway
      unwatch(seat.slot->control_fd());
      unwatch(seat.slot->log_fd());
      const bool in_vain = seat.slot->fresh() && boot_us() - seat.started_us < short_life_us;
      on_slot_dead(std::move(seat.slot),
                   {info.si_code, info.si_status, used.ru_maxrss, processor_us(used)});
      if (in_vain && ++seat.failures > 1) {
        seat.retry_us =
            boot_us() + std::min<std::int64_t>(2'000'000, 50'000LL << std::min(seat.failures, 6));
      } else {
        fill(seat);
      }
      break;
    }
    if (orphan) remember_orphan(used.ru_maxrss, processor_us(used));
  }
}

// What a dead slot had started counts as its attempt's.
void Agent::remember_orphan(std::int64_t peak_kib, std::int64_t cpu_us) {
  for (Burial& burial : burials_) {
    for (Finished& done : burial.reports) {
      done.peak_rss_kib = std::max(done.peak_rss_kib, peak_kib);
    }
  }
  // Each processor second once: the slot that died last is the likeliest.
  if (!burials_.empty() && !burials_.back().reports.empty())
    burials_.back().reports.front().cpu_us += cpu_us;
}

void Agent::on_slot_dead(std::unique_ptr<SlotProcess> slot, const SlotEnd& end) {
  slot->drain_log(options_.home);
  Burial burial;
  burial.since_us = boot_us();
  const bool out_of_memory = slot->attempt_group() != nullptr && slot->attempt_group()->ran_out();
  std::vector<std::unique_ptr<Attempt>> unstarted;
  auto& given = slot->given();
  while (!given.empty()) {
    const AttemptKey key = given.front()->launch.key;
    if (!slot->front_running()) {
      if (auto back = slot->take_back(key)) {
        journal_.clear(std::exchange(back->journal_place, -1));
        unstarted.push_back(std::move(back));
        continue;
      }
      slot->front_running();
    }
    Finished finished;
    finished.key = key;
    finished.outcome = Outcome::crashed;
    finished.reason = slot->garbage() ? "the plugin wrote on the slot's control channel"
                      : out_of_memory ? slot->attempt_group()->told()
                                      : describe_end(end.code, end.status);
    (end.code == CLD_EXITED ? finished.exit_code : finished.signal) = end.status;
    finished.peak_rss_kib =
        out_of_memory ? slot->attempt_group()->peak_kib(end.peak_rss_kib) : end.peak_rss_kib;
    finished.cpu_us = std::max<std::int64_t>(0, end.cpu_us - slot->told_cpu_us());
    slot->tell_cpu(finished.cpu_us);
    finished.started = given.front()->started;
    finished.ended = wall_now();
    finished.slot = slot->name();
    if (const PluginFile* file = scan_.find(given.front()->launch.plugin)) {
      finished.plugin_sha256 = file->sha256;
    }
    burial.reports.push_back(std::move(finished));
    burial.victims.push_back(std::move(given.front()));
    given.pop_front();
  }
  if (link_.connected()) {
    for (auto at = unstarted.rbegin(); at != unstarted.rend(); ++at)
      queue_.push_front(std::move(*at));
  } else {
    for (const auto& attempt : unstarted) known_.erase(attempt->launch.key);
  }
  burial.slot = std::move(slot);
  burials_.push_back(std::move(burial));
  sweep_orphans();
}

// Ends what dead slots left behind. As a subreaper the agent inherits it, so every child that is
// not a slot is such a remnant. Reports follow when nothing is left: a retry never meets its past
// self.
void Agent::sweep_orphans() {
  std::vector<pid_t> spared;
  for (const Seat& seat : seats_) {
    if (seat.slot && !seat.slot->dead()) spared.push_back(seat.slot->pid());
  }
  for (const auto& slot : leaving_) spared.push_back(slot->pid());
  if (scan_.child() > 0) spared.push_back(scan_.child());
  const bool clean = kill_descendants(spared) == 0;
  const std::int64_t now = boot_us();
  std::erase_if(burials_, [&](Burial& burial) {
    const bool late = now - burial.since_us > burial_limit_us;
    if (!clean && !late) return false;
    if (!clean)
      log::error("worker: processes of slot " + burial.slot->name() + " cannot be killed");
    for (std::size_t i = 0; i < burial.victims.size(); ++i) {
      report(*burial.victims[i], std::move(burial.reports[i]));
    }
    return true;
  });
  sweep_at_us_ = burials_.empty() ? 0 : now + sweep_every_us;
}

void Agent::slot_timers() {
  const std::int64_t now = boot_us();
  for (Seat& seat : seats_) {
    if (seat.slot) {
      attempt_timers(*seat.slot, now);
    } else if (seat.retry_us <= now) {
      fill(seat);
    }
  }
}

void Agent::end_all_slots() {
  for (Seat& seat : seats_) {
    if (!seat.slot) continue;
    seat.slot->kill();
    leaving_.push_back(std::move(seat.slot));
  }
  for (const auto& slot : leaving_) slot->kill();
  end_descendants();
  for (const auto& slot : leaving_) slot->reaped();
  leaving_.clear();
  burials_.clear();
}

}  // namespace batuta
