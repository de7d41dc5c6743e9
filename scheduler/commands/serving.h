// A server from its start to its end, with the worker that it keeps: the one sequence that
// `standalone`, `scheduler`, `dags test` and the demo share.
#pragma once

#include <signal.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/log.h"
#include "common/result.h"
#include "scheduler/cli/command_line.h"
#include "scheduler/commands/supervisor.h"
#include "scheduler/serve/home.h"
#include "scheduler/serve/server.h"

namespace batuta {

// Main thread only, and once in a process: signals are blocked before any thread starts, and the
// worker asks to die with the thread that started it.
class Serving {
 public:
  struct Options {
    log::Level log_level = log::Level::info;
    bool log_file = true;      // <home>/logs/scheduler.log; false: standard error alone
    bool keeps_worker = true;  // one agent as a child, restarted when it dies
    std::function<void(const std::string& connection, const std::string& body_json)> divert_alerts;
    // What must be there before the worker starts and DAGs run: connections, variables.
    std::function<Status(Server&)> seed;
  };

  // Checks the folders that were named, opens or makes the home, starts the server, then the
  // worker. After an error nothing of it runs any more.
  static Result<std::unique_ptr<Serving>> start(const cli::ServeOptions& serve, Options options);
  ~Serving();  // stops the worker, then the server

  Server& server() { return *server_; }
  const Home& home() const { return *home_; }

  // Until SIGTERM or SIGINT.
  void wait();
  // Runs `work` on a thread of its own and waits for its end, or for a signal: then everything is
  // stopped, `work` ends by that, and the answer is nullopt. An exception is an error.
  std::optional<Result<std::string>> run(std::function<Result<std::string>()> work);
  // Nothing new is launched, on no worker. Ours first, so that what it has to say is still heard:
  // what runs there may end (stop_drain), is asked (cancel_grace), is killed, and is told; a
  // further signal ends the drain. Then the server. Idempotent.
  void stop();

  // For people: where the page is, and how to log in.
  void print_address() const;
  void print_link() const;

 private:
  Serving() = default;

  cli::ServeOptions serve_;
  sigset_t watched_{};
  std::optional<Home> home_;
  std::unique_ptr<Server> server_;
  std::optional<KeptChild> worker_;
};

}  // namespace batuta
