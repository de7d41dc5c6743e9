// Upkeep of the embedded store: retention over the writing connection, copies and checks over
// connections of their own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/store/sqlite.h"
#include "scheduler/store/upkeep.h"

namespace batuta {

class SqliteUpkeep : public Upkeep {
 public:
  static constexpr std::int64_t prune_rows = 500;  // at most, in one transaction
  static constexpr std::int64_t least_rows = 8;

  // `db` outlives this.
  explicit SqliteUpkeep(Database& db) : db_(db) {}

  using Upkeep::prune_runs;
  bool prune_runs(Time before, const std::vector<DagRetention>& apart) override;
  bool prune_event_log(Time before) override;
  void take_at_most(std::int64_t rows) override {
    rows_ = std::clamp(rows, least_rows, prune_rows);
  }
  std::vector<RemovedRun> removed_runs() override;
  void forget_removed(const std::vector<RemovedRun>& runs) override;
  bool give_back_space() override;
  ClockSeen clock_seen() override;
  void keep_clock_seen(const ClockSeen& seen) override;
  Status backup(const std::string& to) override;
  std::vector<std::string> check(const std::function<bool()>& stop) override;
  void expect_in_place() override { db_.expect_file(); }

  // What retention asks and does, one statement each, for the test that explains them: none may
  // look at more than it takes away.
  static std::vector<std::string> retention_statements();

 private:
  bool sweep_removed();
  bool remove_expired(Time before, const std::vector<DagRetention>& apart);
  bool remove_apart(const std::vector<DagRetention>& apart);
  std::vector<RemovedRun> expired_of(const DagRetention& dag);
  std::int64_t runs_worth_looking_at() const;
  std::size_t take_out(const std::vector<RemovedRun>& runs);
  bool sweep_below(RunSeq run, std::int64_t tables, std::int64_t& left);
  bool prune_versions(Time before);
  bool prune_asset_events(Time before);
  bool prune_backfill(Time before);
  std::int64_t pragma(const char* sql);  // or of what else is one number

  Database& db_;
  std::int64_t rows_ = prune_rows;          // of the next step
  std::int64_t taken_lately_ = prune_rows;  // runs, and one more
  // What a round of prune_runs() goes on behind: the run that ended last of those looked at, and
  // the DAG version. What must stay is looked at once a round, not at every step.
  std::int64_t end_seen_ = 0, run_seen_ = 0;
  std::size_t apart_seen_ = 0;
  std::int64_t version_seen_ = 0;
  std::int64_t asset_event_seen_ = 0;
};

// For a store whose file was taken away under it: copies what `db` still reads to
// backups/rescued-<time>.db beside it, and leaves a note of it beside the store, so that no later
// start goes on without. What became of it, for people.
std::string rescue_copy(Database& db);
// The note of the store `path`, and the copy that it names, if there is one.
std::string rescue_note(const std::string& path);
std::optional<std::string> rescued_copy(const std::string& path);
// Puts the copy `from` in the place of the store `to`, which nobody may have open; the store that
// is there, its log with it, goes to backups/replaced-<time>.db. The name of that, or empty. It
// belongs to whom the one that was there, else their folder, belongs to.
// Nothing is changed after an error: Errc::not_found, Errc::invalid for what is no sound copy of a
// store.
Result<std::string> restore_database(const std::string& from, const std::string& to, Time now);

// As Upkeep's, of a file that nobody need have open.
Status backup_database(const std::string& from, const std::string& to);
// `stop` is asked now and then: true ends the check with StoreError (full).
std::vector<std::string> quick_check(const std::string& path,
                                     const std::function<bool()>& stop = {});

}  // namespace batuta
