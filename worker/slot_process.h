// A slot as its agent sees it: the process, the link, the page, the lock, the log pipe, and what it
// has been given. Belongs to the agent's thread.
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/frame.h"
#include "common/result.h"
#include "worker/attempt.h"
#include "worker/attempt_group.h"
#include "worker/log_format.h"
#include "worker/posix.h"
#include "worker/slot_link.h"
#include "worker/slot_user.h"

namespace batuta {

class SlotProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // the executable and "slot"
    std::string name;                  // unique for ever; its lock is <lock_folder>/<name>.lock
    std::string lock_folder;
    std::string scratch_folder;  // of all slots; the slot's own lies below
    std::string plugins;
    std::string engine_library;
    std::int64_t max_attempts = 10'000;
    std::int64_t memory_limit = 0;             // bytes; 0 = none
    std::int64_t lake_memory = 0;              // bytes of the SQL engine; 0 = the engine's own
    std::int64_t lake_threads = 0;             // of the SQL engine; 0 = the engine's own
    std::string run_folders{};                 // of runs' tasks: worker/run_folder.h; empty: none
    std::int64_t run_dir_limit = 0;            // bytes of one; 0 = any number
    std::int64_t log_limit = usual_log_limit;  // bytes of one try's
    // Nothing bounds an attempt as a whole: what memory its task asks for is each process's
    // (RLIMIT_DATA).
    bool bounds_by_process = false;
    std::int64_t lease_us = 0;
    HeldUser user;         // uid 0: the command says it all
    std::string run_as{};  // the user that its one task asks for; empty: as above
    bool shared = false;   // slots of this host are several users'
  };
  static Result<std::unique_ptr<SlotProcess>> start(Options options);
  // The process must be dead. Takes away lock and scratch folder.
  ~SlotProcess();

  const std::string& name() const { return options_.name; }
  // Where the slot leaves a return value that is too large for its report.
  std::string spilled(std::uint64_t number) const {
    return options_.scratch_folder + "/" + options_.name + "/result-" + std::to_string(number);
  }
  const std::string& run_as() const { return options_.run_as; }
  pid_t pid() const { return pid_; }
  int control_fd() const { return control_.get(); }
  int log_fd() const { return log_.get(); }
  SlotPage& page() { return *page_; }

  // -- giving work
  // The attempt at the front runs, or is about to; the others wait in the slot.
  std::deque<std::unique_ptr<Attempt>>& given() { return given_; }
  bool idle() const { return given_.empty(); }
  bool fresh() const { return next_number_ == 1; }
  bool usable() const { return !retired_ && !dead_; }
  bool room() const {
    return usable() && !exclusive_ && given_.size() < slot_window / 2 &&
           unsent_.size() < max_unsent && !window_full();
  }
  // False when this slot has loaded another version of the same plugin.
  bool fits(const PluginFile& file) const;
  // Queues the attempt for the slot; flush() sends. An attempt given to an idle slot counts as
  // started at once.
  void give(std::unique_ptr<Attempt> attempt, const PluginFile& file);
  // Takes an attempt back unless the slot has begun it: then nullptr.
  std::unique_ptr<Attempt> take_back(const AttemptKey& key);
  // Brings the front attempt's start up to date from the page; true when it is running.
  bool front_running();
  void ask_to_stop(const Attempt& attempt) { page_->cancelled = attempt.number; }

  // -- talking
  // False when the link is broken.
  bool flush();
  bool wants_write() const { return !unsent_.empty(); }
  // Appends what the slot has reported. False when the link ended or carries garbage (garbage()).
  bool read_reports(std::vector<SlotReport>& out);
  bool garbage() const { return garbage_; }
  // Reads up to `limit` bytes of output into the logs; false at the end of the pipe.
  bool read_log(std::size_t limit, const std::string& home);
  // Everything the pipe holds now: all that a finished attempt wrote.
  void drain_log(const std::string& home) { read_log(pipe_bytes, home); }

  // Processor time that its attempts were told to have taken, microseconds.
  std::int64_t told_cpu_us() const { return told_cpu_us_; }
  void tell_cpu(std::int64_t us) { told_cpu_us_ += us; }

  // -- ending
  void retire() { retired_ = true; }  // nothing more is given to it
  void close_link() { control_.reset(); }
  void set_exclusive() { exclusive_ = true; }
  bool retired() const { return retired_; }
  void kill();
  void reaped() { dead_ = true; }
  bool dead() const { return dead_; }
  void set_attempt_group(std::unique_ptr<AttemptGroup> group) { attempt_group_ = std::move(group); }
  AttemptGroup* attempt_group() const { return attempt_group_.get(); }  // null: unbounded

 private:
  // Numbers taken back leave gaps that the slot may not have read past. Were the span from the
  // front to the next number wider than the window, two of them would share a place, and the slot
  // would take the older for recalled.
  bool window_full() const {
    return !given_.empty() && next_number_ - given_.front()->number >= slot_window;
  }
  explicit SlotProcess(Options options) : options_(std::move(options)) {}
  Status open_page();
  Status spawn();
  void feed_log(std::string_view bytes, const std::string& home);
  Attempt* log_owner();

  static constexpr std::size_t pipe_bytes = 64 << 10;
  static constexpr std::size_t max_unsent = 1 << 20;

  Options options_;
  pid_t pid_ = -1;
  UniqueFd lock_, control_, log_, memory_;
  SlotPage* page_ = nullptr;
  std::unique_ptr<AttemptGroup> attempt_group_;
  std::deque<std::unique_ptr<Attempt>> given_;
  std::uint64_t next_number_ = 1;
  std::int64_t told_cpu_us_ = 0;
  std::uint64_t log_number_ = 0;               // whose output the pipe carries now
  std::map<std::string, std::string> loaded_;  // plugin -> hash
  FrameReader reader_;
  std::string unsent_;
  std::string mark_;  // an unfinished switch mark
  bool retired_ = false, dead_ = false, exclusive_ = false, garbage_ = false;
};

}  // namespace batuta
