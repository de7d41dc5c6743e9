#include "scheduler/cli/slot_run.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "common/uuid.h"
#include "worker/slot_process.h"

namespace batuta::cli {
namespace {

constexpr int tick_ms = 200;

volatile std::sig_atomic_t was_interrupted = 0;

// While it lives, an interrupt ends the run in order, so that nothing stays behind. The slot is in
// a process group of its own: a terminal's Ctrl-C does not reach it.
class InterruptGuard {
 public:
  InterruptGuard() {
    was_interrupted = 0;
    struct sigaction note {};
    note.sa_handler = [](int) { was_interrupted = 1; };
    sigaction(SIGINT, &note, &old_int_);
    sigaction(SIGTERM, &note, &old_term_);
  }
  ~InterruptGuard() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction old_int_ {
  }, old_term_{};
};

// Locks, scratch and logs of this one slot; gone with the object.
class WorkFolder {
 public:
  WorkFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "batuta-slot-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return;
    path_ = name;
    for (const char* sub : {"slots", "scratch", "logs"})
      std::filesystem::create_directory(path_ + "/" + sub);
  }
  ~WorkFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<Attempt> make_attempt(const SlotRun& run) {
  auto attempt = std::make_unique<Attempt>();
  Launch& launch = attempt->launch;
  launch.key = {RunSeq{1}, 0, unmapped, 1};
  launch.run_uuid = to_string(make_uuid_v7(read_clock().wall));
  launch.dag_id = "command_line";
  launch.dag_run_id = "now";
  launch.task_id = run.plugin;
  launch.plugin = run.plugin;
  launch.params_json = run.params_json;
  launch.context_json =
      json_text({{"lake", run.lake_folder}, {"logical_date", nullptr}, {"fence", 1}});
  launch.timeout_us = run.patience.count();
  encode(ToAgent{launch}, attempt->body);
  return attempt;
}

Result<PluginFile> find_plugin(const SlotRun& run) {
  const auto manifest = read_manifest(run.plugins_folder);
  if (!manifest) return manifest.error();
  for (const PluginFile& file : manifest->files) {
    if (file.name == run.plugin) return file;
  }
  if (const auto fault = manifest->faults.find(run.plugin); fault != manifest->faults.end()) {
    return {Errc::invalid, fault->second};
  }
  return {Errc::not_found, "no plugin " + run.plugin + " in " + run.plugins_folder};
}

// Until the slot reports, ends, or patience is over. Keeps the page ticking, which is what keeps
// the slot alive.
Result<Finished> wait_for_report(SlotProcess& slot, Duration patience, const std::string& logs) {
  const Boot deadline = read_clock().boot + patience;
  std::vector<SlotReport> reports;
  while (read_clock().boot < deadline) {
    if (was_interrupted != 0) return {Errc::unavailable, interrupted};
    slot.page().agent_tick_us = read_clock().boot.since.count();
    slot.flush();
    pollfd fds[] = {{slot.control_fd(), POLLIN, 0}, {slot.log_fd(), POLLIN, 0}};
    poll(fds, 2, tick_ms);
    if (fds[1].revents != 0) slot.read_log(64 << 10, logs);
    const bool open = slot.read_reports(reports);
    if (!reports.empty()) return reports.front().finished;
    if (!open) return {Errc::internal, "the slot ended without a result"};
  }
  return {Errc::unavailable, "no result in time"};
}

}  // namespace

Result<std::string> run_in_slot(const SlotRun& run) {
  const InterruptGuard guard;
  const WorkFolder work;
  if (work.path().empty()) return {Errc::unavailable, "cannot make a temporary folder"};
  const auto file = find_plugin(run);
  if (!file) return file.error();
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  SlotProcess::Options options;
  options.command = {(folder / "batuta-worker").string(), "slot"};
  options.name = "command-line";
  options.lock_folder = work.path() + "/slots";
  options.scratch_folder = work.path() + "/scratch";
  options.plugins = run.plugins_folder;
  options.engine_library = (folder / "libduckdb.so").string();
  options.lake_memory = run.lake_memory;
  options.lake_threads = run.lake_threads;
  options.lease_us = Duration(std::chrono::seconds(10)).count();
  auto slot = SlotProcess::start(std::move(options));
  if (!slot) return slot.error();
  (*slot)->give(make_attempt(run), *file);
  auto finished = wait_for_report(**slot, run.patience, work.path());
  Result<std::string> large = std::string();
  if (finished) {
    if (const auto told = result_file_of(finished->result_json)) {
      large = read_result_file((*slot)->spilled(1), told->bytes, 0, max_result_file);
    }
  }
  (*slot)->kill();
  waitpid((*slot)->pid(), nullptr, 0);
  (*slot)->reaped();
  if (!finished) return finished.error();
  if (finished->outcome != Outcome::success) return {Errc::invalid, finished->reason};
  if (!large || !large->empty()) return large;
  return finished->result_json;
}

}  // namespace batuta::cli
