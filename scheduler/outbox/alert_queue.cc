#include "scheduler/outbox/alert_queue.h"

#include "scheduler/outbox/alert.h"

namespace batuta {

void AlertQueue::add(OutboxRow row) {
  const std::int64_t id = row.id;
  if (entries_.contains(id)) return;
  Entry entry{std::move(row), {}};
  if (const auto alert = read_alert(entry.row.payload_json)) {  // else refused when it goes
    entry.group = alert_group(*alert);
    entry.every = alert->every;
  }
  const auto [group, fresh] = lanes_[entry.row.key].groups.try_emplace(entry.group);
  if (fresh) group->second.turn = ++turns_;
  group->second.ids.insert(id);
  entries_.emplace(id, std::move(entry));
}

void AlertQueue::remove(std::int64_t outbox_id) {
  const auto found = entries_.find(outbox_id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  stop_running(entry);
  Lane& lane = lanes_.at(entry.row.key);
  const auto group = lane.groups.find(entry.group);
  group->second.ids.erase(outbox_id);
  // One that is closed is kept until it opens, so that it stays closed.
  if (group->second.ids.empty() && !group->second.closed_until) lane.groups.erase(group);
  if (lane.groups.empty() && !lane.held_until) lanes_.erase(entry.row.key);
  entries_.erase(found);
}

void AlertQueue::stop_running(Entry& entry) {
  if (!entry.running) return;
  entry.running = false;
  --lanes_.at(entry.row.key).running;
}

bool AlertQueue::may_go(const Entry& entry, const Group& group, Time now) const {
  if (entry.running || (entry.row.next_try_at && *entry.row.next_try_at > now)) return false;
  // One that failed, or that somebody asked to send, has had its turn before.
  const bool fresh = entry.row.tries == 0 && !entry.row.next_try_at;
  return !fresh || !group.closed_until || *group.closed_until <= now;
}

std::optional<std::int64_t> AlertQueue::first_due(const Group& group, Time now) const {
  for (const std::int64_t id : group.ids) {
    if (may_go(entries_.at(id), group, now)) return id;
  }
  return std::nullopt;
}

// A group with an interval sends what it had when it opened, in as many messages as that takes.
void AlertQueue::close_when_done(Group& group, Duration every, Time now,
                                 const std::map<std::int64_t, Entry>& entries) {
  if (every <= Duration::zero()) return;
  if (group.opened == 0) group.opened = *group.ids.rbegin();
  for (const std::int64_t id : group.ids) {
    if (id <= group.opened && !entries.at(id).running) return;
  }
  group.opened = 0;
  group.closed_until = now + every;
}

void AlertQueue::open_groups(Lane& lane, Time now) {
  for (auto it = lane.groups.begin(); it != lane.groups.end();) {
    OptTime& closed = it->second.closed_until;
    if (closed && *closed <= now) closed.reset();
    it = it->second.ids.empty() && !closed ? lane.groups.erase(it) : std::next(it);
  }
}

// The group that waits longest for its turn, of all connections that may send.
AlertQueue::Lane* AlertQueue::next_lane(Time now, std::string& group) {
  Lane* best = nullptr;
  std::uint64_t turn = 0;
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    Lane& lane = it->second;
    if (lane.held_until && *lane.held_until <= now) lane.held_until.reset();
    open_groups(lane, now);
    if (lane.groups.empty() && !lane.held_until) {
      it = lanes_.erase(it);
      continue;
    }
    ++it;
    if (lane.running > 0 || lane.held_until) continue;
    for (const auto& [name, waiting] : lane.groups) {
      if (best != nullptr && waiting.turn >= turn) continue;
      if (!first_due(waiting, now)) continue;
      best = &lane;
      turn = waiting.turn;
      group = name;
    }
  }
  return best;
}

std::vector<OutboxRow> AlertQueue::take(Time now) {
  std::string name;
  Lane* lane = next_lane(now, name);
  if (lane == nullptr) return {};
  Group& group = lane->groups.at(name);
  group.turn = ++turns_;
  std::vector<OutboxRow> taken;
  std::size_t bytes = 0;
  for (const std::int64_t id : group.ids) {
    Entry& entry = entries_.at(id);
    if (!may_go(entry, group, now)) continue;
    const bool more = !taken.empty();
    if (more && (entry.alone || bytes + entry.row.payload_json.size() > max_bytes)) continue;
    bytes += entry.row.payload_json.size();
    entry.running = true;
    ++lane->running;
    taken.push_back(entry.row);
    if (entry.alone || !together_ || taken.size() == max_rows) break;
  }
  if (together_) close_when_done(group, entries_.at(taken.front().id).every, now, entries_);
  return taken;
}

bool AlertQueue::put_back(OutboxRow row, bool alone) {
  const auto found = entries_.find(row.id);
  if (found == entries_.end()) return false;
  stop_running(found->second);
  found->second.row = std::move(row);
  found->second.alone |= alone;
  return true;
}

void AlertQueue::hold(const std::string& connection, Time until) {
  lanes_[connection].held_until = until;
}

void AlertQueue::retry_now(std::int64_t outbox_id) {
  const auto found = entries_.find(outbox_id);
  if (found == entries_.end()) return;
  Lane& lane = lanes_.at(found->second.row.key);
  found->second.row.next_try_at.reset();
  lane.held_until.reset();
  lane.groups.at(found->second.group).closed_until.reset();
}

void AlertQueue::resync(std::vector<OutboxRow> pending) {
  std::set<std::int64_t> known;
  for (const OutboxRow& row : pending) known.insert(row.id);
  std::vector<std::int64_t> gone;
  for (const auto& [id, entry] : entries_) {
    if (!known.contains(id)) gone.push_back(id);
  }
  for (const std::int64_t id : gone) remove(id);
  for (OutboxRow& row : pending) add(std::move(row));
}

OptTime AlertQueue::next_due() const {
  OptTime due;
  for (const auto& [key, lane] : lanes_) {
    if (lane.running > 0) continue;
    for (const auto& [name, group] : lane.groups) {
      for (const std::int64_t id : group.ids) {
        const OutboxRow& row = entries_.at(id).row;
        OptTime at = row.next_try_at;
        if (!at && row.tries == 0) at = group.closed_until;
        if (lane.held_until && (!at || *lane.held_until > *at)) at = lane.held_until;
        if (at && (!due || *at < *due)) due = at;
        if (!row.next_try_at) break;  // the rest is due no earlier
      }
    }
  }
  return due;
}

}  // namespace batuta
