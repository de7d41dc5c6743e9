// All tables of a lake looked after, as far as each needs it and as long as there is time: what the
// task that does it by itself runs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lakelog/rewrite.h"
#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

using stores::Lake;

// Rows of a table that go by their age; see expire.h.
struct ExpireRule {
  std::string table, column, before;
};

struct MaintainOptions {
  std::vector<std::string> tables{};  // none: all of the lake
  // A table is rewritten when at least so many files would go by it.
  std::int64_t small_files = 32;
  std::int64_t target_bytes = lakelog::default_target_bytes;
  std::int64_t table_bytes = 16LL << 30;  // rewritten of one table in a call
  std::int64_t checkpoint_every = 32;     // versions
  std::vector<ExpireRule> expire{};       // of contracts; of tables that are looked at alone
  bool dry_run = false;  // only what `expire` would do is told, nothing else is done
  std::string scratch{};
  std::string info_json{};  // who did it; see lakelog::Change
  std::function<void(const std::string&)> say{};
  std::function<bool()> out_of_time{};  // asked between steps; null = never
  std::function<bool()> cancelled{};
};

struct MaintainResult {
  std::int64_t tables = 0;     // looked at
  std::int64_t optimized = 0;  // tables
  std::int64_t vacuumed = 0;   // tables of which files went
  std::int64_t checkpoints = 0;
  std::int64_t expired_tables = 0, expired_rows = 0;  // that lost rows by their age; with dry_run,
                                                      // that would
  std::int64_t old_files = 0, new_files = 0;          // by rewriting
  std::int64_t deleted_files = 0, deleted_bytes = 0, deleted_entries = 0;
  std::int64_t left = 0;             // tables for which there was no time: first the next time
  std::vector<std::string> skipped;  // "table: why", those that we may not write among them
  std::vector<std::string> failed;   // "table: why": the disk said no
};

// Rows that are too old go before a table's files are held together. The tables with most to gain
// come first, so that a call that runs out of time has done most. One table's trouble is not
// another's. Each step stands by itself: see optimize(), lakelog::vacuum() and
// lakelog::clean_log(), with each table's own retentions.
MaintainResult maintain(Session& session, const Lake& lake, const MaintainOptions& options);

}  // namespace batuta::lake
