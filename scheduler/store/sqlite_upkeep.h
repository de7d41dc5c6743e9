// Upkeep of the embedded store: retention over the writing connection, copies and checks over
// connections of their own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/store/sqlite.h"
#include "scheduler/store/upkeep.h"

namespace batuta {

class SqliteUpkeep : public Upkeep {
 public:
  static constexpr std::int64_t prune_rows = 500;  // at most, in one transaction

  // `db` outlives this.
  explicit SqliteUpkeep(Database& db) : db_(db) {}

  bool prune_runs(Time before) override;
  bool prune_event_log(Time before) override;
  std::vector<RemovedRun> removed_runs() override;
  void forget_removed(const std::vector<RemovedRun>& runs) override;
  bool give_back_space() override;
  Status backup(const std::string& to) override;
  std::vector<std::string> check() override;

 private:
  bool sweep_removed();
  bool prune_versions(Time before);
  std::int64_t pragma(const char* sql);

  Database& db_;
  std::int64_t version_seen_ = 0;  // the DAG version that prune_versions() goes on behind
};

// As Upkeep's, of a file that nobody need have open.
Status backup_database(const std::string& from, const std::string& to);
std::vector<std::string> quick_check(const std::string& path);

}  // namespace batuta
