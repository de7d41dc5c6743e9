// What monitors see: of tables their logs, of quality and tasks what the platform tells.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "monitor/judge.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

// Of a table: whether it is there, when its rows last changed, what its newest versions wrote, its
// columns. What only holds files together or deletes old ones changes nothing. A table that cannot
// be read is told in `trouble`. `versions`: of data, at most. Throws what the session throws.
monitor::Sight look_at_table(Session& session, const Lake& lake, const std::string& table,
                             std::size_t versions);

// What the platform tells (scheduler/api/lake_facts.h):
//   {"quality": [{"table", "at", "results": [{"rule","severity","checked","failed","passed"}]}],
//    "tasks": [{"dag", "task", "failed", "error"}],
//    "lags": [{"connection", "topic", "group", "records", "lost", "trouble"}],
//    "costs": [{"target", "window_seconds", "runs", "cpu_seconds", "scanned_bytes", "stored_bytes",
//               "unmeasured", "more", "size_unknown", "trouble"}]}
// null: nothing, which `trouble` then says.
monitor::Sight look_at_quality(const nlohmann::json& platform, const std::string& table);
monitor::Sight look_at_tasks(const nlohmann::json& platform, const std::string& dag);
monitor::Sight look_at_lag(const nlohmann::json& platform, const monitor::Monitor& of);
monitor::Sight look_at_cost(const nlohmann::json& platform, const monitor::Monitor& of);

}  // namespace batuta::lake
