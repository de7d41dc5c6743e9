// The change_hash of histories (layer/history.h): SHA-256 of what a state says.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace batuta::lake {

// SQL of the hash over these columns, by name, each with the SQL of its value. Names and lengths
// stand before the values, so that no two states are one text; what is NULL is left out, so that a
// new column changes no hash. The columns in an order that no contract decides: ascending.
std::string state_hash_sql(std::vector<std::pair<std::string, std::string>> columns);

}  // namespace batuta::lake
