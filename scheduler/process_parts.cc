#include "scheduler/process_parts.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace batuta {

using cli::ServeOptions;

namespace {

int slots(const ServeOptions& options) {
  return options.slots > 0 ? options.slots : static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

std::string absolute_path(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::string plugins_folder(const ServeOptions& options) {
  return options.plugins.empty() ? program("plugins") : absolute_path(options.plugins);
}

int fail(const Error& error) {
  std::fprintf(stderr, "batuta: %s\n", error.message.c_str());
  return 1;
}

sigset_t block_signals() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&watched, signal);
  pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return watched;
}

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
  Server::Options server;
  server.host = options.host;
  server.port = options.port;
  server.dags_folder = absolute_path(options.dags);
  server.plugins_folder = plugins_folder(options);
  return server;
}

std::vector<std::string> agent_command(const Home& home, const ServeOptions& options) {
  std::vector<std::string> command{program("batuta-worker"),
                                   "agent",
                                   "--home",
                                   home.folder(),
                                   "--plugins",
                                   plugins_folder(options),
                                   "--slots",
                                   std::to_string(slots(options))};
  if (const std::string& user = home.settings().worker_user; !user.empty()) {
    command.emplace_back("--user");
    command.push_back(user);
  }
  return command;
}

KeptChild agent_child(const Home& home, const ServeOptions& options) {
  std::vector<std::string> command = agent_command(home, options);
  command.emplace_back("--die-with-parent");
  return KeptChild("worker", std::move(command));
}

Result<std::string> attempt(const std::function<Result<std::string>()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return {Errc::unavailable, error.what()};
  }
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "batuta-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return;
  path_ = name;
  // The home inside is private by itself; with worker.user slots must find the way through.
  std::filesystem::permissions(path_, std::filesystem::perms(0711));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace batuta
