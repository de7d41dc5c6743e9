// What the engine needs from outside to fill launches and alerts.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/message.h"
#include "common/result.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/event.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/scheduler_state.h"

namespace batuta {

// Called on the control thread; must not block on a disk or a socket.
class LaunchContext {
 public:
  virtual ~LaunchContext() = default;
  struct Attempt {
    const RunRow& run;
    const Dag& dag;
    const Task& task;
    const InstanceHot& hot;
    const InstanceCold& cold;
    // JSON text of the XCom of a task of this run; of one that stands in a mapped group with this
    // task, of its instance with the same index.
    std::function<std::optional<std::string>(TaskIndex task, std::string_view key)> xcom;
    // The same of a mapped task's instances, in map order or as they are named, without those that
    // have none.
    std::function<Result<std::vector<std::string>>(TaskIndex task, std::string_view key,
                                                   const std::vector<std::int64_t>* map_indexes)>
        mapped_xcoms{};
    // Another number whenever the results of a task may be others.
    std::function<std::uint64_t(TaskIndex task)> results_stamp{};
    // The newest run of the DAG that succeeded and is dated before this one.
    std::function<std::optional<RunRow>()> previous_success{};
    // The events of assets that the run consumed, as JSON text: an object of lists by URI, oldest
    // first; of a run that assets did not start without any.
    std::function<std::string()> asset_events{};
    // The XComs of one key of a task's instances that succeeded, by map index, as mapped_xcoms; of
    // a task that is not mapped at most one, at -1; of one in this task's mapped group at most that
    // with its index.
    std::function<Result<std::vector<std::pair<MapIndex, std::string>>>(TaskIndex task,
                                                                        std::string_view key)>
        xcoms_by_index{};
  };
  // What a mapped task is mapped over: how many, and what they are called (none, or `count` names).
  struct Expansion {
    std::int32_t count = 0;
    std::vector<std::string> names;
  };
  struct XcomName {
    TaskIndex task = 0;
    std::string key;
    auto operator<=>(const XcomName&) const = default;
  };
  // The XComs that rendering this task will ask for, or an alert of some task with this notifier,
  // so that a turn's launches and alerts read theirs in one go. What is computed while rendering (a
  // key that is a parameter) cannot be named; it is read then. The first stands until the next
  // call.
  virtual const std::vector<XcomName>& xcoms_of(const Dag& dag, TaskIndex task) = 0;
  virtual std::vector<XcomName> xcoms_of_alert(const Dag& dag,
                                               const std::string& notifier_json) = 0;
  // Rendering this task will ask for the run before; said here, it is read with the rest.
  virtual bool asks_for_previous(const Dag&, TaskIndex) { return false; }
  // Reads what a mapped task is mapped over. An error fails the task with its message.
  virtual Result<Expansion> expand(const Attempt& attempt) = 0;
  // Whether a task's run_if holds or, where the attempt has no task, its DAG's; and if not, why. An
  // error fails the task, or the run, with its message.
  struct Gate {
    bool holds = true;
    std::string why{};
    std::string conf_json{};  // GateAnswered::conf_json
  };
  // Error::where when the values of the run's params cannot be had (GateAnswered::params_unknown).
  static constexpr std::string_view gate_of_params = "/params";
  virtual Result<Gate> gate(const Attempt&) { return Gate{}; }
  // The keys that `limits`, the run's DAG as it is now, counts it under (RunLimit); the attempt has
  // no task. An error fails the run with its message.
  struct RunKeys {
    std::optional<std::string> concurrency{};  // none: it is not limited
    std::optional<std::string> rate{};
  };
  virtual Result<RunKeys> run_keys(const Attempt&, const Dag& /*limits*/) { return RunKeys{}; }
  // Whether the attempt returned what its task's loop looks for (Repeat::result_json).
  virtual bool fits_loop(const Task&, const Finished&) { return true; }
  // What becomes of a task that no worker runs. An error fails it with its message. `newest` gives
  // the newest version of a DAG, or null.
  using DagFinder = std::function<std::shared_ptr<const Dag>(std::string_view dag_id)>;
  virtual Result<Resolution> resolve(const Attempt& attempt, const DagFinder& newest, Time now) = 0;
  // What an attempt says that brokers answered it with (stream/broker_errors.h), each once: a JSON
  // list, as the worker told it.
  virtual void met_broker_errors(const std::string& /*list_json*/) {}
  // What a plugin's attempt that ended with Outcome::deferred waits for. An error fails the attempt
  // with its message, without a retry.
  virtual Result<WaitRow> deferral(const Attempt&, const std::string& /*wait_json*/, Time /*now*/) {
    return Error{Errc::invalid, "no task can be deferred here", {}};
  }
  // Params, context and secrets into `out`, whose identity fields are filled. `rendered` is set
  // when the parameters should be kept (they differ from the definition). An error (an undefined
  // name, an unknown connection) fails the attempt with its message.
  virtual Status render_launch(const Attempt& attempt, Launch& out, std::string& rendered) = 0;
  // Whether the last of expand(), gate(), resolve() and render_launch() met a secret that is being
  // looked up: what it returned is worth nothing, and it is called again soon.
  virtual bool looking_up() const { return false; }
  // Results of a run were changed by hand: what is kept of them may not be true any more.
  virtual void results_edited(RunSeq) {}
  // One notification as an outbox payload; never fails (an unknown variable is shown as written).
  // Of a run or a DAG the attempt has an empty task, of a DAG an empty run too. `id` is filled by
  // the engine.
  virtual OutboxRow render_alert(const Attempt& attempt, const AlertEffect& alert, Time now) = 0;
  // What else is told of a turn that is decided: rows for its outbox, events for its log. Their ids
  // come from the state.
  virtual void tell(SchedulerState&, Changes&, const Now&) {}
};

}  // namespace batuta
