// Keyed limits over the runs of a DAG: how many go on at once, how many begin in a time. Keys are
// templates that only the engine can read: they are asked for when a run may start for the first
// time, and stay the run's.
#include <algorithm>
#include <iterator>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

std::string quoted(const std::string& key) {
  return "'" + key + "'";
}

bool asks_for_keys(const LiveRun& run) {
  const Dag& dag = *run.dag->dag;
  return !run.row().keys_known && (dag.concurrency.is_set() || dag.rate.is_set());
}

// Some at a time: each is rendered by the control thread, and is a row of the next commit.
void ask_for_keys(Turn& turn, LiveRun& run) {
  if (run.keys_asked || run.dag->keys_asked >= turn.state.options.max_keys_asked) return;
  turn.out.keys.push_back({run.row().seq});
  run.keys_asked = true;
  ++run.dag->keys_asked;
}

void skip_run(Turn& turn, LiveRun& run, const std::string& why) {
  log_event(turn, "run_skipped", "", run.row().dag_id, run.row().dag_run_id, {},
            "{" + json_member("reason", why) + "}");
  end_run_early(turn, run, DagRunState::success, "skipped: " + why);
}

// Ends the oldest runs of the key, those apart that are ending already, until one more has room.
void cancel_oldest(Turn& turn, const LiveRun& run) {
  const RunLimit& limit = run.dag->dag->concurrency;
  std::vector<LiveRun*> alive;
  for (const auto& [seq, other] : holders_of_key(run)) {
    if (!other->row().ending && !other->deleted) alive.push_back(other);
  }
  const auto keep = static_cast<std::size_t>(limit.limit) - 1;
  for (std::size_t i = 0; i + keep < alive.size(); ++i) {
    log_event(turn, "concurrency_cancelled", "", run.row().dag_id, alive[i]->row().dag_run_id);
    end_run_early(turn, *alive[i], DagRunState::failed,
                  "cancelled: run " + run.row().dag_run_id + " of the key " +
                      quoted(*run.row().concurrency_key) + " came (when_full cancel_other)");
  }
}

void forget_old_starts(Turn& turn, LiveDag& dag) {
  const Time until = turn.now.wall - dag.dag->rate.per;
  if (dag.starts_kept_since && *dag.starts_kept_since > until) return;
  dag.starts_kept_since = turn.now.wall;
  turn.out.changes.rate_starts_gone.push_back({dag.row.dag_id, until});
  for (auto at = dag.starts_of_key.begin(); at != dag.starts_of_key.end();) {
    std::deque<Time>& starts = at->second;
    while (!starts.empty() && starts.front() <= until) starts.pop_front();
    at = starts.empty() ? dag.starts_of_key.erase(at) : std::next(at);
  }
}

}  // namespace

std::string per_text(Duration per) {
  using namespace std::chrono;
  if (per % hours(1) == Duration{}) return std::to_string(per / hours(1)) + "h";
  if (per % minutes(1) == Duration{}) return std::to_string(per / minutes(1)) + "m";
  if (per % seconds(1) == Duration{}) return std::to_string(per / seconds(1)) + "s";
  return std::to_string(per / milliseconds(1)) + "ms";
}

const std::map<RunSeq, LiveRun*>& holders_of_key(const LiveRun& run) {
  static const std::map<RunSeq, LiveRun*> none;
  if (!run.row().concurrency_key || !run.dag->dag->concurrency.is_set()) return none;
  const auto at = run.dag->running_of_key.find(*run.row().concurrency_key);
  return at == run.dag->running_of_key.end() ? none : at->second;
}

OptTime rate_opens_at(const LiveRun& run, Time now) {
  const RunLimit& rate = run.dag->dag->rate;
  if (!rate.is_set() || !run.row().rate_key) return std::nullopt;
  const auto at = run.dag->starts_of_key.find(*run.row().rate_key);
  if (at == run.dag->starts_of_key.end()) return std::nullopt;
  const std::deque<Time>& starts = at->second;
  const auto limit = static_cast<std::size_t>(rate.limit);
  if (starts.size() < limit) return std::nullopt;
  const Time opens = starts[starts.size() - limit] + rate.per;
  return opens > now ? OptTime(opens) : std::nullopt;
}

bool start_within_limits(Turn& turn, LiveRun& run, KeysDone& done) {
  const Dag& dag = *run.dag->dag;
  if (asks_for_keys(run)) {
    ask_for_keys(turn, run);
    return false;
  }
  OptTime opens = rate_opens_at(run, turn.now.wall);
  if (mutant("ignore_rate")) opens.reset();
  const auto& holders = holders_of_key(run);
  const bool full = std::ssize(holders) >= dag.concurrency.limit && !holders.empty();
  if (full && !mutant("ignore_concurrency_key")) {
    if (dag.concurrency.when_full == WhenFull::skip && !mutant("queue_what_is_skipped")) {
      skip_run(turn, run,
               std::to_string(holders.size()) + " of at most " +
                   std::to_string(dag.concurrency.limit) + " runs of the key " +
                   quoted(*run.row().concurrency_key) + " go on (" +
                   holders.begin()->second->row().dag_run_id + ")");
      return true;
    }
    if (dag.concurrency.when_full != WhenFull::cancel_other) return false;
    if (!opens) {  // nothing is ended for a run that its rate does not let begin
      if (done.made_room.insert(*run.row().concurrency_key).second) cancel_oldest(turn, run);
      return false;
    }
  }
  if (opens) {
    if (dag.rate.when_full == WhenFull::skip) {
      skip_run(turn, run,
               std::to_string(dag.rate.limit) + " runs of the key " + quoted(*run.row().rate_key) +
                   " began within " + per_text(dag.rate.per));
      return true;
    }
    // One for all that wait: it opens for the first of them, and that pass sets the next.
    if (done.timed.insert(*run.row().rate_key).second) {
      turn.state.timers.insert(
          {*opens, Timer::Kind::run_after, run.row().seq, {}, run.dag, run.dag->row.dag_id});
    }
    return false;
  }
  start_run(turn, run);
  if (!dag.rate.is_set() || !run.row().rate_key) return true;
  forget_old_starts(turn, *run.dag);
  std::deque<Time>& starts = run.dag->starts_of_key[*run.row().rate_key];
  // At the end, unless the clock went back.
  starts.insert(std::upper_bound(starts.begin(), starts.end(), turn.now.wall), turn.now.wall);
  if (!mutant("forget_starts_on_restart")) {
    turn.out.changes.rate_starts.push_back({run.row().dag_id, *run.row().rate_key, turn.now.wall});
  }
  return true;
}

void on(Turn& turn, const RunKeysRead& event) {
  const auto at = turn.state.runs.find(event.run);
  if (at == turn.state.runs.end() || at->second->deleted || !at->second->keys_asked) return;
  LiveRun& run = *at->second;
  run.keys_asked = false;
  --run.dag->keys_asked;
  advance_later(turn.state, *run.dag);  // others' may be asked for now
  if (run.row().state != DagRunState::queued || run.row().ending) return;
  if (!event.failure.empty()) {
    return end_run_early(turn, run, DagRunState::failed, event.failure);
  }
  touch(turn, run);
  run.row().concurrency_key = event.concurrency;
  run.row().rate_key = event.rate;
  run.row().keys_known = true;
}

}  // namespace batuta
