// Keys of pseudonyms and what contracts say of persons' columns, for the verbs that work on the
// lake's files. Internal to this room.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace batuta::cli {

// The key of pseudonyms, from where it is written: env:NAME or file:/path. Throws Failure (2),
// which names the option, where there is none, or one of fewer than 16 characters.
std::string mask_key_of(const std::string& option, const std::string& place);

// What contracts say of columns: what sources call them, which type silver has, what it masks, and
// of CSV files, each by table: {"columns": {"shop/orders": …}, "csv": {"shop/orders": …}}. Of the
// contracts in these folders, ./contracts where none is named. `mask_key`: only of tables whose key
// of pseudonyms that connection holds. Throws Failure for a contract that cannot be read.
nlohmann::json contract_facts(std::vector<std::string> folders, const std::string& mask_key = {});

}  // namespace batuta::cli
