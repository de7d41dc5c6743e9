#include "scheduler/demo_run.h"

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <future>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <utility>

#include "scheduler/demo/alert_receiver.h"
#include "scheduler/demo/quote_service.h"
#include "scheduler/http/server.h"
#include "scheduler/server.h"
#include "scheduler/supervisor.h"

namespace batuta {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(20);
constexpr auto patience = std::chrono::minutes(15);   // two retries, two minutes apart, and the work
constexpr const char* gold_table = "gold/financial/financial_data_hour";

}  // namespace

struct DemoServices::Impl {
  Impl()
      : quotes(io, "127.0.0.1", 0, {}, demo::make_quote_handler(demo::demo_market_options())),
        alerts(io, "127.0.0.1", 0, {}, demo::make_alert_handler({})),
        thread([this] { io.run(); }) {}
  ~Impl() {
    io.stop();
    thread.join();
  }
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  http::Server quotes;
  http::Server alerts;
  std::thread thread;
};

DemoServices::DemoServices() : impl_(std::make_unique<Impl>()) {}
DemoServices::~DemoServices() = default;
std::string DemoServices::quotes_url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->quotes.port());
}
std::string DemoServices::alerts_url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->alerts.port()) + "/alerts";
}

Status seed_demo(Server& server, const DemoServices& services) {
  Connection quotes;
  quotes.id = "quotes_api";
  quotes.conn_type = "http";
  quotes.description = "Market quotes (the demo's own service)";
  quotes.host = services.quotes_url();
  Connection slack;
  slack.id = "slack_alerts";
  slack.conn_type = "slackwebhook";
  slack.description = "Alerts (the demo's own receiver)";
  slack.host = services.alerts_url();
  std::promise<Status> told;
  server.engine().write(
      [&]() -> Status {
        Registry& registry = server.registry();
        for (const Connection& connection : {quotes, slack}) {
          if (auto status = registry.set_connection(connection); !status) return status;
        }
        for (const auto& [key, value] : {std::pair("SLACK_ETL_ALERT_CHANNEL", "#etl-alerts"),
                                         std::pair("SLACK_ETL_ALERT_USERNAME", "batuta")}) {
          if (registry.variable(key)) continue;
          if (auto status = registry.set_variable({key, value, "where failures are told"}); !status) {
            return status;
          }
        }
        return success();
      },
      [&](const Status& status) { told.set_value(status); });
  return told.get_future().get();
}

namespace {

Result<RunRow> trigger(Server& server) {
  RunRequested request;
  request.uuid = make_uuid_v7(read_clock().wall);
  request.dag_id = "financial";
  request.triggered_by = "cli";
  request.user = "admin";
  std::promise<Reply> told;
  server.engine().request(request, [&](Reply reply) { told.set_value(std::move(reply)); });
  Reply reply = told.get_future().get();
  if (reply.code != Errc::ok) return {reply.code, reply.message};
  return *reply.run;
}

// One line per change of a task, so that a person sees where the run is.
class Progress {
 public:
  void show(const std::vector<TaskInstanceView>& tasks) {
    for (const TaskInstanceView& view : tasks) {
      const TaskState state = view.row.state;
      const bool telling = is_terminal(state) || state == TaskState::running ||
                           state == TaskState::publishing || state == TaskState::up_for_retry;
      if (!telling || std::exchange(seen_[view.task_id], state) == state) continue;
      std::printf("  %-22s %s%s%s\n", view.task_id.c_str(), std::string(to_string(state)).c_str(),
                  view.row.reason.empty() ? "" : ": ", view.row.reason.c_str());
      std::fflush(stdout);
    }
  }

 private:
  std::map<std::string, TaskState> seen_;
};

// The run's final state, shown on the way; nullopt while it is not over.
std::optional<std::string> look(Server& server, const RunRow& run, Progress& progress) {
  TaskQuery tasks;
  tasks.dag_id = run.dag_id;
  tasks.dag_run_id = run.dag_run_id;
  progress.show(server.history().task_instances(tasks).rows);
  const auto row = server.history().run(run.dag_id, run.dag_run_id);
  if (!row || !is_terminal(row->state)) return std::nullopt;
  progress.show(server.history().task_instances(tasks).rows);
  return std::string(to_string(row->state));
}

void print_gold(const std::string& home) {
  std::printf("\n%s\n", gold_table);
  std::fflush(stdout);
  const auto child = spawn_self({"lake", "head", gold_table, "--limit", "12", "--home", home});
  if (child) waitpid(*child, nullptr, 0);
}

}  // namespace

Result<std::string> demo_run(Server& server, const std::string& home) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!server.ready()) {
    if (std::chrono::steady_clock::now() > deadline || server.stopping()) return {Errc::unavailable, "the DAGs were not read"};
    std::this_thread::sleep_for(poll_interval);
  }
  const auto run = trigger(server);
  if (!run) return run.error();
  std::printf("financial: run %s\n  execution_id %s\n", run->dag_run_id.c_str(),
              to_string(run->uuid).c_str());
  Progress progress;
  while (std::chrono::steady_clock::now() < deadline && !server.stopping()) {
    if (const auto state = look(server, *run, progress)) {
      std::printf("  run %s\n", state->c_str());
      if (*state == "success") print_gold(home);
      return *state;
    }
    std::this_thread::sleep_for(poll_interval);
  }
  return {Errc::unavailable, "the run did not end in time; see `batuta runs list financial`"};
}

}  // namespace batuta
