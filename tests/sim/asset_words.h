// What the simulator's assets are about: keys of partitions, a second statement of what their
// mappers mean, and what attempts tell of assets that have no URI of their own in a DAG.
#pragma once

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/stored_run.h"
#include "tests/sim/context.h"

namespace batuta::sim {

inline constexpr const char* partition_words[] = {"x", "y", "z"};

// Of all keys, or of none: mostly one.
inline std::string drawn_partition(Rng& rng) {
  return rng.chance(200) ? "" : partition_words[rng.below(std::size(partition_words))];
}

// Keys as they are, some of them, a window of two, and a window that both are of.
inline PartitionMapper drawn_mapper(Rng& rng) {
  PartitionMapper mapper;
  const auto drawn = rng.below(4);
  if (drawn == 0) return mapper;
  mapper.keys = {partition_words[0], partition_words[1]};
  mapper.kind = drawn == 1   ? PartitionMapper::Kind::allowed
                : drawn == 2 ? PartitionMapper::Kind::fan_out
                             : PartitionMapper::Kind::roll_up;
  if (drawn == 1) return mapper;
  PartitionMapper& whole = mapper.of.emplace_back();
  if (drawn == 2) return mapper;
  whole.kind = PartitionMapper::Kind::fixed;
  whole.keys = {"all"};
  if (rng.chance(200)) mapper.at_least = 1;
  return mapper;
}

// The runs' keys.
inline std::set<std::string> keys_by(const PartitionMapper& mapper, const std::string& key) {
  const bool listed = std::find(mapper.keys.begin(), mapper.keys.end(), key) != mapper.keys.end();
  switch (mapper.kind) {
    case PartitionMapper::Kind::allowed:
      return listed ? std::set<std::string>{key} : std::set<std::string>();
    case PartitionMapper::Kind::fan_out:
      return {mapper.keys.begin(), mapper.keys.end()};
    case PartitionMapper::Kind::roll_up:
      return listed ? std::set<std::string>{"all"} : std::set<std::string>();
    default:
      return {key};
  }
}

// Whether events of these keys are all that a run of their partition waits for.
inline bool is_whole(const PartitionMapper& mapper, const std::set<std::string>& came) {
  if (mapper.kind != PartitionMapper::Kind::roll_up) return !came.empty();
  const auto parts = static_cast<std::size_t>(
      std::count_if(mapper.keys.begin(), mapper.keys.end(),
                    [&](const std::string& part) { return came.count(part) != 0; }));
  return parts >=
         (mapper.at_least > 0 ? static_cast<std::size_t>(mapper.at_least) : mapper.keys.size());
}

// What a success tells of assets, always the same of one attempt: of outlets a partition now and
// then, of aliases one of two assets.
inline std::vector<ToldAsset> told_by(const Dag& dag, const AttemptKey& key, bool keyed) {
  std::uint64_t drawn = mix64(static_cast<std::uint64_t>(key.run) * 977 + key.task * 31 +
                              static_cast<std::uint64_t>(key.fence));
  const auto next = [&](std::uint64_t below) {
    drawn = mix64(drawn + 1);
    return drawn % below;
  };
  const auto part = [&] {
    return keyed && next(3) == 0 ? partition_words[next(std::size(partition_words))] : "";
  };
  const Task& task = dag.tasks[key.task];
  std::vector<ToldAsset> told;
  for (const AssetIndex place : task.outlets) {
    if (dag.assets[place].uri.starts_with(lake_assets) || next(2) == 0) continue;
    for (auto times = 1 + next(2); times > 0; --times) {
      ToldAsset& one = told.emplace_back();
      one.asset.uri = dag.assets[place].uri;
      one.partition_key = part();
    }
  }
  for (const AssetIndex place : task.outlet_aliases) {
    if (next(4) == 0) continue;
    ToldAsset& one = told.emplace_back();
    one.alias = dag.aliases[place].name;
    one.asset.uri = one.alias + (next(2) == 0 ? "/p" : "/q");
    one.partition_key = part();
  }
  return told;
}

inline std::string told_text(const std::vector<ToldAsset>& told) {
  std::string list;
  for (const ToldAsset& one : told) {
    list += (list.empty() ? "[{\"uri\":\"" : ",{\"uri\":\"") + one.asset.uri + "\"";
    if (!one.alias.empty()) list += ",\"alias\":\"" + one.alias + "\"";
    if (!one.partition_key.empty()) list += ",\"partition_key\":\"" + one.partition_key + "\"";
    list += "}";
  }
  return list.empty() ? list : list + "]";
}

}  // namespace batuta::sim
