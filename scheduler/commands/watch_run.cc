#include "scheduler/commands/watch_run.h"

#include <cstdio>
#include <future>
#include <map>
#include <thread>
#include <utility>

#include "scheduler/serve/server.h"

namespace batuta {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(20);

Result<RunRow> trigger(Server& server, RunRequested request) {
  request.uuid = make_uuid_v7(read_clock().wall);
  request.triggered_by = "cli";
  request.user = "admin";
  std::promise<Reply> told;
  server.request(request, [&](Reply reply) { told.set_value(std::move(reply)); });
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
                           state == TaskState::publishing || state == TaskState::up_for_retry ||
                           state == TaskState::up_for_reschedule;
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

}  // namespace

Result<std::string> watch_run(Server& server, RunRequested request, Duration patience) {
  const std::string dag_id = request.dag_id;
  const Boot deadline = read_clock().boot + patience;
  while (!server.ready()) {
    if (read_clock().boot > deadline || server.stopping()) {
      return {Errc::unavailable, "the DAG folder was not read"};
    }
    std::this_thread::sleep_for(poll_interval);
  }
  const auto run = trigger(server, std::move(request));
  if (!run) return run.error();
  std::printf("%s: run %s\n  execution_id %s\n", dag_id.c_str(), run->dag_run_id.c_str(),
              to_string(run->uuid).c_str());
  Progress progress;
  while (read_clock().boot < deadline && !server.stopping()) {
    if (const auto state = look(server, *run, progress)) {
      std::printf("  run %s\n", state->c_str());
      std::fflush(stdout);
      return *state;
    }
    std::this_thread::sleep_for(poll_interval);
  }
  return {Errc::unavailable, "the run did not end in time; see `batuta runs list " + dag_id + "`"};
}

}  // namespace batuta
