#include "scheduler/store/asset_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/store/store.h"

namespace batuta {
namespace {

constexpr char upsert_asset[] =
    "INSERT INTO asset (" BATUTA_ASSET_COLUMNS("") ") VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, asset_group = excluded.asset_group, "
    "extra_json = excluded.extra_json, updated_at = excluded.updated_at";
// What a DAG names still keeps the time since when.
constexpr char upsert_ref[] =
    "INSERT INTO asset_ref (asset, role, dag_id, task_id, created_at, updated_at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (asset, role, dag_id, task_id) "
    "DO UPDATE SET updated_at = excluded.updated_at";
constexpr char mark_refs[] = "UPDATE asset_ref SET updated_at = -1 WHERE dag_id = ?";
constexpr char drop_marked_refs[] = "DELETE FROM asset_ref WHERE dag_id = ? AND updated_at = -1";
constexpr char insert_asset_event[] = "INSERT INTO asset_event (" BATUTA_ASSET_EVENT_COLUMNS(
    "") ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char insert_queued[] =
    "INSERT INTO asset_queue (dag_id, event, asset, queued_at, partition_key) "
    "VALUES (?, ?, ?, ?, ?)";
constexpr char delete_queued[] =
    "DELETE FROM asset_queue WHERE dag_id = ? AND event = ? AND partition_key = ?";
constexpr char insert_consumed[] = "INSERT INTO asset_event_run (run, event) VALUES (?, ?)";

constexpr char select_assets[] = "SELECT " BATUTA_ASSET_COLUMNS("") " FROM asset ORDER BY id";
constexpr char select_queue[] =
    "SELECT q.dag_id, q.asset, q.event, q.queued_at, q.partition_key, "
    "COALESCE(e.partition_key, '') FROM asset_queue AS q "
    "LEFT JOIN asset_event AS e ON e.id = q.event ORDER BY q.dag_id, q.event, q.partition_key";

constexpr char upsert_alias[] =
    "INSERT INTO asset_alias (id, name, alias_group) VALUES (?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET alias_group = excluded.alias_group";
constexpr char upsert_alias_ref[] =
    "INSERT INTO asset_alias_ref (alias, role, dag_id, task_id, created_at, updated_at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (alias, role, dag_id, task_id) "
    "DO UPDATE SET updated_at = excluded.updated_at";
constexpr char mark_alias_refs[] = "UPDATE asset_alias_ref SET updated_at = -1 WHERE dag_id = ?";
constexpr char drop_marked_alias_refs[] =
    "DELETE FROM asset_alias_ref WHERE dag_id = ? AND updated_at = -1";
constexpr char insert_link[] = "INSERT INTO asset_alias_asset (alias, asset) VALUES (?, ?)";
constexpr char select_aliases[] = "SELECT id, name, alias_group FROM asset_alias ORDER BY id";
constexpr char select_links[] = "SELECT alias, asset FROM asset_alias_asset ORDER BY alias, asset";
constexpr char upsert_watcher[] =
    "INSERT INTO asset_watcher (" BATUTA_ASSET_WATCHER_COLUMNS
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "argument_json = excluded.argument_json, interval = excluded.interval, seen = excluded.seen, "
    "message = excluded.message";
constexpr char delete_watcher[] = "DELETE FROM asset_watcher WHERE id = ?";
constexpr char select_watchers[] =
    "SELECT " BATUTA_ASSET_WATCHER_COLUMNS " FROM asset_watcher ORDER BY id";

// Each of so many has a URI, words and an extra, all of them bounded where they are read.
constexpr JsonLimits told_limits{.bytes = 256 << 20};

void write_refs(Database& db, const Changes::AssetRefs& of) {
  db.statement(mark_refs).run(of.dag_id);
  for (const AssetRefRow& r : of.refs) {
    db.statement(upsert_ref).run(r.asset, r.role, of.dag_id, r.task_id, of.at, of.at);
  }
  db.statement(drop_marked_refs).run(of.dag_id);
  db.statement(mark_alias_refs).run(of.dag_id);
  for (const AssetRefRow& r : of.aliases) {
    db.statement(upsert_alias_ref).run(r.asset, r.role, of.dag_id, r.task_id, of.at, of.at);
  }
  db.statement(drop_marked_alias_refs).run(of.dag_id);
}

void write_aliases(Database& db, const Changes& changes) {
  for (const AssetAliasRow& r : changes.asset_aliases) {
    db.statement(upsert_alias).run(r.id, r.name, r.group);
  }
  for (const AssetAliasLink& r : changes.asset_alias_links) {
    db.statement(insert_link).run(r.alias, r.asset);
  }
}

// First those that go: what comes may have the name that they had.
void write_watchers(Database& db, const Changes& changes) {
  for (const std::int64_t id : changes.asset_watchers_gone) db.statement(delete_watcher).run(id);
  for (const AssetWatcherRow& r : changes.asset_watchers) {
    db.statement(upsert_watcher)
        .run(r.id, r.asset, r.spec.name, r.spec.argument_json, r.spec.interval.count(),
             r.created_at, r.seen, r.message);
  }
}

}  // namespace

void read_asset(Rows& rows, AssetRow& r) {
  rows.read(r.id, r.uri, r.name, r.group, r.extra_json, r.created_at, r.updated_at);
}

void read_asset_event(Rows& rows, AssetEventRow& r) {
  rows.read(r.id, r.asset, r.timestamp, r.extra_json, r.source_dag_id, r.source_run_id,
            r.source_task_id, r.source_map_index, r.partition_key);
}

void read_asset_watcher(Rows& rows, AssetWatcherRow& r) {
  std::int64_t interval = 0;
  rows.read(r.id, r.asset, r.spec.name, r.spec.argument_json, interval, r.created_at, r.seen,
            r.message);
  r.spec.interval = Duration(interval);
}

std::string told_assets_text(const std::vector<ToldAsset>& assets) {
  if (assets.empty()) return {};
  nlohmann::json list = nlohmann::json::array();
  for (const ToldAsset& one : assets) {
    list.push_back(
        nlohmann::json::array({one.asset.uri, one.asset.name, one.asset.group, one.asset.extra_json,
                               one.alias, one.extra_json, one.partition_key}));
  }
  return json_text(list);
}

std::vector<ToldAsset> told_assets_of(const std::string& text) {
  std::vector<ToldAsset> assets;
  if (text.empty()) return assets;
  const auto list = parse_untrusted(text, told_limits);
  bool sound = list && list->is_array();
  for (std::size_t i = 0; sound && i < list->size(); ++i) {
    const nlohmann::json& one = (*list)[i];
    sound = one.is_array() && one.size() == 7 &&
            std::all_of(one.begin(), one.end(), [](const auto& each) { return each.is_string(); });
    if (!sound) break;
    ToldAsset& told = assets.emplace_back();
    std::string* const fields[] = {&told.asset.uri,        &told.asset.name, &told.asset.group,
                                   &told.asset.extra_json, &told.alias,      &told.extra_json,
                                   &told.partition_key};
    for (std::size_t field = 0; field < 7; ++field) {
      *fields[field] = one[field].get<std::string>();
    }
  }
  if (!sound)
    throw StoreError("what an attempt told of assets is damaged; restore a backup", false);
  return assets;
}

void write_assets(Database& db, const Changes& changes) {
  for (const AssetRow& r : changes.assets) {
    db.statement(upsert_asset)
        .run(r.id, r.uri, r.name, r.group, r.extra_json, r.created_at, r.updated_at);
  }
  write_aliases(db, changes);
  write_watchers(db, changes);
  for (const Changes::AssetRefs& of : changes.asset_refs) write_refs(db, of);
  for (const AssetEventRow& r : changes.asset_events) {
    db.statement(insert_asset_event)
        .run(r.id, r.asset, r.timestamp, r.extra_json, r.source_dag_id, r.source_run_id,
             r.source_task_id, r.source_map_index, r.partition_key);
  }
  for (const QueuedAssetEvent& r : changes.asset_queued) {
    db.statement(insert_queued).run(r.dag_id, r.event, r.asset, r.queued_at, r.partition_key);
  }
  for (const UnqueuedAssetEvent& r : changes.asset_unqueued) {
    BATUTA_CHECK(db.statement(delete_queued).run(r.dag_id, r.event, r.partition_key) == 1,
                 "an event leaves a queue in which it is not: of " + r.dag_id);
  }
  for (const auto& [run, event] : changes.asset_events_consumed) {
    db.statement(insert_consumed).run(run, event);
  }
}

void load_assets(Database& db, StoredState& state) {
  Rows assets = db.statement(select_assets).query();
  while (assets.next()) read_asset(assets, state.assets.emplace_back());
  Rows queue = db.statement(select_queue).query();
  while (queue.next()) {
    QueuedAssetEvent& r = state.asset_queue.emplace_back();
    queue.read(r.dag_id, r.asset, r.event, r.queued_at, r.partition_key, r.event_key);
  }
  Rows aliases = db.statement(select_aliases).query();
  while (aliases.next()) {
    AssetAliasRow& r = state.asset_aliases.emplace_back();
    aliases.read(r.id, r.name, r.group);
  }
  Rows links = db.statement(select_links).query();
  while (links.next()) {
    AssetAliasLink& r = state.asset_alias_links.emplace_back();
    links.read(r.alias, r.asset);
  }
  Rows watchers = db.statement(select_watchers).query();
  while (watchers.next()) read_asset_watcher(watchers, state.asset_watchers.emplace_back());
}

}  // namespace batuta
