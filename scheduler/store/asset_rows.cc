#include "scheduler/store/asset_rows.h"

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
constexpr char insert_asset_event[] =
    "INSERT INTO asset_event (" BATUTA_ASSET_EVENT_COLUMNS("") ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char insert_queued[] =
    "INSERT INTO asset_queue (dag_id, event, asset, queued_at) VALUES (?, ?, ?, ?)";
constexpr char delete_queued[] = "DELETE FROM asset_queue WHERE dag_id = ? AND event = ?";
constexpr char insert_consumed[] = "INSERT INTO asset_event_run (run, event) VALUES (?, ?)";

constexpr char select_assets[] = "SELECT " BATUTA_ASSET_COLUMNS("") " FROM asset ORDER BY id";
constexpr char select_queue[] =
    "SELECT dag_id, asset, event, queued_at FROM asset_queue ORDER BY dag_id, event";

}  // namespace

void read_asset(Rows& rows, AssetRow& r) {
  rows.read(r.id, r.uri, r.name, r.group, r.extra_json, r.created_at, r.updated_at);
}

void read_asset_event(Rows& rows, AssetEventRow& r) {
  rows.read(r.id, r.asset, r.timestamp, r.extra_json, r.source_dag_id, r.source_run_id,
            r.source_task_id, r.source_map_index);
}

void write_assets(Database& db, const Changes& changes) {
  for (const AssetRow& r : changes.assets) {
    db.statement(upsert_asset)
        .run(r.id, r.uri, r.name, r.group, r.extra_json, r.created_at, r.updated_at);
  }
  for (const Changes::AssetRefs& of : changes.asset_refs) {
    db.statement(mark_refs).run(of.dag_id);
    for (const AssetRefRow& r : of.refs) {
      db.statement(upsert_ref).run(r.asset, r.role, of.dag_id, r.task_id, of.at, of.at);
    }
    db.statement(drop_marked_refs).run(of.dag_id);
  }
  for (const AssetEventRow& r : changes.asset_events) {
    db.statement(insert_asset_event)
        .run(r.id, r.asset, r.timestamp, r.extra_json, r.source_dag_id, r.source_run_id,
             r.source_task_id, r.source_map_index);
  }
  for (const QueuedAssetEvent& r : changes.asset_queued) {
    db.statement(insert_queued).run(r.dag_id, r.event, r.asset, r.queued_at);
  }
  for (const auto& [dag_id, event] : changes.asset_unqueued) {
    BATUTA_CHECK(db.statement(delete_queued).run(dag_id, event) == 1,
                 "an event leaves a queue in which it is not: of " + dag_id);
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
    queue.read(r.dag_id, r.asset, r.event, r.queued_at);
  }
}

}  // namespace batuta
