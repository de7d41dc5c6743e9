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
#include "scheduler/demo_run.h"
#include "scheduler/home.h"
#include "scheduler/server.h"
#include "scheduler/store/home_lock.h"
#include "scheduler/store/sqlite_store.h"
#include "scheduler/supervisor.h"
#include "scheduler/watch_run.h"

namespace batuta {
namespace {

using cli::ServeOptions;

constexpr Duration agent_grace = std::chrono::seconds(5);
constexpr Duration dags_test_patience = std::chrono::hours(24);

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::string plugins_folder(const ServeOptions& options) {
  return options.plugins.empty() ? program("plugins") : absolute(options.plugins);
}

int slots(const ServeOptions& options) {
  return options.slots > 0 ? options.slots : static_cast<int>(std::thread::hardware_concurrency());
}

int fail(const Error& error) {
  std::fprintf(stderr, "batuta: %s\n", error.message.c_str());
  return 1;
}

// There is nothing in the folder that was named: it was misspelt, or never started.
Error no_installation(const std::string& folder) {
  return {Errc::not_found,
          "there is no installation in " + absolute(folder) +
              " (no batuta.db); name it with --home DIR, or make one with: batuta standalone "
              "--home " +
              folder,
          {}};
}

// Signals wait here instead of interrupting some thread. Before any thread starts.
sigset_t block_signals() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&watched, signal);
  pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return watched;
}

// Until SIGTERM or SIGINT (true) or until `done` says so (false); keeps the child alive meanwhile.
bool wait_for_end(const sigset_t& watched, KeptChild* child, const std::function<bool()>& done) {
  for (;;) {
    const timespec tick{0, 100'000'000};
    const int signal = sigtimedwait(&watched, nullptr, &tick);
    if (signal == SIGTERM || signal == SIGINT || signal == SIGHUP) return true;
    if (child != nullptr) child->poll(read_clock().boot);
    if (done && done()) return false;
  }
}

Server::Options server_options(const ServeOptions& options) {
  return {options.host, options.port, absolute(options.dags), plugins_folder(options)};
}

std::vector<std::string> agent_command(const Home& home, const ServeOptions& options) {
  return {program("batuta-worker"),
          "agent",
          "--home",
          home.folder(),
          "--plugins",
          plugins_folder(options),
          "--slots",
          std::to_string(slots(options))};
}

KeptChild agent_child(const Home& home, const ServeOptions& options) {
  std::vector<std::string> command = agent_command(home, options);
  command.emplace_back("--die-with-parent");
  return KeptChild("worker", std::move(command));
}

int run_scheduler(const ServeOptions& options) {
  const sigset_t watched = block_signals();
  auto home = Home::open(options.home);
  if (!home) return fail(home.error());
  log::start("scheduler", log::Level::info, home->path("logs/scheduler.log"));
  auto server = Server::start(*home, server_options(options));
  if (!server) return fail(server.error());
  std::printf("batuta scheduler on %s, home %s\n", (*server)->url().c_str(),
              home->folder().c_str());
  std::fflush(stdout);
  wait_for_end(watched, nullptr, {});
  (*server)->stop();
  return 0;
}

void print_link(Server& server) {
  std::printf(
      "\nBatuta is at %s/#login=%s\n(the link logs you in once, within ten minutes; "
      "later: user admin, password in admin.json)\nCtrl-C stops it.\n",
      server.url().c_str(), server.make_login_code().c_str());
  std::fflush(stdout);
}

int run_standalone(const ServeOptions& options) {
  const sigset_t watched = block_signals();
  auto home = Home::open(options.home);
  if (!home) return fail(home.error());
  log::start("scheduler", log::Level::info, home->path("logs/scheduler.log"));
  auto server = Server::start(*home, server_options(options));
  if (!server) return fail(server.error());
  KeptChild agent = agent_child(*home, options);
  if (auto status = agent.start(); !status) return fail(status.error());
  print_link(**server);
  wait_for_end(watched, &agent, {});
  agent.stop(agent_grace);
  (*server)->stop();
  return 0;
}

// On a thread of its own, where an exception would end the process as a crash.
Result<std::string> attempt(const std::function<Result<std::string>()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return {Errc::unavailable, error.what()};
  }
}

// A folder that goes away with the process.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "batuta-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

int run_demo(ServeOptions options) {
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
    print_link(**server);
    asked_to_stop = wait_for_end(watched, &agent, {});
  }
  agent.stop(agent_grace);
  (*server)->stop();
  run.join();
  if (!outcome && !asked_to_stop) return fail(outcome.error());
  return !options.once || (outcome && *outcome == "success") ? 0 : 1;
}

int run_worker(const ServeOptions& options) {
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

// The log of every task that has one, for people: there is no server to ask afterwards.
void print_logs(const Home& home, Server& server, const std::string& dag_id) {
  TaskQuery query;
  query.dag_id = dag_id;
  query.page.limit = max_page;
  for (const TaskInstanceView& view : server.history().task_instances(query).rows) {
    std::ifstream log(home.path("logs/" + view.run_uuid + "/" + std::to_string(view.row.task) +
                                "-" + std::to_string(view.row.try_number) + ".log"));
    if (!log) continue;
    std::printf("\n-- %s\n", view.task_id.c_str());
    for (std::string line; std::getline(log, line);) std::printf("%s\n", line.c_str());
  }
}

int run_dags_test(const ServeOptions& given, const std::string& dag_id,
                  const std::string& conf_json) {
  const sigset_t watched = block_signals();
  const TemporaryFolder temporary;
  ServeOptions options = given;
  options.home = temporary.path();
  options.port = 0;
  auto home = Home::open(options.home);
  if (!home) return fail(home.error());
  log::start("scheduler", log::Level::warn);
  auto server = Server::start(*home, server_options(options));
  if (!server) return fail(server.error());
  KeptChild agent = agent_child(*home, options);
  if (auto status = agent.start(); !status) return fail(status.error());
  std::atomic<bool> finished{false};
  Result<std::string> outcome(Errc::unavailable, "stopped");
  std::thread run([&] {
    outcome = attempt([&] { return watch_run(**server, dag_id, conf_json, dags_test_patience); });
    finished = true;
  });
  wait_for_end(watched, &agent, [&] { return finished.load(); });
  if (finished) print_logs(*home, **server, dag_id);
  agent.stop(agent_grace);
  (*server)->stop();
  run.join();
  if (!outcome) return fail(outcome.error());
  return *outcome == "success" ? 0 : 1;
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
                                 : absolute(argument);
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
