// Assets as lists show them, and what is asked of those lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/core/asset.h"
#include "scheduler/core/rows.h"

namespace batuta {

struct AssetRefView {
  AssetRole role = AssetRole::schedule;
  std::string dag_id;
  std::string task_id;
  Time created_at;
  Time updated_at;
};
struct AssetView {
  AssetRow row;
  std::vector<AssetRefView> refs;  // by role, DAG and task; of DAGs that are seen
  std::optional<std::pair<std::int64_t, Time>> last_event;
  std::vector<AssetAliasRow> aliases{};     // that stand for it, by id; of DAGs that are seen
  std::vector<AssetWatcherRow> watchers{};  // by id
};
struct AssetAliasView {
  AssetAliasRow row;
  std::vector<AssetRefView> refs;  // of DAGs that are seen
  std::vector<std::pair<std::int64_t, std::string>>
      assets{};  // that it stands for, with URIs, by id
};
struct AssetEventView {
  AssetEventRow row;
  std::string uri;
  std::string name;
  std::string group;
  std::vector<RunRow> consumed_by;  // in the order in which they were made; of DAGs that are seen
  // Of these runs those that it started: it is the newest event that they consumed.
  std::vector<RunSeq> started;
};
// What is queued of one asset for one DAG; where it was asked so, for one partition of it.
struct QueuedAssetView {
  std::string dag_id;
  std::int64_t asset = 0;
  std::string uri;
  std::int64_t events = 0;
  Time queued_at;  // the oldest
  std::string partition_key{};
  std::vector<std::string> event_keys{};  // where it was asked by partition: the events' own
};

}  // namespace batuta
