#include "worker/slot_call.h"

#include <poll.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "common/store_requests.h"
#include "common/time.h"
#include "common/uuid.h"
#include "worker/call_folder.h"
#include "worker/slot_process.h"

namespace batuta {
namespace {

constexpr int call_tick_ms = 100;

// What killed processes left is looked for once in a while.
void remove_left_calls_sometimes(const std::string& parent) {
  static std::atomic<std::int64_t> next_us{0};
  const std::int64_t now = read_clock().boot.since.count();
  std::int64_t due = next_us.load();
  if (now < due) return;
  const std::int64_t later = now + Duration(std::chrono::minutes(1)).count();
  if (next_us.compare_exchange_strong(due, later)) remove_left_calls(parent);
}

std::unique_ptr<Attempt> make_attempt(const SlotCall& call) {
  auto attempt = std::make_unique<Attempt>();
  Launch& launch = attempt->launch;
  launch.key = {RunSeq{1}, 0, unmapped, 1};
  launch.run_uuid = to_string(make_uuid_v7(read_clock().wall));
  launch.dag_id = call.caller;  // and no dag_run_id: what it writes names no run to look for
  launch.task_id = call.plugin;
  launch.plugin = call.plugin;
  launch.params_json = call.params_json;
  launch.secrets = call.secrets;
  nlohmann::json context{{"lake", call.lake_folder}, {"logical_date", nullptr}, {"fence", 1}};
  if (!call.lake_branch.empty()) context["lake_branch"] = call.lake_branch;
  launch.context_json = json_text(context);
  launch.timeout_us = call.patience.count();
  encode(ToAgent{launch}, attempt->body);
  return attempt;
}

Result<PluginFile> find_plugin(const SlotCall& call) {
  const auto manifest = read_manifest(call.plugins_folder);
  if (!manifest) return manifest.error();
  for (const PluginFile& file : manifest->files) {
    if (file.name == call.plugin) return file;
  }
  if (const auto fault = manifest->faults.find(call.plugin); fault != manifest->faults.end()) {
    return {Errc::invalid, fault->second};
  }
  return {Errc::not_found, "no plugin " + call.plugin + " in " + call.plugins_folder};
}

// Until the slot reports, ends, or patience is over. Keeps the page ticking, which is what keeps
// the slot alive.
Result<Finished> wait_for_report(SlotProcess& slot, const SlotCall& call, const std::string& logs) {
  const Boot deadline = read_clock().boot + call.patience;
  std::vector<SlotReport> reports;
  while (read_clock().boot < deadline) {
    if (call.stop()) return {Errc::unavailable, call_stopped};
    slot.page().agent_tick_us = read_clock().boot.since.count();
    // It is the slot's first and only attempt.
    if (const int percent = progress_of(slot.page().progress, 1); percent >= 0)
      call.progress(percent);
    slot.flush();
    pollfd fds[] = {{slot.control_fd(), POLLIN, 0}, {slot.log_fd(), POLLIN, 0}};
    poll(fds, 2, call_tick_ms);
    if (fds[1].revents != 0) slot.read_log(64 << 10, logs);
    const bool open = slot.read_reports(reports);
    for (const SlotReport& report : reports) {
      if (!report.checkpoint) return report.finished;
      slot.page().checkpoint_kept = report.checkpoint->number;  // there is no next try
    }
    reports.clear();
    if (!open) return {Errc::internal, "the slot ended without a result"};
  }
  return {Errc::unavailable, "no result in time"};
}

// `large`: what the result's file holds, when it is one; null: nobody asks.
Result<Finished> run_in_slot(const SlotCall& call, Result<std::string>* large) {
  std::error_code error;
  const std::string parent = std::filesystem::temp_directory_path(error).string();
  if (error) return {Errc::unavailable, "TMPDIR names no folder: name one that is there"};
  remove_left_calls_sometimes(parent);
  const CallFolder work(parent, !call.user.empty());
  if (work.path().empty())
    return {Errc::unavailable, "cannot make a folder in " + parent +
                                   " (TMPDIR): see whether its disk is full, and who may write it"};
  const auto file = find_plugin(call);
  if (!file) return file.error();
  SlotProcess::Options options;
  options.command = {call.programs_folder + "/batuta-worker", "slot"};
  if (!call.user.empty()) options.command.insert(options.command.end(), {"--user", call.user});
  options.name = "call";
  options.lock_folder = work.path() + "/slots";
  options.scratch_folder = work.path() + "/scratch";
  options.plugins = call.plugins_folder;
  options.engine_library = call.programs_folder + "/libduckdb.so";
  options.memory_limit = call.memory_limit;
  options.lake_memory = call.lake_memory;
  options.lake_threads = call.lake_threads;
  options.lease_us = Duration(std::chrono::seconds(10)).count();
  auto slot = SlotProcess::start(std::move(options));
  if (!slot) return slot.error();
  (*slot)->give(make_attempt(call), *file);
  auto finished = wait_for_report(**slot, call, work.path());
  if (finished) count_told_requests(finished->extra_json);
  if (finished && large != nullptr) {
    if (const auto told = result_file_of(finished->result_json)) {
      *large = read_result_file((*slot)->spilled(1), told->bytes, 0, max_result_file);
    }
  }
  (*slot)->kill();
  waitpid((*slot)->pid(), nullptr, 0);
  (*slot)->reaped();
  return finished;
}

}  // namespace

Result<Finished> finish_in_slot(const SlotCall& call) {
  return run_in_slot(call, nullptr);
}

Result<std::string> call_in_slot(const SlotCall& call) {
  Result<std::string> large = std::string();
  const auto finished = run_in_slot(call, &large);
  if (!finished) return finished.error();
  if (finished->outcome != Outcome::success) return {Errc::invalid, finished->reason};
  if (!large || !large->empty()) return large;
  return finished->result_json;
}

}  // namespace batuta
