#include "scheduler/commands/processes.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "common/log.h"
#include "scheduler/commands/clone_command.h"
#include "scheduler/commands/dags_test_command.h"
#include "scheduler/commands/demo_clean.h"
#include "scheduler/commands/demo_monitors.h"
#include "scheduler/commands/demo_pipelines.h"
#include "scheduler/commands/demo_run.h"
#include "scheduler/commands/process_parts.h"
#include "scheduler/commands/serving.h"
#include "scheduler/serve/home.h"
#include "scheduler/serve/lake_place.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/home_lock.h"

namespace batuta {
namespace {

using cli::ServeOptions;

constexpr Duration installation_patience = std::chrono::seconds(10);

int run_scheduler(const ServeOptions& options) {
  Serving::Options with;
  with.keeps_worker = false;
  auto serving = Serving::start(options, std::move(with));
  if (!serving) return fail(serving.error());
  (*serving)->print_address();
  (*serving)->wait();
  (*serving)->stop();
  return 0;
}

int run_standalone(const ServeOptions& options) {
  auto serving = Serving::start(options, {});
  if (!serving) return fail(serving.error());
  (*serving)->print_link();
  (*serving)->wait();
  (*serving)->stop();
  return 0;
}

int run_demo(ServeOptions options) {
  std::unique_ptr<TemporaryFolder> temporary;
  if (options.once) {
    temporary = std::make_unique<TemporaryFolder>();
    options.home = temporary->path();
    options.port = 0;
  }
  const bool makes_it = is_new_home(options.home);
  const auto made = Home::open(options.home);
  if (!made) return fail(made.error());
  if (makes_it)
    if (auto status = mark_demo_home(*made); !status) return fail(status.error());
  if (auto status = drop_in_bundle(*made, "financial"); !status) return fail(status.error());
  std::unique_ptr<DemoServices> services;  // outlive the server that calls them
  Serving::Options with;
  with.log_level = log::Level::warn;
  with.seed = [&services](Server& server) {
    services = std::make_unique<DemoServices>();
    return seed_demo(server, *services);
  };
  auto serving = Serving::start(options, std::move(with));
  if (!serving) return fail(serving.error());
  const auto outcome = (*serving)->run([&]() -> Result<std::string> {
    const std::string& home = (*serving)->home().folder();
    auto state = demo_run((*serving)->server(), home, !options.once);
    if (!state || *state != "success") return state;
    return judge_monitors((*serving)->server(), home, {"financial"});
  });
  if (outcome && !options.once) {
    (*serving)->print_link();
    (*serving)->wait();
  }
  (*serving)->stop();
  if (outcome && !*outcome) return fail(outcome->error());
  return !options.once || (outcome && **outcome == "success") ? 0 : 1;
}

// Scheduler and worker are often started together, and the scheduler makes the installation; but
// nobody shall wait for ever on a folder that was misspelt.
bool installation_appears(const std::string& home) {
  const auto there = [&] { return std::filesystem::exists(home + "/batuta.db"); };
  if (there()) return true;
  std::fprintf(stderr, "batuta: waiting for an installation in %s\n", absolute_path(home).c_str());
  const Boot deadline = read_clock().boot + installation_patience;
  while (!there()) {
    if (read_clock().boot > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return true;
}

int run_worker(const ServeOptions& options) {
  if (auto status = check_folders(options); !status) return fail(status.error());
  if (!installation_appears(options.home)) return fail(no_installation(options.home));
  auto home = Home::open(options.home);
  if (!home) return fail(home.error());
  set_outgoing(home->settings());
  std::vector<std::string> command = agent_command(*home, options);
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  return fail({Errc::unavailable, "cannot start " + command[0] + ": " + strerror(errno), {}});
}

int rotate_key_of(const Home& home) {
  try {
    const RotatedKey told =
        rotate_store_key(home.store_url(), home.path("secret.key"), read_clock().wall);
    std::printf("%lld %s sealed with a new %s\n", static_cast<long long>(told.sealed),
                told.sealed == 1 ? "secret is" : "secrets are", home.path("secret.key").c_str());
    if (told.closed > 0) {
      std::printf(
          "%lld results or confs of runs stay as they are: the old key does not open them\n",
          static_cast<long long>(told.closed));
    }
    std::printf(
        "the old key is %s: backups made before open with it; delete it with the last of them\n"
        "put a copy of the new key where you keep such things: it is in no backup\n",
        told.kept.c_str());
    return 0;
  } catch (const StoreError& error) {
    return fail({Errc::unavailable, error.what(), {}});
  }
}

int offline_db(const std::string& folder, const std::string& verb, const std::string& argument) {
  // What is restored may be gone; the key tells that there was an installation.
  const bool there = std::filesystem::exists(folder + "/batuta.db") ||
                     (verb == "restore" && std::filesystem::exists(folder + "/secret.key"));
  if (!there) return fail(no_installation(folder));
  auto home = Home::open(folder);
  if (!home) return fail(home.error());
  auto lock = HomeLock::acquire(home->folder());
  if (!lock) return fail(lock.error());
  if (verb == "check") {
    const auto findings = check_store(home->store_url());
    for (const std::string& finding : findings) std::printf("%s\n", finding.c_str());
    if (findings.empty()) std::printf("ok\n");
    return findings.empty() ? 0 : 1;
  }
  if (verb == "restore") {
    const std::string from = absolute_path(argument);
    const auto replaced = restore_store(from, home->store_url(), read_clock().wall);
    if (!replaced) return fail(replaced.error());
    std::printf("%s is the store now%s\n", from.c_str(),
                replaced->empty() ? "" : ("; what was there is " + *replaced).c_str());
    return 0;
  }
  if (verb == "rotate-key") return rotate_key_of(*home);
  const std::string target = argument.empty()
                                 ? home->path("backups/" + to_iso(read_clock().wall) + ".db")
                                 : absolute_path(argument);
  if (auto status = backup_store(home->store_url(), target); !status) {
    return fail(status.error());
  }
  std::printf("%s\n", target.c_str());
  return 0;
}

}  // namespace

cli::Processes make_processes() {
  cli::Processes processes;
  processes.standalone = [](const ServeOptions& options) {
    return options.demo ? run_demo(options) : run_standalone(options);
  };
  processes.demo_run = run_pipelines;
  processes.scheduler = run_scheduler;
  processes.worker = run_worker;
  processes.clone = run_clone;
  processes.dags_test = run_dags_test;
  processes.offline_db = offline_db;
  processes.lake_settings = [](const std::string& home) -> Result<cli::LakeSettings> {
    const auto settings = settings_of(home);
    if (!settings) return settings.error();
    cli::LakeSettings told{settings->lake_memory, settings->lake_threads,
                           settings->lake_sql_timeout};
    const auto access = lake_store(*settings);
    if (!access) return access.error();
    if (!*access) return told;
    told.store = stores::Lake(**access, "", true);  // logs alone: slots have the files
    told.secrets.push_back(lake_secret(**access));
    return told;
  };
  processes.settings_schema = settings_schema;
  processes.check_settings = check_settings_text;
  return processes;
}

}  // namespace batuta
