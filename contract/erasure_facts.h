// What an erasure (lake_erase) is told of a table, so that it finds a person in every layer.
#pragma once

#include <string>

#include "contract/contract.h"

namespace batuta::contract {

// {"columns": {"cpf": {"source": "NR_CPF", "type": "string", "mask": "pseudonym", "format": "",
//   "timezone": ""}…}, "csv": {"delimiter", "quote", "encoding"} or null}: what the source calls a
// column, which type silver has, how it reads dates, what it masks, and how CSV files are read.
std::string erasure_facts_json(const Table& table);

}  // namespace batuta::contract
