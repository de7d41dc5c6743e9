// Assets: data known by its URI. Tasks make it, DAGs may wait for it.
//
// A table of the lake is an asset by itself, lake://<table>: each version that a task publishes is
// an event, whether or not somebody names it, and nothing else is. Of any other asset:
//
// A task that succeeds writes an event of each asset among its `outlets`. The event is queued for
// every DAG whose schedule names the asset; when the queue of a DAG meets its condition, the DAG
// starts one run, which consumes all that is queued (assets.cc).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/time.h"

namespace batuta {

// What a DAG file says of an asset. Empty: it says nothing, and what is known stays.
struct AssetSpec {
  std::string uri;
  std::string name;
  std::string group;
  std::string extra_json;
};
// A place in Dag::assets.
using AssetIndex = std::uint32_t;

// What a DAG waits for.
struct AssetCondition {
  enum class Kind : std::uint8_t { asset, all, any };
  Kind kind = Kind::asset;
  AssetIndex asset = 0;
  std::vector<AssetCondition> of{};  // of `all` and `any`; at least one
};

// What a table's URI begins with; its name follows, "lake://silver/financial/quotes".
inline constexpr std::string_view lake_assets = "lake://";

inline constexpr std::size_t max_assets_of_schedule = 256;
// Queued for one DAG; of more the oldest of the asset that has the most leaves the queue, told.
inline constexpr std::size_t max_queued_asset_events = 1000;
// A DAG starts runs by its assets no more often than this; what comes meanwhile is collected.
inline constexpr Duration asset_run_gap = std::chrono::seconds(1);

struct AssetRow {
  std::int64_t id = 0;  // store-wide, growing
  std::string uri;
  std::string name;  // the URI unless a DAG file has another
  std::string group = "asset";
  std::string extra_json = "{}";
  Time created_at;
  Time updated_at;
};

enum class AssetRole : std::uint8_t {
  schedule,  // the DAG waits for it
  outlet,    // the task makes it
  inlet,     // the task reads it
};
// That the newest version of a DAG names an asset.
struct AssetRefRow {
  std::int64_t asset = 0;
  AssetRole role = AssetRole::schedule;
  std::string task_id;  // empty: role schedule
};

struct AssetEventRow {
  std::int64_t id = 0;  // store-wide, growing
  std::int64_t asset = 0;
  Time timestamp;
  std::string extra_json = "{}";
  // Whose success it is; empty: somebody told it.
  std::string source_dag_id;
  std::string source_run_id;
  std::string source_task_id;
  MapIndex source_map_index = unmapped;
};

// An event that a DAG has yet to consume.
struct QueuedAssetEvent {
  std::string dag_id;
  std::int64_t asset = 0;
  std::int64_t event = 0;
  Time queued_at;
};

}  // namespace batuta
