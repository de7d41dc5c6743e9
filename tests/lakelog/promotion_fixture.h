// Tables that are published in a lake in memory or on a branch of it, and promoted as an attempt
// and the outbox do it.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lakelog/promotion.h"
#include "tests/lakelog/branch_fixture.h"

namespace batuta::lakelog {

// The names of the files of a table's newest version, each of which is there.
std::string names_of(Storage& storage, const std::string& table);

// A file `name` of a table, in the lake, or where `branch` is given on it; `change` has the
// payload.
Result<Published> publish_file(MemoryStorage& lake, const Branch* branch, const std::string& table,
                               const std::string& name,
                               const std::function<void(nlohmann::json&)>& change = {});
void must_publish(MemoryStorage& lake, const Branch* branch, const std::string& table,
                  const std::string& name, const std::function<void(nlohmann::json&)>& change = {});

// All that may go is handed in, then published one by one. `attempt` makes the publications' names.
Status promote(MemoryStorage& lake, const Branch& branch, const std::string& attempt = "promote");
void must_promote(MemoryStorage& lake, const Branch& branch);

// How many versions of a table a promotion has made.
std::int64_t promotions(MemoryStorage& lake, const std::string& table);

// The one table that a promotion would look at.
PromotedTable looked(MemoryStorage& lake, const Branch& branch);

}  // namespace batuta::lakelog
