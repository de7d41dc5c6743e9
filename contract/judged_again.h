// Which tables' rows may be taken from the quarantine and judged once more.
#pragma once

#include <string>
#include <vector>

#include "contract/contract.h"

namespace batuta::contract {

// Why rows of the table that were rejected cannot be judged again, with these columns corrected: a
// sentence, with what to do; empty: they can. Pure.
std::string why_not_judged_again(const Table& table, const std::vector<std::string>& corrected);

}  // namespace batuta::contract
