// What changes from one version of a contract to the next, and whether the tables that stand can
// follow.
#pragma once

#include <string>
#include <vector>

#include "contract/contract.h"

namespace batuta::contract {

struct Change {
  std::string what;     // "table orders, column price": where it is
  std::string message;  // "the type becomes decimal(18,4) from decimal(18,2)"
  // The tables that are there can take it on as they are: a column that may be NULL, a wider type,
  // whatever judges or describes. Otherwise `message` says what to do.
  bool compatible = true;
  bool operator==(const Change&) const = default;
};

// In the order of the new contract; what is gone comes last. Empty: they say the same.
std::vector<Change> diff(const Contract& before, const Contract& after);

// Of two descriptions of one table.
std::vector<Change> diff(const Table& before, const Table& after);

}  // namespace batuta::contract
