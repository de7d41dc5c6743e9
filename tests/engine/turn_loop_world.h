// A turn loop with its own clock, a store that counts and a context that shows what it was given.
#pragma once

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/engine/turn_loop.h"
#include "tests/engine/small_dag.h"
#include "tests/support/memory_store.h"

namespace batuta::turns {

using namespace std::chrono_literals;

inline constexpr WorkerId agent_link = 1;

// Counts what is asked of it.
class CountingStore : public MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  StoredState load() override {
    ++loads;
    if (unreadable) throw StoreError("no answer", true);
    StoredState stored = MemoryStore::load();
    // The real one has no column for them.
    for (AcceptedRow& row : stored.accepted) row.report.xcoms.clear();
    return stored;
  }
  Answers read(const Questions& questions) override {
    ++reads;
    if (unreadable) throw StoreError("no answer", true);
    return MemoryStore::read(questions);
  }
  int loads = 0;
  int reads = 0;
  bool unreadable = false;
};

class Context : public LaunchContext {
 public:
  const std::vector<XcomName>& xcoms_of(const Dag& dag, TaskIndex i) override {
    names_.clear();
    for (const TaskIndex up : dag.tasks[i].upstream) names_.push_back({up, "return_value"});
    return names_;
  }
  std::vector<XcomName> xcoms_of_alert(const Dag&, const std::string&) override {
    return {{0, "return_value"}};
  }
  Result<Resolution> resolve(const Attempt&, const DagFinder&, Time) override {
    return Resolution{};
  }
  // As many as the upstream says; "x": it cannot be read.
  Result<Expansion> expand(const Attempt& attempt) override {
    const std::string value = attempt.xcom(0, "return_value").value_or("none");
    if (value == "\"x\"") return {Errc::invalid, "no list", "/expand/y"};
    Expansion out{std::stoi(value), {}};
    for (int i = 0; i < out.count; ++i) out.names.push_back("item " + std::to_string(i));
    return out;
  }
  // A deferred attempt waits for a file, whatever it asked for.
  Result<WaitRow> deferral(const Attempt&, const std::string&, Time at) override {
    WaitRow wait;
    wait.kind = WaitKind::check;
    wait.about = "file /in/x";
    wait.argument_json = R"({"file":"/in/x"})";
    wait.interval = 30s;
    wait.deadline = at + 10min;
    return wait;
  }
  bool asks_for_previous(const Dag&, TaskIndex) override { return previous; }
  bool looking_up() const override { return waits; }
  Status render_launch(const Attempt& attempt, Launch& out, std::string&) override {
    ++rendered;
    if (throws) throw std::runtime_error("what nobody thought of");
    if (previous) {
      const auto run = attempt.previous_success();
      out.params_json += run ? run->dag_run_id : "none";
      return success();
    }
    for (const TaskIndex up : attempt.task.upstream) {
      if (by_index) {
        const auto found = attempt.xcoms_by_index(up, "return_value");
        REQUIRE(found);
        for (const auto& [index, value] : *found) {
          out.params_json += std::to_string(number_of(index)) + ":" + value + " ";
        }
        continue;
      }
      out.params_json += attempt.xcom(up, "return_value").value_or("none");
    }
    if (!attempt.task.spec_json.empty()) {
      const auto named = find_task(attempt.dag, attempt.task.spec_json);
      out.params_json += attempt.xcom(*named, "computed").value_or("none");
    }
    return success();
  }
  OutboxRow render_alert(const Attempt& attempt, const AlertEffect& alert, Time) override {
    OutboxRow row;
    row.kind = OutboxKind::alert;
    row.key = alert.notifier_json;
    row.payload_json = attempt.task.id + attempt.xcom(0, "return_value").value_or("none");
    return row;
  }

  void met_broker_errors(const std::string& list) override { met.push_back(list); }
  void tell(SchedulerState& state, Changes& changes, const Now& at) override {
    if (teller) teller(state, changes, at);
  }

  std::function<void(SchedulerState&, Changes&, const Now&)> teller;
  std::vector<std::string> met;  // errors of brokers
  bool throws = false;           // a launch that is rendered does
  bool waits = false;            // for a secret
  int rendered = 0;              // launches
  bool previous = false;         // launches tell of the run before instead
  bool by_index = false;         // launches tell of all that each instance upstream returned

 private:
  std::vector<XcomName> names_;
};

// A loop with its own clock; every commit may be given a fate.
struct World : TurnDriver, Executor {
  explicit World(std::vector<Task> tasks) : store([this] { return fate; }) {
    start();
    turn({DagsChanged{{dag_of(std::move(tasks))}, {}}});
  }
  void start() {
    const Lead lead = store.lead();
    loop.emplace(store.load(), lead, SchedulerOptions{}, store, *this, context, *this, now);
  }

  void turn(std::vector<Event> events) {
    if (loop->on_events(std::move(events), now)) loop->on_commit_result(loop->commit(), now);
  }
  void settle() {
    while (loop->available() && loop->due(now)) turn({});
  }
  void pass(Duration time) {
    now.wall += time;
    now.boot = now.boot + time;
  }
  RunRequested request(const std::string& run_id) {
    RunRequested trigger;
    trigger.request = ++requests;
    trigger.uuid = make_uuid_v7(now.wall);
    trigger.dag_id = "d";
    trigger.dag_run_id = run_id;
    return trigger;
  }
  void join(std::vector<RunningAttempt> running = {}) {
    Hello hello;
    hello.agent_id = "agent";
    hello.slots = 4;
    hello.running = std::move(running);
    PluginInfo plugin;
    plugin.name = "mock";
    hello.catalogue = {plugin};
    turn({WorkerJoined{agent_link, hello}});
  }
  static Event finished(const AttemptKey& key, const std::string& result) {
    Finished report;
    report.key = key;
    report.outcome = Outcome::success;
    report.result_json = result;
    return AttemptFinished{agent_link, report};
  }

  void released(PendingTurn& turn, const SchedulerState&) override {
    for (const Reply& reply : turn.effects.replies) replies.push_back(reply);
  }
  void unavailable(const std::string&, bool unknown) override {
    ++outages;
    maybe_done = unknown;
  }
  void reloaded() override { ++reloads; }
  void available(Unsent unsent) override {
    ++recoveries;
    unsent_rows = std::move(unsent);
  }
  void fatal(const std::string& why) override { lost = why; }

  void launch(WorkerId, Launch launch) override { launches.push_back(std::move(launch)); }
  void cancel(WorkerId, Cancel) override { ++cancels; }
  void recall(WorkerId, Recall) override {}
  void ack(WorkerId, Ack) override {}
  void drop(WorkerId, const std::string&) override { ++drops; }
  void drop_all(const std::string&) override { ++dropped_all; }
  void flush() override {}

  CommitFate fate = CommitFate::ok;
  CountingStore store;
  Context context;
  Now now{Time(1'760'000'000s), Boot{}};
  std::optional<TurnLoop> loop;
  std::vector<Launch> launches;
  std::vector<Reply> replies;
  Unsent unsent_rows;
  std::string lost;
  RequestId requests = 0;
  int cancels = 0;
  int outages = 0, recoveries = 0, reloads = 0, dropped_all = 0, drops = 0;
  bool maybe_done = false;
};

}  // namespace batuta::turns
