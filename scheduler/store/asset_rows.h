// Assets as columns: what the writer, the loader and the read side share.
#pragma once

#include <string>
#include <vector>

#include "scheduler/core/asset.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/step.h"
#include "scheduler/store/codes.h"
#include "scheduler/store/sqlite.h"

#define BATUTA_ASSET_COLUMNS(t) \
  t "id, " t "uri, " t "name, " t "asset_group, " t "extra_json, " t "created_at, " t "updated_at"
#define BATUTA_ASSET_WATCHER_COLUMNS \
  "id, asset, name, argument_json, interval, created_at, seen, message"
#define BATUTA_ASSET_EVENT_COLUMNS(t)                                                             \
  t "id, " t "asset, " t "timestamp, " t "extra_json, " t "source_dag_id, " t "source_run_id, " t \
    "source_task_id, " t "source_map_index, " t "partition_key"

namespace batuta {

void read_asset(Rows& rows, AssetRow& r);
void read_asset_event(Rows& rows, AssetEventRow& r);
void read_asset_watcher(Rows& rows, AssetWatcherRow& r);
// What an accepted attempt told of assets, as its column has it; '' for nothing.
std::string told_assets_text(const std::vector<ToldAsset>& assets);
std::vector<ToldAsset> told_assets_of(const std::string& text);
// After the runs, which events are consumed by.
void write_assets(Database& db, const Changes& changes);
void load_assets(Database& db, StoredState& state);

}  // namespace batuta
