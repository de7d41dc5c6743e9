#include "scheduler/processes.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/log.h"
#include "scheduler/dags_test_command.h"
#include "scheduler/demo_run.h"
#include "scheduler/home.h"
#include "scheduler/process_parts.h"
#include "scheduler/server.h"
#include "scheduler/store/home_lock.h"
#include "scheduler/store/sqlite_store.h"

namespace batuta {
namespace {

using cli::ServeOptions;

constexpr Duration installation_patience = std::chrono::seconds(10);

// There is nothing in the folder that was named: it was misspelt, or never started.
Error no_installation(const std::string& folder) {
  return {Errc::not_found,
          "there is no installation in " + absolute_path(folder) +
              " (no batuta.db); name it with --home DIR, or make one with: batuta standalone "
              "--home " +
              folder,
          {}};
}

// A folder that was named and is not there is a slip; it must not look like an empty one.
Status check_folders(const ServeOptions& options) {
  if (options.dags_named && !std::filesystem::is_directory(options.dags)) {
    return {Errc::not_found, "there is no DAG folder " + absolute_path(options.dags) +
                                 "; make it, or name another one with --dags DIR"};
  }
  if (!options.plugins.empty() && !std::filesystem::is_directory(options.plugins)) {
    return {Errc::not_found, "there is no plugin folder " + absolute_path(options.plugins) +
                                 "; name another one with --plugins DIR"};
  }
  return success();
}

bool is_loopback(const std::string& host) {
  return host.starts_with("127.") || host == "::1";
}

// Whoever opens a server to others shall know what that means, and how they get in.
void warn_of_openness(const ServeOptions& options, const Home& home) {
  if (is_loopback(options.host)) return;
  std::string names;
  for (const std::string& name : home.settings().allowed_hosts) {
    names += (names.empty() ? "" : ", ") + name;
  }
  std::fprintf(stderr,
               "batuta: listening on %s in plain HTTP: whoever is on the way reads passwords and "
               "tokens; put a TLS proxy before it\n"
               "batuta: a name that others call it by must be in allowed_hosts of %s or in "
               "BATUTA_ALLOWED_HOSTS (now: %s), else they get 421\n",
               options.host.c_str(), home.path("batuta.json").c_str(),
               names.empty() ? "none" : names.c_str());
}

// The address for a person: where it listens on all addresses, the first name it is known by.
std::string page_url(const Server& server, const ServeOptions& options, const Home& home) {
  const bool all = options.host == "0.0.0.0" || options.host == "::";
  if (!all || home.settings().allowed_hosts.empty()) return server.url();
  return "http://" + home.settings().allowed_hosts.front() + ":" + std::to_string(server.port());
}

int run_scheduler(const ServeOptions& options) {
  if (auto status = check_folders(options); !status) return fail(status.error());
  const sigset_t watched = block_signals();
  auto home = Home::open(options.home);
  if (!home) return fail(home.error());
  log::start("scheduler", log::Level::info, home->path("logs/scheduler.log"));
  auto server = Server::start(*home, server_options(options));
  if (!server) return fail(server.error());
  warn_of_openness(options, *home);
  std::printf("batuta scheduler on %s, home %s\n", page_url(**server, options, *home).c_str(),
              home->folder().c_str());
  std::fflush(stdout);
  wait_for_end(watched, nullptr, {});
  (*server)->stop();
  return 0;
}

void print_link(Server& server, const ServeOptions& options, const Home& home) {
  warn_of_openness(options, home);
  const std::string first = home.path("admin.json");
  const std::string later = std::filesystem::exists(first)
                                ? "user admin, password in " + first
                                : "a user of yours; `batuta users set-password` if it is lost";
  std::printf(
      "\nBatuta is at %s/#login=%s\n(the link logs you in once, within ten minutes; later: %s)\n"
      "Ctrl-C stops it.\n",
      page_url(server, options, home).c_str(), server.make_login_code().c_str(), later.c_str());
  std::fflush(stdout);
}

int run_standalone(const ServeOptions& options) {
  if (auto status = check_folders(options); !status) return fail(status.error());
  const sigset_t watched = block_signals();
  auto home = Home::open(options.home);
  if (!home) return fail(home.error());
  log::start("scheduler", log::Level::info, home->path("logs/scheduler.log"));
  auto server = Server::start(*home, server_options(options));
  if (!server) return fail(server.error());
  KeptChild agent = agent_child(*home, options);
  if (auto status = agent.start(); !status) return fail(status.error());
  print_link(**server, options, *home);
  wait_for_end(watched, &agent, {});
  agent.stop(agent_grace);
  (*server)->stop();
  return 0;
}

int run_demo(ServeOptions options) {
  if (auto status = check_folders(options); !status) return fail(status.error());
  const sigset_t watched = block_signals();
  std::unique_ptr<TemporaryFolder> temporary;
  if (options.once) {
    temporary = std::make_unique<TemporaryFolder>();
    options.home = temporary->path();
    options.port = 0;
  }
  auto home = Home::open(options.home);
  if (!home) return fail(home.error());
  log::start("scheduler", log::Level::warn, home->path("logs/scheduler.log"));
  DemoServices services;
  auto server = Server::start(*home, server_options(options));
  if (!server) return fail(server.error());
  if (auto status = seed_demo(**server, services); !status) return fail(status.error());
  KeptChild agent = agent_child(*home, options);
  if (auto status = agent.start(); !status) return fail(status.error());

  std::atomic<bool> finished{false};
  Result<std::string> outcome(Errc::unavailable, "stopped");
  std::thread run([&] {
    outcome = attempt([&] { return demo_run(**server, home->folder()); });
    finished = true;
  });
  bool asked_to_stop = wait_for_end(watched, &agent, [&] { return finished.load(); });
  if (!asked_to_stop && !options.once) {
    print_link(**server, options, *home);
    asked_to_stop = wait_for_end(watched, &agent, {});
  }
  agent.stop(agent_grace);
  (*server)->stop();
  run.join();
  if (!outcome && !asked_to_stop) return fail(outcome.error());
  return !options.once || (outcome && *outcome == "success") ? 0 : 1;
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
  std::vector<std::string> command = agent_command(*home, options);
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  return fail({Errc::unavailable, "cannot start " + command[0] + ": " + strerror(errno), {}});
}

int offline_db(const std::string& folder, const std::string& verb, const std::string& argument) {
  if (!std::filesystem::exists(folder + "/batuta.db")) return fail(no_installation(folder));
  auto home = Home::open(folder);
  if (!home) return fail(home.error());
  auto lock = HomeLock::acquire(home->folder());
  if (!lock) return fail(lock.error());
  if (verb == "check") {
    const auto findings = quick_check(home->path("batuta.db"));
    for (const std::string& finding : findings) std::printf("%s\n", finding.c_str());
    if (findings.empty()) std::printf("ok\n");
    return findings.empty() ? 0 : 1;
  }
  const std::string target = argument.empty()
                                 ? home->path("backups/" + to_iso(read_clock().wall) + ".db")
                                 : absolute_path(argument);
  if (auto status = backup_database(home->path("batuta.db"), target); !status) {
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
  processes.scheduler = run_scheduler;
  processes.worker = run_worker;
  processes.dags_test = run_dags_test;
  processes.offline_db = offline_db;
  return processes;
}

}  // namespace batuta
