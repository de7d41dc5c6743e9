// Keys of partitions: which part of an asset an event, or a run, is about. Any line of text is one;
// of keys that are times, written from the year on as far as they go ("2026", "2026-03",
// "2026-03-10", "2026-03-10T09", "2026-03-10T09:30:00"), grains are known.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.h"
#include "scheduler/core/asset.h"
#include "scheduler/core/cron.h"

namespace batuta {

// "hour", "day", …; "as_it_is".
std::string_view to_string(PartitionGrain grain);
std::optional<PartitionGrain> parse_grain(std::string_view text);

// Why a text is no key; empty when it is one: 1 to max_partition_key bytes without control
// characters.
std::string fault_of_partition_key(std::string_view key);

// The key of what the part belongs to: of grain day "2026-03-10" of "2026-03-10T09:30:00", of week
// its ISO week "2026-W11", of quarter "2026-Q1". A grain keeps what it made ("2026-W11" by week).
// nullopt: the key is no time, or coarser than the grain.
std::optional<std::string> map_partition_key(std::string_view key, PartitionGrain grain);

// The key of an instant, as clocks of the zone (null: UTC) show it: "2026-03-10T09:30:00" as it is,
// else as map_partition_key() makes of that.
std::string partition_key_of(Time at, const Zone* zone, PartitionGrain grain);

// When what the key tells begins, in the zone; nullopt: it is no time.
OptTime begin_of_partition(std::string_view key, const Zone* zone);

}  // namespace batuta
