// The assertions of a truth manifest (simulation.h), row by row. Internal to this room.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/time.h"

namespace batuta::demo {

std::string day_text(std::chrono::sys_days day);  // "2026-03-02"
std::string cents_text(std::int64_t cents);       // "-0.50"
// a / b to the nearest whole number, halves up; not negative.
__extension__ typedef __int128 Wide;
std::int64_t rounded(Wide a, Wide b);

// `out` is the list of assertions; `rows` a list of lists of texts and nulls, in the query's order.
void assert_rows(nlohmann::json& out, const std::string& name, const std::string& query,
                 nlohmann::json rows);
void assert_count(nlohmann::json& out, const std::string& table, std::int64_t count);
// The table, and its history's states that still hold.
void assert_count_with_history(nlohmann::json& out, const std::string& table, std::int64_t count);
// The table's column of texts and how many rows each has; nothing when there are none.
void assert_counts_by(nlohmann::json& out, const std::string& table, const std::string& column,
                      const std::map<std::string, std::int64_t>& counts);
// The table of dead letters: how many different messages each reason has, however often one was
// sent; nothing when there are none.
void assert_letters(nlohmann::json& out, const std::string& table,
                    const std::map<std::string, std::int64_t>& counts);

}  // namespace batuta::demo
