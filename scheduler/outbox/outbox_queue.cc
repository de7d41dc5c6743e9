#include "scheduler/outbox/outbox_queue.h"

namespace batuta {
void OutboxQueue::add(OutboxItem item) {
  const std::int64_t id = item.row.id;
  if (items_.contains(id)) return;
  by_table_[item.row.key].insert(id);
  by_attempt_[item.publication.key][item.publication.position] = id;
  items_.emplace(id, Entry{std::move(item)});
}

void OutboxQueue::remove(std::int64_t outbox_id) {
  const auto found = items_.find(outbox_id);
  if (found == items_.end()) return;
  const OutboxItem& item = found->second.item;
  const auto table = by_table_.find(item.row.key);
  table->second.erase(outbox_id);
  if (table->second.empty()) by_table_.erase(table);
  const auto attempt = by_attempt_.find(item.publication.key);
  attempt->second.erase(item.publication.position);
  if (attempt->second.empty()) by_attempt_.erase(attempt);
  items_.erase(found);
}

bool OutboxQueue::first_of_attempt(const PublicationRow& publication) const {
  return by_attempt_.at(publication.key).begin()->first == publication.position;
}

std::optional<OutboxItem> OutboxQueue::take(Time now) {
  std::optional<std::int64_t> best;
  for (const auto& [table, ids] : by_table_) {
    const std::int64_t id = *ids.begin();
    const Entry& entry = items_.at(id);
    if (entry.phase != Phase::waiting) continue;
    if (const auto due = entry.item.row.next_try_at; due && *due > now) continue;
    if (!first_of_attempt(entry.item.publication)) continue;
    if (!best || id < *best) best = id;
  }
  if (!best) return std::nullopt;
  Entry& entry = items_.at(*best);
  entry.phase = Phase::running;
  return entry.item;
}

bool OutboxQueue::put_back(OutboxItem item) {
  const auto found = items_.find(item.row.id);
  if (found == items_.end()) return false;
  found->second.phase = Phase::waiting;
  found->second.item = std::move(item);
  return true;
}

void OutboxQueue::carried_out(std::int64_t outbox_id) {
  if (const auto found = items_.find(outbox_id); found != items_.end()) {
    found->second.phase = Phase::carried_out;
  }
}

void OutboxQueue::resync(std::vector<OutboxItem> pending) {
  std::set<std::int64_t> known;
  for (const OutboxItem& item : pending) known.insert(item.row.id);
  std::vector<std::int64_t> gone;
  for (auto& [id, entry] : items_) {
    if (!known.contains(id)) gone.push_back(id);
    if (entry.phase == Phase::carried_out) entry.phase = Phase::waiting;
  }
  for (const std::int64_t id : gone) remove(id);
  for (OutboxItem& item : pending) add(std::move(item));
}

void OutboxQueue::retry_now(std::int64_t outbox_id) {
  if (const auto found = items_.find(outbox_id); found != items_.end()) {
    found->second.item.row.next_try_at.reset();
  }
}

OptTime OutboxQueue::next_due() const {
  OptTime due;
  for (const auto& [table, ids] : by_table_) {
    const Entry& entry = items_.at(*ids.begin());
    const auto at = entry.item.row.next_try_at;
    if (entry.phase != Phase::waiting || !at) continue;
    if (!due || *at < *due) due = at;
  }
  return due;
}

}  // namespace batuta
