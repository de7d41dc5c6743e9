// How long a contract's rows stay in the lake.
#pragma once

#include <string>
#include <vector>

#include "common/time.h"
#include "contract/contract.h"

namespace batuta::contract {

// Which rows of one table of the lake go.
struct Expiry {
  std::string table;   // "silver/shop/orders"
  std::string column;  // a date or an instant
  std::string before;  // "2023-11-28": those of earlier days (UTC); NULL stays
  bool operator==(const Expiry&) const = default;
};

// "2023-11-28": the first day (UTC) that is kept.
std::string first_day_kept(const Retention& retention, Time now);

// What the retention of the table that is called `path` ("shop/orders") comes to at `now`; nothing
// where batuta.retention names no layer.
std::vector<Expiry> expiries(const Table& table, const std::string& path, Time now);

}  // namespace batuta::contract
