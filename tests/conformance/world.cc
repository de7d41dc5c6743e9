#include "tests/conformance/world.h"

#include <algorithm>
#include <stdexcept>

namespace batuta::conformance {
namespace {

constexpr int most_turns = 200'000;  // of one case: more and it goes round in circles
constexpr RequestId asked = 7;

// A worker that is never silent: leases are the simulator's subject.
SchedulerOptions patient() {
  SchedulerOptions options;
  options.lease = std::chrono::hours(24 * 3650);
  return options;
}

}  // namespace

World::World(const Registry& registry, SecretKey key, Time start, int slots)
    : now{start, Boot{std::chrono::seconds(1000)}},
      context_(registry, "/lake", std::move(key)),
      slots_(slots) {
  context_.set_param_programs([this](const SecretReference& one) {
    const std::string& path = one.words.front();
    return std::optional(program(path, asked_[path]++));
  });
  begin();
}

void World::begin() {
  const Lead lead = store.lead();
  loop_.emplace(store.load(), lead, patient(), store, *this, context_, *this, now);
}

void World::turn(std::vector<Event> events) {
  if (loop_->on_events(std::move(events), now)) loop_->on_commit_result(loop_->commit(), now);
}

void World::join() {
  Hello hello;
  ++worker_;
  hello.agent_id = "worker-" + std::to_string(deaths_);  // an agent that comes back is the same one
  hello.slots = slots_;
  hello.queues = queues_;
  for (const auto& [name, plugin] : plugins_) hello.catalogue.push_back(plugin);
  for (const Alive& one : alive_) {
    hello.running.push_back({one.launch.key, launched[one.launched].at, "slot"});
  }
  turn({WorkerJoined{worker_, std::move(hello)}});
}

void World::put(std::vector<std::shared_ptr<const Dag>> dags, std::vector<std::string> gone) {
  std::vector<PluginInfo> catalogue;
  for (const auto& dag : dags) {
    for (const Task& task : dag->tasks) {
      if (task.needs_worker()) plugins_[task.plugin].name = task.plugin;
    }
  }
  for (const auto& [name, plugin] : plugins_) catalogue.push_back(plugin);
  turn({DagsChanged{std::move(dags), std::move(gone)}});
  if (worker_ == 0) {
    join();
  } else {
    turn({WorkerCatalogue{worker_, std::move(catalogue)}});
  }
  settle();
}

Reply World::ask(Event event) {
  std::visit(
      [](auto& one) {
        if constexpr (requires { one.request; }) one.request = asked;
      },
      event);
  replies_.clear();
  std::vector<Event> events;
  events.push_back(std::move(event));
  turn(std::move(events));
  const auto answer = std::find_if(replies_.begin(), replies_.end(),
                                   [](const Reply& reply) { return reply.request == asked; });
  if (answer == replies_.end()) throw std::runtime_error("no answer");
  const Reply reply = *answer;
  settle();
  return reply;
}

void World::restart(Duration away) {
  now.wall += away;
  now.boot = now.boot + away;
  begin();
  settle();
  join();
  settle();
}

void World::listen(std::vector<std::string> queues) {
  queues_ = std::move(queues);
  turn({WorkerLost{worker_, false}});
  join();
  settle();
}

void World::lose_worker() {
  for (const Alive& one : alive_) course_.emplace_back(one.launched, -1);
  alive_.clear();
  ++deaths_;
  turn({WorkerLost{worker_, true}});
  join();
  settle();
}

// ---- the worker ---------------------------------------------------------------------------------

std::string World::name_of(const StoredRun& run, const InstanceHot& hot) const {
  std::string name = run.dag->tasks[hot.task].id;
  if (hot.map_index != unmapped) name += "[" + std::to_string(number_of(hot.map_index)) + "]";
  return name;
}

std::string World::task_of(const AttemptKey& key) const {
  InstanceHot hot;
  hot.task = key.task;
  hot.map_index = key.map_index;
  return name_of(store.data().runs.at(key.run), hot);
}

// Of a task its name, of a run or a DAG its id and what has happened.
std::string World::name_of(const AlertEffect& alert) const {
  if (alert.of == AlertEffect::Of::task) return task_of(alert.key);
  const std::string on = ": " + std::string(to_string(alert.on));
  if (alert.of == AlertEffect::Of::dag) return alert.dag_id + on;
  return store.data().runs.at(alert.key.run).run.dag_run_id + on;
}

void World::launch(WorkerId, Launch launch) {
  const std::string task = task_of(launch.key);
  launched.push_back({launch.dag_run_id, task, launch.key, now.wall, launch.params_json,
                      launch.context_json, launch.run_as});
  course_.emplace_back(launched.size() - 1, 1);
  Behaviour does = behaviour(launch, task);
  alive_.push_back({launched.size() - 1, std::move(launch), std::move(does), false, {}});
}

void World::cancel(WorkerId, Cancel cancel) {
  for (Alive& one : alive_) {
    if (one.launch.key != cancel.key) continue;
    one.does = {Outcome::cancelled, {}, false, cancel.reason, 0, {}, 0};
    one.started = true;
    one.ends = now.wall;
  }
}

void World::recall(WorkerId, Recall recall) {
  const auto found = std::find_if(alive_.begin(), alive_.end(), [&](const Alive& one) {
    return one.launch.key == recall.key && !one.started;
  });
  if (found == alive_.end()) return;
  course_.emplace_back(found->launched, -1);
  alive_.erase(found);
  told_.push_back(AttemptRecalled{worker_, recall.key});
}

Finished World::report_of(const Alive& one) const {
  Finished report;
  report.key = one.launch.key;
  report.outcome = one.does.outcome;
  report.reason = one.does.reason;
  report.exit_code = one.does.exit_code;
  report.started = launched[one.launched].at;
  report.ended = now.wall;
  report.slot = "slot";
  report.watermark_us = one.does.watermark_us;
  report.extra_json = one.does.extra_json;
  for (const std::string& watched : one.launch.watch) {
    const auto pattern = Pattern::compile(watched);
    for (const std::string& line : one.does.prints) {
      report.output_found = report.output_found || pattern->found_in(line);
    }
  }
  if (report.outcome == Outcome::deferred) {
    report.wait_json = one.does.wait_json;
    report.payload_json = one.does.payload_json;
  }
  if (report.outcome != Outcome::success) return report;
  report.result_json = one.does.result_json;
  report.has_branch = one.does.branch.has_value();
  report.branch = one.does.branch.value_or(std::vector<std::string>());
  return report;
}

// Attempts that end now, then those that may start: one that takes no time ends a turn later.
std::vector<Event> World::what_the_worker_tells() {
  std::vector<Event> events = std::exchange(told_, {});
  for (auto one = alive_.begin(); one != alive_.end();) {
    if (!one->ends || *one->ends > now.wall) {
      ++one;
      continue;
    }
    events.push_back(AttemptFinished{worker_, report_of(*one)});
    course_.emplace_back(one->launched, -1);
    one = alive_.erase(one);
  }
  auto busy = std::count_if(alive_.begin(), alive_.end(), [](const Alive& a) { return a.started; });
  for (Alive& one : alive_) {
    if (one.started || busy >= slots_) continue;
    ++busy;
    one.started = true;
    launched[one.launched].at = now.wall;
    events.push_back(AttemptStarted{worker_, {one.launch.key, now.wall, "slot"}});
    for (std::size_t n = 0; n < one.does.checkpoints.size(); ++n) {
      events.push_back(
          AttemptCheckpointed{worker_, {one.launch.key, n + 1, one.does.checkpoints[n]}});
    }
    if (!one.does.hangs) one.ends = now.wall + one.does.takes;
    const Duration limit(one.launch.timeout_us);
    if (limit > Duration{} && (one.does.hangs || one.does.takes > limit)) {
      one.does.outcome = Outcome::timeout;
      one.does.reason = "it took longer than its execution_timeout";
      one.ends = now.wall + limit;
    }
  }
  return events;
}

int World::together(const std::function<bool(const Launched&)>& of) const {
  int count = 0;
  int most = 0;
  for (const auto& [which, change] : course_) {
    if (!of(launched[which])) continue;
    count += change;
    most = std::max(most, count);
  }
  return most;
}

// ---- time ---------------------------------------------------------------------------------------

void World::settle() {
  for (int turns = 0; turns < most_turns; ++turns) {
    std::vector<Event> events = what_the_worker_tells();
    if (events.empty() && !loop_->due(now)) return;
    turn(std::move(events));
  }
  throw std::runtime_error("it never comes to rest");
}

void World::pass(Time last, bool while_alive) {
  settle();
  while (now.wall < last && (!while_alive || !state().live_runs().empty())) {
    Time next = now.wall + loop_->patience(now, last - now.wall);
    for (const Alive& one : alive_) {
      if (one.ends) next = std::min(next, *one.ends);
    }
    now.boot = now.boot + (next - now.wall);
    now.wall = next;
    settle();
  }
}

void World::advance(Time to) {
  pass(to, false);
}

void World::rest(Duration at_most) {
  pass(now.wall + at_most, true);
}

// ---- the loop -----------------------------------------------------------------------------------

void World::released(PendingTurn& turn, const SchedulerState&) {
  for (const Reply& reply : turn.effects.replies) replies_.push_back(reply);
  for (const AlertEffect& alert : turn.effects.alerts) alerts.push_back(name_of(alert));
  for (const CheckEffect& check : turn.effects.checks) {
    const std::string task = task_of(check.key);
    const auto outcome = look(task, looks_[task]++);
    const char* why = outcome == WaitChecked::Outcome::satisfied ? "" : "it is not there";
    told_.push_back(WaitChecked{check.key, outcome, why});
  }
}

void World::unavailable(const std::string& why, bool) {
  throw std::runtime_error("the store takes no writes: " + why);
}

void World::fatal(const std::string& why) {
  throw std::runtime_error(why);
}

}  // namespace batuta::conformance
