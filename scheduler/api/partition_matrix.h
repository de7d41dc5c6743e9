// Which parts of an asset or a table there are, and how each stands: made, out of date, at work,
// failed, missing. Pure. Private to the room.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/partition.h"
#include "scheduler/core/rows.h"

namespace batuta::http {

enum class PartState : std::uint8_t { materialized, stale, running, failed, missing };

// By whom; empty where nobody knows, or where who asks may not see the DAG.
struct PartMaker {
  std::string dag_id, dag_run_id, task_id;
};
struct MadePart {
  std::string key;
  Time at;
  PartMaker by;
  std::optional<std::int64_t> version, rows;  // of a table
};
// A run that is about the part.
struct TriedPart {
  std::string key;
  Time at;  // when it was queued
  DagRunState state = DagRunState::queued;
  PartMaker by;
};
// What the part is made of has one like it, which changed then. `taken`: what was made knows of it.
struct NeededPart {
  std::string key;
  Time at;
  std::string of;
  bool taken = false;
};

struct PartsKnown {
  std::vector<MadePart> made;    // of several of one key the newest counts
  std::vector<TriedPart> tried;  // so here
  std::vector<NeededPart> needed;
};

struct PartCell {
  std::string key;
  PartState state = PartState::missing;
  std::optional<MadePart> made;
  std::optional<TriedPart> tried;
  std::optional<NeededPart> newer;  // of one that is stale or missing, where it is known
};

// More missing ones between two that are known are not listed.
inline constexpr std::size_t max_gap_parts = 5000;

struct PartMatrix {
  PartitionGrain grain = PartitionGrain::as_it_is;  // that all keys have; as_it_is: they differ
  std::vector<PartCell> cells;                      // by key
  bool gaps = true;  // false: there are more missing ones between them than are listed
};

// The grain by which a key is told: "2026-03-10" by day; as_it_is: it is no time, or a finer one.
PartitionGrain grain_of_key(const std::string& key);
// The next part of that grain, which is none of as_it_is; empty: the key is no time.
std::string part_after(const std::string& key, PartitionGrain grain);

// Keys of what is needed are told by the grain of the others; one that is coarser makes what was
// made within it stale, and names none that is missing. Of
// times of one grain those that lack between the first and the last are missing.
PartMatrix partition_matrix(PartsKnown known);

// What is asked of a matrix.
struct PartsAsked {
  std::string from, to;                 // keys, both within; empty: no bound
  std::optional<PartitionGrain> group;  // tells of each the part of this grain that it belongs to
  std::size_t limit = 500;              // the greatest keys
};
// {"grain","group_by","partitions","counts","total_entries","more","gaps"}.
nlohmann::json matrix_json(const PartMatrix& matrix, const PartsAsked& asked);

}  // namespace batuta::http
