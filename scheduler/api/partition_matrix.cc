#include "scheduler/api/partition_matrix.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "scheduler/api/codecs.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::array<PartitionGrain, 7> told_grains = {
    PartitionGrain::minute, PartitionGrain::hour,    PartitionGrain::day, PartitionGrain::week,
    PartitionGrain::month,  PartitionGrain::quarter, PartitionGrain::year};

// From its beginning at least as far, and never past the next one's end.
Duration span_of_grain(PartitionGrain grain) {
  switch (grain) {
    case PartitionGrain::minute:
      return std::chrono::minutes(1);
    case PartitionGrain::hour:
      return std::chrono::hours(1);
    case PartitionGrain::day:
      return std::chrono::hours(24);
    case PartitionGrain::week:
      return std::chrono::hours(24 * 7);
    case PartitionGrain::month:
      return std::chrono::hours(24 * 31);
    case PartitionGrain::quarter:
      return std::chrono::hours(24 * 92);
    default:
      return std::chrono::hours(24 * 366);
  }
}

std::string_view state_name(PartState state) {
  constexpr std::array<std::string_view, 5> names = {"materialized", "stale", "running", "failed",
                                                     "missing"};
  return names.at(static_cast<std::size_t>(state));
}

PartState state_of(const PartCell& cell) {
  const auto& made = cell.made;
  const auto& tried = cell.tried;
  if (tried && (tried->state == DagRunState::queued || tried->state == DagRunState::running))
    return PartState::running;
  // A run that failed after it, or another, had made the part leaves it made.
  if (tried && tried->state == DagRunState::failed && (!made || made->at < tried->at))
    return PartState::failed;
  if (!made) return PartState::missing;
  return cell.newer ? PartState::stale : PartState::materialized;
}

using Cells = std::map<std::string, PartCell>;

PartCell& cell_of(Cells& cells, const std::string& key) {
  PartCell& cell = cells[key];
  cell.key = key;
  return cell;
}

PartitionGrain common_grain(const Cells& cells) {
  std::set<PartitionGrain> found;
  for (const auto& [key, cell] : cells) found.insert(grain_of_key(key));
  return found.size() == 1 ? *found.begin() : PartitionGrain::as_it_is;
}

void note_needed(PartCell& cell, const NeededPart& one) {
  if (cell.made && (one.taken || one.at <= cell.made->at)) return;
  if (!cell.newer || cell.newer->at < one.at) cell.newer = one;
}

// Of a month that days are made of each day that there is may have to be made again; which others
// there should be it does not say.
void add_coarser(Cells& cells, const std::vector<const NeededPart*>& coarser) {
  std::map<std::string, std::vector<const NeededPart*>> by_key;
  std::set<PartitionGrain> grains;
  for (const NeededPart* one : coarser) {
    const PartitionGrain grain = grain_of_key(one->key);
    if (grain == PartitionGrain::as_it_is) continue;
    by_key[one->key].push_back(one);
    grains.insert(grain);
  }
  for (auto& [key, cell] : cells) {
    if (!cell.made) continue;
    for (const PartitionGrain grain : grains) {
      const auto whole = map_partition_key(key, grain);
      const auto found = whole ? by_key.find(*whole) : by_key.end();
      if (found == by_key.end()) continue;
      for (const NeededPart* one : found->second) note_needed(cell, *one);
    }
  }
}

void add_needed(Cells& cells, PartitionGrain grain, const std::vector<NeededPart>& needed) {
  std::vector<const NeededPart*> coarser;
  for (const NeededPart& one : needed) {
    std::string key = one.key;
    if (grain != PartitionGrain::as_it_is) {
      const auto mapped = map_partition_key(key, grain);
      if (!mapped) {
        coarser.push_back(&one);
        continue;
      }
      key = *mapped;
    }
    note_needed(cell_of(cells, key), one);
  }
  add_coarser(cells, coarser);
}

// False: there are too many.
bool add_gaps(Cells& cells, PartitionGrain grain) {
  if (cells.empty() || grain == PartitionGrain::as_it_is) return true;
  const std::string last = cells.rbegin()->first;
  std::vector<std::string> lacking;
  for (std::string key = cells.begin()->first; key < last;) {
    key = part_after(key, grain);
    if (key.empty()) return true;
    if (!cells.contains(key) && key < last) lacking.push_back(key);
    if (lacking.size() > max_gap_parts) return false;
  }
  for (const std::string& key : lacking) cell_of(cells, key);
  return true;
}

json cell_json(const PartCell& cell, const PartsAsked& asked) {
  const bool by_try = cell.tried && (cell.state == PartState::running ||
                                     cell.state == PartState::failed || !cell.made);
  const PartMaker none;
  const PartMaker& by = by_try ? cell.tried->by : cell.made ? cell.made->by : none;
  const auto group = asked.group ? map_partition_key(cell.key, *asked.group) : std::nullopt;
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? json(*value) : json();
  };
  return {{"partition_key", cell.key},
          {"group", group ? json(*group) : json()},
          {"begins_at", iso_or_null(begin_of_partition(cell.key, nullptr))},
          {"state", state_name(cell.state)},
          {"made_at", cell.made ? json(to_iso(cell.made->at)) : json()},
          {"version", number(cell.made ? cell.made->version : std::nullopt)},
          {"rows", number(cell.made ? cell.made->rows : std::nullopt)},
          {"dag_id", text_or_null(by.dag_id)},
          {"dag_run_id", text_or_null(by.dag_run_id)},
          {"task_id", text_or_null(by.task_id)},
          {"newer", cell.newer ? text_or_null(cell.newer->of) : json()},
          {"newer_at", cell.newer ? json(to_iso(cell.newer->at)) : json()}};
}

}  // namespace

PartitionGrain grain_of_key(const std::string& key) {
  for (const PartitionGrain grain : told_grains)
    if (map_partition_key(key, grain) == key) return grain;
  return PartitionGrain::as_it_is;
}

std::string part_after(const std::string& key, PartitionGrain grain) {
  const OptTime begin = begin_of_partition(key, nullptr);
  if (!begin) return {};
  return partition_key_of(*begin + span_of_grain(grain), nullptr, grain);
}

PartMatrix partition_matrix(PartsKnown known) {
  Cells cells;
  for (MadePart& one : known.made) {
    auto& made = cell_of(cells, one.key).made;
    if (!made || made->at <= one.at) made = std::move(one);
  }
  for (TriedPart& one : known.tried) {
    auto& tried = cell_of(cells, one.key).tried;
    if (!tried || tried->at <= one.at) tried = std::move(one);
  }
  PartMatrix out;
  out.grain = common_grain(cells);
  add_needed(cells, out.grain, known.needed);
  if (out.grain == PartitionGrain::as_it_is && known.made.empty() && known.tried.empty())
    out.grain = common_grain(cells);
  out.gaps = add_gaps(cells, out.grain);
  for (auto& [key, cell] : cells) {
    cell.state = state_of(cell);
    out.cells.push_back(std::move(cell));
  }
  return out;
}

json matrix_json(const PartMatrix& matrix, const PartsAsked& asked) {
  std::vector<const PartCell*> within;
  std::map<PartState, std::int64_t> counted;
  for (const PartCell& cell : matrix.cells) {
    if (cell.key < asked.from || (!asked.to.empty() && cell.key > asked.to)) continue;
    within.push_back(&cell);
    ++counted[cell.state];
  }
  json counts = json::object();
  for (const PartState state : {PartState::materialized, PartState::stale, PartState::running,
                                PartState::failed, PartState::missing})
    counts[std::string(state_name(state))] = counted[state];
  const std::size_t shown = std::min(within.size(), asked.limit);
  json rows = json::array();
  for (std::size_t i = within.size() - shown; i < within.size(); ++i)
    rows.push_back(cell_json(*within[i], asked));
  const auto grain_or_null = [](PartitionGrain grain) {
    return grain == PartitionGrain::as_it_is ? json() : json(to_string(grain));
  };
  return {{"grain", grain_or_null(matrix.grain)},
          {"group_by", asked.group ? grain_or_null(*asked.group) : json()},
          {"partitions", std::move(rows)},
          {"counts", std::move(counts)},
          {"total_entries", within.size()},
          {"more", shown < within.size()},
          {"gaps", matrix.gaps}};
}

}  // namespace batuta::http
