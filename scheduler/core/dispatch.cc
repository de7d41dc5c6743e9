// Ready tasks to workers. Lanes bid with their best group; the best bid that a pool and a worker
// can take is launched. A bid that they cannot take ends its lane's (or its pool's) turn, so a
// dispatch reads about as many groups as it launches tasks.
#include <algorithm>

#include "scheduler/core/deferral.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

using std::chrono::microseconds;

// A slot should never idle for the time a message takes, and no task should wait long behind
// others.
constexpr Duration prefetch_horizon = std::chrono::milliseconds(50);
constexpr Duration least_estimate = microseconds(400);
// Once a group has waited this long, one launch in four goes to the one that has waited longest.
constexpr Duration ageing = std::chrono::minutes(1);
constexpr std::uint64_t ageing_share = 4;

struct Bid {
  LaneKey key;
  LaneNo lane = 0;
  bool operator<(const Bid& other) const { return other.key < key; }  // for a max-heap
};

enum class Tried { launched, pool_full, no_worker };

bool pool_fits(const LivePool& pool, std::int32_t slots) {
  if (mutant("ignore_pool_slots")) return true;
  return pool.row.slots < 0 || pool.occupied() + slots <= pool.row.slots;
}

LiveAgent* most_idle(const LivePlugin& plugin) {
  LiveAgent* best = nullptr;
  for (LiveAgent* agent : plugin.workers) {
    if (agent->idle() > 0 && (best == nullptr || agent->idle() > best->idle())) best = agent;
  }
  return best;
}

// The worker with the shortest queue that may still take one; null when nobody may.
LiveAgent* least_queued(const LivePlugin& plugin, std::int64_t depth) {
  LiveAgent* best = nullptr;
  for (LiveAgent* agent : plugin.workers) {
    if (agent->hold_prefetch || agent->slots == 0) continue;
    const std::int64_t queued = -agent->idle();
    if (queued >= depth * agent->slots) continue;
    if (best == nullptr || queued < -best->idle()) best = agent;
  }
  return best;
}

// What the row says of the attempt before gives way to the new one; a try that goes on keeps its
// start, and what it took so far.
void reset_attempt_fields(InstanceCold& row, bool goes_on_in_try) {
  if (!goes_on_in_try) {
    row.start_date.reset();
    row.cpu_us = row.read_bytes = -1;
  }
  row.end_date.reset();
  row.reason.clear();
  row.plugin_sha256.clear();
  row.exit_code = 0;
  row.signal = 0;
  row.peak_rss_kib = 0;
  row.pid = 0;
}

void launch(Turn& turn, LiveRun& run, InstanceIndex i, LiveAgent& agent) {
  touch(turn, run, i);
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  const bool goes_on_in_try = continues_try(run, i) && !mutant("resume_is_new_try");
  archive_try(turn, run, i, TaskState::failed);
  reset_attempt_fields(detail, goes_on_in_try);
  if (!mutant("keep_fence")) ++row.fence;
  if (!mutant("keep_try_number") && !goes_on_in_try) ++row.try_number;
  row.worker = agent.id;
  if (!goes_on_in_try) detail.queued_at = turn.now.wall;
  detail.hostname = agent.hostname;
  detail.pid = agent.pid;
  fix_window(turn, run, i);
  move_task(turn, run, i, Cause::launched, TaskState::queued);
  attach(agent, run, i, ++turn.state.last_launch, false);
  turn.out.launches.push_back({agent.connection, run.attempt(i), i, row.try_number,
                               mutant("forget_predecessor") ? std::string() : detail.slot});
  LaunchEffect& launched = turn.out.launches.back();
  launched.checkpoint = run.cell(i).checkpoint && !mutant("forget_checkpoint");
  if (!is_resumed(run, i) || mutant("forget_payload")) return;
  const WaitRow& wait = run.waits.at(i).row;
  launched.resume = wait.resume;
  launched.payload_json = wait.payload_json;
  launched.told = wait.told;
}

Tried try_launch(Turn& turn, LiveRun& run, GroupNo number) {
  SchedulerState& state = turn.state;
  const GroupSpec& spec = run.plan->groups[number];
  const LivePlugin& plugin = state.plugins[spec.plugin];
  ++state.counters.dispatch_reads;
  if (!pool_fits(state.pools[spec.pool], spec.pool_slots)) return Tried::pool_full;
  LiveAgent* agent = most_idle(plugin);
  if (agent == nullptr) {
    const std::int64_t depth = prefetch_depth(state, *run.dag, spec.plugin);
    agent = least_queued(plugin, depth);
  }
  if (agent == nullptr) return Tried::no_worker;
  launch(turn, run, first_ready(run, number), *agent);
  return Tried::launched;
}

// The lane whose oldest group has waited too long; bids.size() if there is none.
std::size_t starving_bid(const SchedulerState& state, const std::vector<Bid>& bids, Boot now) {
  std::size_t found = bids.size();
  Boot oldest = now;
  for (std::size_t at = 0; at < bids.size(); ++at) {
    const Lane& lane = state.lanes[bids[at].lane];
    if (lane.by_age.empty()) continue;
    const auto& [run, group] = lane.by_age.begin()->second;
    const Boot since = run->groups[group].since;
    if (now - since >= ageing && since < oldest) {
      oldest = since;
      found = at;
    }
  }
  return found;
}

struct Choice {
  LaneNo lane = 0;
  LiveRun* run = nullptr;
  GroupNo group = 0;
  bool aged = false;
};

std::optional<Choice> take_starving(const SchedulerState& state, std::vector<Bid>& bids, Boot now) {
  if (state.last_launch % ageing_share != ageing_share - 1) return std::nullopt;
  const std::size_t at = starving_bid(state, bids, now);
  if (at == bids.size()) return std::nullopt;
  const LaneNo lane = bids[at].lane;
  bids.erase(bids.begin() + static_cast<std::ptrdiff_t>(at));
  std::make_heap(bids.begin(), bids.end());
  const auto& [run, group] = state.lanes[lane].by_age.begin()->second;
  return Choice{lane, run, group, true};
}

// Takes the best bid off the heap. A launch may take other groups of its run out of their lanes, so
// a bid is worth what its lane has now: it may be gone, or have to queue again with less.
std::optional<Choice> take_best(const SchedulerState& state, std::vector<Bid>& bids) {
  while (!bids.empty()) {
    std::pop_heap(bids.begin(), bids.end());
    const Bid bid = bids.back();
    bids.pop_back();
    const auto& heads = state.lanes[bid.lane].by_priority;
    if (heads.empty()) continue;
    const auto& [key, run] = *heads.begin();
    if (!(bid.key < key)) return Choice{bid.lane, run, key.group, false};
    bids.push_back({key, bid.lane});
    std::push_heap(bids.begin(), bids.end());
  }
  return std::nullopt;
}

// Served out of order: back to the end of those that wait.
void renew_age(SchedulerState& state, const Choice& choice, Boot now) {
  ReadyGroup& group = choice.run->groups[choice.group];
  if (!group.offered) return;
  auto node = state.lanes[choice.lane].by_age.extract(group.turn);
  group.turn = ++state.last_offer;
  group.since = now;
  node.key() = group.turn;
  state.lanes[choice.lane].by_age.insert(std::move(node));
}

// Something that may not queue up behind others waits for a slot: nothing worse may take the slots'
// queues meanwhile.
void hold_workers(Turn& turn, const Choice& choice) {
  const Lane& lane = turn.state.lanes[choice.lane];
  for (LiveAgent* agent : turn.state.plugins[lane.plugin].workers) agent->hold_prefetch = true;
  recall_for_priority(turn, lane, lane.by_priority.begin()->first.weight);
}

}  // namespace

std::int64_t prefetch_depth(const SchedulerState& state, const LiveDag& dag, PluginNo plugin) {
  const auto known = dag.estimates.find(plugin);
  if (known == dag.estimates.end()) return 0;
  const std::int64_t depth = prefetch_horizon / std::max(known->second, least_estimate);
  return std::clamp<std::int64_t>(depth, 0, state.options.max_prefetch);
}

// Follows the median: quickly down, upwards by at most a half, so that one slow task among many
// does not end prefetching, and a plugin that is often slow does.
void note_duration(LiveDag& dag, PluginNo plugin, Duration took) {
  took = std::max(took, Duration(0));
  const auto [at, first] = dag.estimates.emplace(plugin, took);
  if (first) return;
  Duration& estimate = at->second;
  if (took < estimate) {
    estimate -= (estimate - took) / 4;
  } else {
    estimate += std::min(took - estimate, std::max(estimate, least_estimate)) / 2;
  }
}

void dispatch(Turn& turn) {
  SchedulerState& state = turn.state;
  const Boot now = turn.now.boot;
  for (auto& [connection, agent] : state.connections) agent->hold_prefetch = false;
  std::vector<Bid> bids;
  for (const LaneNo lane : state.busy_lanes) {
    bids.push_back({state.lanes[lane].by_priority.begin()->first, lane});
  }
  std::make_heap(bids.begin(), bids.end());
  std::vector<bool> pool_full(state.pools.size());
  while (!bids.empty()) {
    std::optional<Choice> taken = take_starving(state, bids, now);
    if (!taken) taken = take_best(state, bids);
    if (!taken) break;
    const Choice choice = *taken;
    const Lane& lane = state.lanes[choice.lane];
    if (pool_full[lane.pool]) continue;
    switch (try_launch(turn, *choice.run, choice.group)) {
      case Tried::pool_full:
        pool_full[lane.pool] = true;
        continue;
      case Tried::no_worker:
        hold_workers(turn, choice);
        continue;
      case Tried::launched:
        break;
    }
    if (choice.aged) renew_age(state, choice, now);
    if (lane.by_priority.empty()) continue;
    bids.push_back({lane.by_priority.begin()->first, choice.lane});
    std::push_heap(bids.begin(), bids.end());
  }
  recall_for_idle(turn);
}

}  // namespace batuta
