// batuta-worker: the agent and its slots, apart from the scheduler's executable because a host has
// many slots and each pays for what it links.
//   batuta-worker agent --home DIR --plugins DIR --slots N [--die-with-parent]   by `batuta worker`
//   batuta-worker slot …                                                         by an agent
//   batuta-worker manifest DIR       lists the plugins of a folder in its manifest.json
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "common/log.h"
#include "worker/agent.h"
#include "worker/plugin_folder.h"
#include "worker/slot.h"

namespace {

int usage() {
  std::fputs(
      "usage: batuta-worker manifest DIR\n"
      "The rest is started by `batuta worker` and `batuta standalone`.\n",
      stderr);
  return 2;
}

int agent(int argc, char** argv) {
  batuta::AgentOptions options;
  for (int i = 2; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--die-with-parent") {
      options.die_with_parent = true;
      continue;
    }
    if (++i == argc) return usage();
    if (flag == "--home") {
      options.home = argv[i];
    } else if (flag == "--plugins") {
      options.plugins_folder = argv[i];
    } else if (flag == "--user") {
      options.slot_user = argv[i];
    } else if (flag == "--user-range") {
      const auto range = batuta::parse_user_range(argv[i]);
      if (!range) return usage();
      options.slot_users = *range;
    } else if (flag == "--run-as-user") {
      options.run_as_users.emplace_back(argv[i]);
    } else if (flag == "--memory-limit") {
      options.memory_limit = std::atoll(argv[i]);
    } else if (flag == "--attempt-memory") {
      options.attempt_bounds.memory = std::atoll(argv[i]);
    } else if (flag == "--attempt-cpu") {
      options.attempt_bounds.cpu_percent = std::atoll(argv[i]);
    } else if (flag == "--attempt-memory-max") {
      options.most_bounds.memory = std::atoll(argv[i]);
    } else if (flag == "--attempt-cpu-max") {
      options.most_bounds.cpu_percent = std::atoll(argv[i]);
    } else if (flag == "--run-dir-limit") {
      options.run_dir_limit = std::atoll(argv[i]);
    } else if (flag == "--log-limit") {
      options.log_limit = std::atoll(argv[i]);
    } else if (flag == "--lake-memory") {
      options.lake_memory = std::atoll(argv[i]);
    } else if (flag == "--lake-threads") {
      options.lake_threads = std::atoll(argv[i]);
    } else if (flag == "--queue") {
      options.queues.emplace_back(argv[i]);
    } else if (flag == "--slots") {
      options.slots = std::atoi(argv[i]);
    } else if (flag == "--stop-drain") {
      const auto span = batuta::parse_duration(argv[i]);
      if (!span) return usage();
      options.stop_drain = *span;
    } else {
      return usage();
    }
  }
  if (options.home.empty() || options.plugins_folder.empty()) return usage();
  batuta::log::start("worker", batuta::log::Level::info, options.home + "/logs/worker.log");
  return batuta::run_agent(options);
}

int manifest(const char* folder) {
  const batuta::Status written = batuta::write_manifest(folder);
  if (written) return 0;
  std::fprintf(stderr, "batuta-worker: %s\n", written.error().message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "slot") return batuta::run_slot(argc, argv);
  if (verb == "agent") return agent(argc, argv);
  if (verb == "manifest" && argc == 3) return manifest(argv[2]);
  return usage();
}
