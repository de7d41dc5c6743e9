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
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/time.h"

namespace batuta {

// Something outside that is looked at again and again, without a slot: an asset has an event each
// time when it is found to be another than before.
struct WatcherSpec {
  std::string name;           // tells watchers of one asset apart
  std::string argument_json;  // what is looked at, for scheduler/waits; opaque to the core
  Duration interval = std::chrono::minutes(1);
  bool operator==(const WatcherSpec&) const = default;
};

// What a DAG file says of an asset. Empty: it says nothing, and what is known stays.
struct AssetSpec {
  std::string uri;
  std::string name;
  std::string group;
  std::string extra_json;
  std::vector<WatcherSpec> watchers{};
};
// A place in Dag::assets, or in Dag::aliases.
using AssetIndex = std::uint32_t;

// A name for assets that are known when a task runs: it tells which of them its alias stands for.
// From then on who waits for the alias waits for each of them.
struct AliasSpec {
  std::string name;
  std::string group;  // empty: it says nothing
};

// How fine a partition's key is told: keys that are times, cut to their hour, day, ….
enum class PartitionGrain : std::uint8_t {
  as_it_is,
  minute,
  hour,
  day,
  week,
  month,
  quarter,
  year
};

// What makes of the partition key of an event that of the run which it is for.
struct PartitionMapper {
  enum class Kind : std::uint8_t {
    grain,    // told by `grain`
    allowed,  // as it is, if it is among `keys`
    fixed,    // the first of `keys`, whatever it was
    product,  // of as many dimensions as `of`, with `delimiter` between: each by a mapper of its
              // own
    chain,    // by each of `of`, one after the other
    // A window that has parts: of[0] makes its key. The parts are the times of `grain` in it, or,
    // for a window that is no time, `keys`.
    roll_up,  // an event is of a part; the run waits until enough of the parts have come
    fan_out,  // an event is of a window, and for as many runs as that has parts
  };
  Kind kind = Kind::grain;
  PartitionGrain grain = PartitionGrain::as_it_is;
  std::vector<std::string> keys{};
  std::string delimiter = "|";
  // Of roll_up: how many parts are enough; negative: how many may be missing; 0: none may.
  std::int32_t at_least = 0;
  std::vector<PartitionMapper> of{};
  bool operator==(const PartitionMapper& other) const;
};

// What a DAG waits for.
struct AssetCondition {
  enum class Kind : std::uint8_t { asset, all, any, alias };
  Kind kind = Kind::asset;
  AssetIndex asset = 0;              // of `asset`; of `alias` a place in Dag::aliases
  std::vector<AssetCondition> of{};  // of `all` and `any`; at least one
  // Of `asset` and `alias`, where the DAG has a run for each partition: what makes its key.
  PartitionMapper mapper{};
};

// What a table's URI begins with; its name follows, "lake://silver/financial/quotes".
inline constexpr std::string_view lake_assets = "lake://";

inline constexpr std::size_t max_assets_of_schedule = 256;
// An alias stands for no more.
inline constexpr std::size_t max_assets_of_alias = 1024;
// Told by one attempt.
inline constexpr std::size_t max_told_assets = 1000;
inline constexpr std::size_t max_partition_key = 250;  // bytes, as in Airflow
// Queued for one DAG; of more the oldest of the asset that has the most leaves the queue, told.
inline constexpr std::size_t max_queued_asset_events = 1000;
// The same for a DAG with windows of parts, several of which may be open at a time.
inline constexpr std::size_t max_queued_of_windows = 10'000;
// A window has no more: the minutes of a day, the hours of a month, the days of a year.
inline constexpr std::size_t max_parts_of_window = 1500;
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

struct AssetAliasRow {
  std::int64_t id = 0;  // store-wide, growing
  std::string name;
  std::string group = "asset";
  bool operator==(const AssetAliasRow&) const = default;
};
// That an alias stands for an asset.
struct AssetAliasLink {
  std::int64_t alias = 0;
  std::int64_t asset = 0;
  auto operator<=>(const AssetAliasLink&) const = default;
};

// A watcher that the newest version of some DAG has.
struct AssetWatcherRow {
  std::int64_t id = 0;  // store-wide, growing
  std::int64_t asset = 0;
  WatcherSpec spec;
  Time created_at;
  // What the last look found, told by who looked; nothing: no look has found anything yet.
  std::optional<std::string> seen{};
  std::string message{};  // why the last look found nothing; empty: it did
};

enum class AssetRole : std::uint8_t {
  schedule,  // the DAG waits for it
  outlet,    // the task makes it
  inlet,     // the task reads it
};
// That the newest version of a DAG names an asset, or an alias.
struct AssetRefRow {
  std::int64_t asset = 0;  // or the alias
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
  std::string partition_key{};  // which part of the asset has changed; empty: all of it
};

// What an attempt says of one asset that it made: more than that its task succeeded.
struct ToldAsset {
  AssetSpec asset;              // one of its task's outlets, or
  std::string alias;            // what this alias, one of them, stands for; empty: none
  std::string extra_json{};     // of the event; empty: none
  std::string partition_key{};  // of the event; empty: its run's
};

// An event that a DAG has yet to consume; of a window of several runs once for each.
struct QueuedAssetEvent {
  std::string dag_id;
  std::int64_t asset = 0;
  std::int64_t event = 0;
  Time queued_at;
  std::string partition_key{};  // of the run that it is for; empty: the DAG has no partitions
  std::string event_key{};      // the event's own
};
// It is in the queue no more.
struct UnqueuedAssetEvent {
  std::string dag_id;
  std::int64_t event = 0;
  std::string partition_key{};
  auto operator<=>(const UnqueuedAssetEvent&) const = default;
};

}  // namespace batuta
