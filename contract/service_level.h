// What a service level says in numbers.
#pragma once

#include <optional>

#include "common/time.h"
#include "contract/contract.h"

namespace batuta::contract {

// "36", "h": as the standard writes how late data may be, in s, m, h, d or w and their longer
// names; nullopt: no such number, or another unit.
std::optional<Duration> duration_of(const ServiceLevel& level);

// Whether it says how old a table may be: "freshness" or "latency", in either case.
bool is_of_age(const ServiceLevel& level);

}  // namespace batuta::contract
