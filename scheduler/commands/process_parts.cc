#include "scheduler/commands/process_parts.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/log.h"
#include "common/safe_json.h"
#include "scheduler/serve/start_fault.h"

namespace batuta {

using cli::ServeOptions;

namespace {

int slots(const ServeOptions& options) {
  return options.slots > 0 ? options.slots : static_cast<int>(std::thread::hardware_concurrency());
}

std::string words_json(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += out.empty() ? '[' : ',';
    append_json_string(out, word);
  }
  return out.empty() ? "[]" : out + "]";
}

// As plugins/builtin/container.cc reads them.
std::string container_settings(const Settings& settings) {
  std::string out = "{\"socket\":";
  append_json_string(out, settings.worker_container_socket);
  return out + ",\"images\":" + words_json(settings.worker_container_images) +
         ",\"grace_ms\":" + std::to_string(settings.cancel_grace.count() / 1'000) + "}";
}

}  // namespace

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

std::string absolute_path(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::string plugins_folder(const ServeOptions& options) {
  return options.plugins.empty() ? program("plugins") : absolute_path(options.plugins);
}

Error no_installation(const std::string& folder) {
  return {Errc::not_found,
          "there is no installation in " + absolute_path(folder) +
              " (no batuta.db); name it with --home DIR, or make one with: batuta standalone "
              "--home " +
              folder,
          {}};
}

int fail(const Error& error) {
  std::fprintf(stderr, "batuta: %s\n", error.message.c_str());
  return exit_code_of(error);
}

sigset_t block_signals() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&watched, signal);
  pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return watched;
}

bool wait_for_end(const sigset_t& watched, KeptChild* child, const std::function<bool()>& done,
                  const std::function<void()>& hung_up) {
  for (;;) {
    const timespec tick{0, 100'000'000};
    const int signal = sigtimedwait(&watched, nullptr, &tick);
    if (signal == SIGTERM || signal == SIGINT) return true;
    if (signal == SIGHUP) {
      log::reopen();
      if (hung_up) hung_up();
    }
    if (child != nullptr) child->poll(read_clock().boot);
    if (done && done()) return false;
  }
}

void set_outgoing(const Settings& settings) {
  for (const auto& [name, value] : {std::pair{"BATUTA_OUTGOING_PROXY", &settings.outgoing_proxy},
                                    {"BATUTA_OUTGOING_NO_PROXY", &settings.outgoing_no_proxy},
                                    {"BATUTA_OUTGOING_CA_FILE", &settings.outgoing_ca_file}}) {
    if (!value->empty()) ::setenv(name, value->c_str(), 1);
  }
}

std::vector<std::string> agent_command(const Home& home, const ServeOptions& options) {
  // By the environment, for arguments are every user's to read.
  ::setenv("BATUTA_COMMAND_ENV", home.settings().worker_env.c_str(), 1);
  ::setenv("BATUTA_CONTAINERS", container_settings(home.settings()).c_str(), 1);
  ::setenv("BATUTA_WARM_PYTHON", home.settings().worker_warm_python ? "1" : "0", 1);
  ::setenv("BATUTA_SPARK_SUBMIT", words_json(home.settings().worker_spark_submit).c_str(), 1);
  std::vector<std::string> command{
      program("batuta-worker"),
      "agent",
      "--home",
      home.folder(),
      "--plugins",
      plugins_folder(options),
      "--slots",
      std::to_string(slots(options)),
      "--stop-drain",
      std::to_string(home.settings().stop_drain.count() / 1'000) + "ms"};
  for (const std::string& queue : options.queues) {
    command.emplace_back("--queue");
    command.push_back(queue);
  }
  for (const auto& [flag, value] :
       {std::pair{"--lake-memory", home.settings().lake_memory},
        {"--run-dir-limit", home.settings().worker_run_dir_limit},
        {"--log-limit", home.settings().worker_log_limit},
        {"--lake-threads", std::int64_t{home.settings().lake_threads}}}) {
    command.emplace_back(flag);
    command.push_back(std::to_string(value));
  }
  if (const std::string& user = home.settings().worker_user; !user.empty()) {
    command.emplace_back("--user");
    command.push_back(user);
  }
  if (const std::string& range = home.settings().worker_user_range; !range.empty()) {
    command.emplace_back("--user-range");
    command.push_back(range);
  }
  for (const std::string& user : home.settings().worker_run_as_users) {
    command.emplace_back("--run-as-user");
    command.push_back(user);
  }
  if (const std::int64_t bytes = home.settings().worker_memory_limit; bytes > 0) {
    command.emplace_back("--memory-limit");
    command.push_back(std::to_string(bytes));
  }
  for (const auto& [flag, bound] :
       {std::pair{"--attempt-memory", home.settings().worker_attempt_memory},
        {"--attempt-cpu", std::int64_t{home.settings().worker_attempt_cpu}},
        {"--attempt-memory-max", home.settings().worker_attempt_memory_max},
        {"--attempt-cpu-max", std::int64_t{home.settings().worker_attempt_cpu_max}}}) {
    if (bound <= 0) continue;
    command.emplace_back(flag);
    command.push_back(std::to_string(bound));
  }
  return command;
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
