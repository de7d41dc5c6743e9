// A person's statement that a server runs: who waits for it at a terminal sees how far it is.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/cli/client.h"

namespace batuta::cli {

// A new query_id, for statements to be told apart by.
std::string new_query_id();

// Calls `ask`, which sends the statement of that query_id and waits for its answer. Meanwhile,
// where standard error is a terminal, a line there says each second what the server tells of it; a
// server that tells nothing, as one before this command's version, leaves it empty. Throws what
// `ask` throws; the line is gone on return.
void ask_with_progress(const Client& client, const std::string& query_id,
                       const std::function<void()>& ask);

// What the line says of the list of GET /api/lake/sql; empty: the statement is not in it.
std::string statement_line(const nlohmann::json& list, const std::string& query_id);
// The same of a statement that runs here and is so many percent done.
std::string statement_line(int percent);

}  // namespace batuta::cli
