// Keys of partitions: which part of an asset an event, or a run, is about. Any line of text is one;
// of keys that are times, written from the year on as far as they go ("2026", "2026-03",
// "2026-03-10", "2026-03-10T09", "2026-03-10T09:30", "2026-03-10T09:30:00"), grains are known.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "scheduler/core/asset.h"
#include "scheduler/core/cron.h"

namespace batuta {

// "minute", "hour", "day", …; "as_it_is".
std::string_view to_string(PartitionGrain grain);
std::optional<PartitionGrain> parse_grain(std::string_view text);

// Why a text is no key; empty when it is one: 1 to max_partition_key bytes without control
// characters.
std::string fault_of_partition_key(std::string_view key);

// The key of what the part belongs to: of grain day "2026-03-10" of "2026-03-10T09:30:00", of week
// its ISO week "2026-W11", of quarter "2026-Q1". A grain keeps what it made ("2026-W11" by week).
// nullopt: the key is no time, or coarser than the grain.
std::optional<std::string> map_partition_key(std::string_view key, PartitionGrain grain);

// Whether times of `fine` are parts of those of `coarse`, each of one: a week is of no month.
bool is_part_of(PartitionGrain fine, PartitionGrain coarse);

// The keys of runs that an event of this key is for, each once: several of fan_out alone. Empty: it
// cannot be told so. The zone (null: UTC) is that of the keys' times.
std::vector<std::string> map_partition_key(std::string_view key, const PartitionMapper& mapper,
                                           const Zone* zone);
// Why there are none, for people: "it is no time, or tells less than a day".
std::string why_unmapped(const PartitionMapper& mapper);

// Of roll_up and fan_out: the parts of the window with this key, in their order. Hours that clocks
// of the zone leave out are none. Empty: the key is none that the mapper makes.
std::vector<std::string> parts_of_window(std::string_view key, const PartitionMapper& mapper,
                                         const Zone* zone);
// Of roll_up: whether it is among those, at the cost of one of them.
bool is_part_of_window(std::string_view part, std::string_view key, const PartitionMapper& mapper,
                       const Zone* zone);
// Of roll_up: what has come of a window's parts.
struct WindowState {
  std::size_t parts = 0;
  std::size_t came = 0;
  std::size_t needed = 0;
  std::string next_missing;  // the first that has not come; empty: all have
};
// `told`: the keys of events, as they were told.
WindowState state_of_window(std::string_view key, const PartitionMapper& mapper, const Zone* zone,
                            const std::vector<std::string_view>& told);
// Of roll_up: the part that an event of this key is of; nullopt: of none.
std::optional<std::string> part_of_key(std::string_view key, const PartitionMapper& mapper);

// The key of an instant, as clocks of the zone (null: UTC) show it: "2026-03-10T09:30:00" as it is,
// else as map_partition_key() makes of that.
std::string partition_key_of(Time at, const Zone* zone, PartitionGrain grain);

// When what the key tells begins, in the zone; nullopt: it is no time.
OptTime begin_of_partition(std::string_view key, const Zone* zone);
// Of a key that the mapper made: of a product the one dimension that is a time.
OptTime begin_of_partition(std::string_view key, const PartitionMapper& mapper, const Zone* zone);

}  // namespace batuta
