// People and their tools: they trigger (and repeat what was not answered), clear, mark, cancel,
// delete, pause, resize pools and edit DAG files.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/context.h"
#include "tests/sim/scheduler_node.h"

namespace batuta::sim {

class Users {
 public:
  Users(Context& context, SchedulerNode& node, Checker& checker, const MemoryStore& store)
      : c_(context), node_(node), checker_(checker), store_(store) {}

  // Puts the DAG files there and plans everything that people will do while the world is busy.
  void start();
  // The scheduler came up: it reads the DAG folder.
  void dags_read();
  // Everything is allowed to come to rest: no more schedules, nothing paused, pools as they were.
  void rest();
  void give_up_on_the_past();
  void cancel_run(RunSeq run);
  bool satisfied() const { return open_triggers_ == 0; }

 private:
  struct Trigger {
    std::string dag_id;
    std::string key;
    std::string digest;
    std::string run_id;
    std::vector<std::string> only;  // these tasks alone
    bool with_upstream = false;     // and what comes before them
    bool dated = false;             // takes the next tick's logical date
    std::string partition{};
    bool on_branch = false;
    int tries = 0;
  };
  void plan(int count, void (Users::*action)());
  void trigger();
  void send(Trigger trigger);
  void answered(const Trigger& trigger, const Reply& reply);
  void check_chosen(const Trigger& trigger, const RunRow& made);
  void misuse_key();
  void pause_run(const StoredRun& run);
  void intervene();
  void clear(const StoredRun& run);
  void add_runs(ClearRequested& event);
  void mark(const StoredRun& run);
  void set_run_state(const StoredRun& run, DagRunState state);
  void remove(const StoredRun& run);
  void toggle_pause();
  void resize_pool();
  void tell_asset();
  void drop_queued();
  void backfill();
  void meddle_with(std::int64_t backfill);
  void edit();
  // Sends until it is answered by the core.
  void insist(std::function<Event()> make);
  const StoredRun* any_run();
  std::string any_dag();
  bool any(const StoredRun& run, TaskState state) const;

  Context& c_;
  SchedulerNode& node_;
  Checker& checker_;
  const MemoryStore& store_;
  std::map<std::string, std::shared_ptr<const Dag>> files_;
  std::map<std::string, int> editions_;
  // By DAG and idempotency key: the run that was told.
  std::map<std::string, std::pair<Uuid, RunName>> answers_;
  std::map<std::string, Trigger> told_;
  int keys_ = 0;
  int open_triggers_ = 0;
};

}  // namespace batuta::sim
