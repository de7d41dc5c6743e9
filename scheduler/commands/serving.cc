#include "scheduler/commands/serving.h"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/log.h"
#include "scheduler/commands/process_parts.h"

namespace batuta {
namespace {

using cli::ServeOptions;

// For a worker, beyond what its attempts are granted: to kill what is deaf and to tell of it.
constexpr Duration worker_farewell = std::chrono::seconds(5);

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

Result<std::string> attempt(const std::function<Result<std::string>()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return {Errc::unavailable, error.what()};
  }
}

}  // namespace

Result<std::unique_ptr<Serving>> Serving::start(const ServeOptions& serve, Options options) {
  if (auto status = check_folders(serve); !status) return status.error();
  std::unique_ptr<Serving> serving(new Serving);
  serving->serve_ = serve;
  serving->watched_ = block_signals();
  auto home = Home::open(serve.home);
  if (!home) return home.error();
  serving->home_.emplace(std::move(*home));
  set_outgoing(serving->home_->settings());
  log::start("scheduler", options.log_level,
             options.log_file ? serving->home_->path("logs/scheduler.log") : std::string());
  if (auto status = serving->home_->write_first_settings(); !status) return status.error();
  for (const std::string& note : serving->home_->notes()) log::warn("settings: " + note);
  Server::Options with;
  with.host = serve.host;
  with.port = serve.port;
  with.dags_folder = absolute_path(serve.dags);
  with.plugins_folder = plugins_folder(serve);
  with.new_store = serve.new_store;
  with.divert_alerts = std::move(options.divert_alerts);
  auto server = Server::start(*serving->home_, with);
  if (!server) return server.error();
  serving->server_ = std::move(*server);
  if (options.seed) {
    if (auto status = options.seed(serving->server()); !status) return status.error();
  }
  if (options.keeps_worker) {
    std::vector<std::string> command = agent_command(*serving->home_, serve);
    command.emplace_back("--die-with-parent");
    serving->worker_.emplace("worker", std::move(command));
    if (auto status = serving->worker_->start(); !status) return status.error();
  }
  return serving;
}

Serving::~Serving() {
  stop();
}

void Serving::wait() {
  wait_for_end(watched_, worker_ ? &*worker_ : nullptr, {}, [this] {
    const auto done = server_->reload_settings("");
    if (!done) log::error("settings: " + done.error().message);
  });
}

std::optional<Result<std::string>> Serving::run(std::function<Result<std::string>()> work) {
  std::atomic<bool> finished{false};
  Result<std::string> outcome(Errc::unavailable, "stopped");
  std::thread thread([&] {
    outcome = attempt(work);
    finished = true;
  });
  const bool asked =
      wait_for_end(watched_, worker_ ? &*worker_ : nullptr, [&] { return finished.load(); });
  if (asked) stop();
  thread.join();
  if (asked) return std::nullopt;
  return outcome;
}

void Serving::stop() {
  if (worker_) {
    server_->hold_back();
    const Settings& settings = home_->settings();
    worker_->stop(settings.stop_drain + settings.cancel_grace + worker_farewell, watched_);
  }
  worker_.reset();
  if (server_) server_->stop();
}

void Serving::print_address() const {
  warn_of_openness(serve_, *home_);
  std::printf("batuta scheduler on %s, home %s\n", page_url(*server_, serve_, *home_).c_str(),
              home_->folder().c_str());
  std::fflush(stdout);
}

void Serving::print_link() const {
  warn_of_openness(serve_, *home_);
  const std::string first = home_->path("admin.json");
  const std::string later = std::filesystem::exists(first)
                                ? "user admin, password in " + first
                                : "a user of yours; `batuta users set-password` if it is lost";
  std::printf(
      "\nBatuta is at %s/#login=%s\n(the link logs you in once, within ten minutes; later: %s)\n"
      "Ctrl-C stops it.\n",
      page_url(*server_, serve_, *home_).c_str(), server_->make_login_code().c_str(),
      later.c_str());
  std::fflush(stdout);
}

}  // namespace batuta
