// What the store in memory keeps of assets, and how long runs took.
#include <algorithm>

#include "tests/support/memory_store.h"

namespace batuta {

std::vector<Duration> MemoryStore::runtimes_of(const std::string& dag_id) const {
  std::vector<std::pair<Time, Duration>> all;
  for (const auto& [seq, stored] : data_.runs) {
    const RunRow& run = stored.run;
    if (run.dag_id == dag_id && run.state == DagRunState::success && run.branch.empty() &&
        run.start_date)
      all.emplace_back(run.run_after, *run.end_date - *run.start_date);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Duration> newest;
  const std::size_t most = max_average_runs;
  for (std::size_t i = all.size() > most ? all.size() - most : 0; i < all.size(); ++i)
    newest.push_back(all[i].second);
  return newest;
}

void MemoryStore::apply_aliases(const Changes& changes) {
  for (const AssetAliasRow& row : changes.asset_aliases) {
    data_.asset_aliases[row.id] = row;
    data_.last_asset_alias = std::max(data_.last_asset_alias, row.id);
  }
  for (const AssetAliasLink& link : changes.asset_alias_links)
    BATUTA_CHECK(data_.asset_alias_links.insert(link).second, std::to_string(link.alias));
  for (const std::int64_t id : changes.asset_watchers_gone) data_.asset_watchers.erase(id);
  for (const AssetWatcherRow& row : changes.asset_watchers) {
    data_.asset_watchers[row.id] = row;
    data_.last_asset_watcher = std::max(data_.last_asset_watcher, row.id);
  }
  for (const auto& of : changes.asset_refs) data_.asset_alias_refs[of.dag_id] = of.aliases;
}

void MemoryStore::apply_assets(const Changes& changes) {
  apply_aliases(changes);
  for (const AssetRow& row : changes.assets) {
    data_.assets[row.id] = row;
    data_.last_asset = std::max(data_.last_asset, row.id);
  }
  for (const auto& of : changes.asset_refs) data_.asset_refs[of.dag_id] = of.refs;
  for (const AssetEventRow& row : changes.asset_events) {
    BATUTA_CHECK(data_.asset_events.try_emplace(row.id, row).second, std::to_string(row.id));
    data_.last_asset_event = std::max(data_.last_asset_event, row.id);
  }
  for (const QueuedAssetEvent& row : changes.asset_queued) {
    const UnqueuedAssetEvent id{row.dag_id, row.event, row.partition_key};
    BATUTA_CHECK(data_.asset_queue.try_emplace(id, row).second, row.dag_id);
  }
  for (const auto& id : changes.asset_unqueued)
    BATUTA_CHECK(data_.asset_queue.erase(id) == 1, id.dag_id);
  for (const auto& id : changes.asset_events_consumed)
    BATUTA_CHECK(data_.asset_events_consumed.insert(id).second, std::to_string(id.second));
}

}  // namespace batuta
