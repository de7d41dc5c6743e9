// The embedded store: one SQLite file, one connection that writes and checkpoints.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/store/history.h"
#include "scheduler/store/sqlite.h"
#include "scheduler/store/store.h"

namespace batuta {

// A DAG version as the store keeps it.
struct DagVersionText {
  std::string version;  // hash
  std::string dag_id;
  std::string file;  // relative to the DAG folder
  std::string canonical_json;
  std::string source_text;
};
// Builds the Dag again; dagfile's parser in the program, anything in tests. nullptr when this
// program cannot read the version.
using DagCodec = std::function<std::shared_ptr<const Dag>(const DagVersionText&)>;

// A run that retention took away: its logs may go now.
struct RemovedRun {
  RunSeq seq{};
  Uuid uuid;
};

// Construction, and every call not marked otherwise, on the control thread. Throws StoreError.
class SqliteStore : public Store {
 public:
  // Opens `path` (created, mode 0600, when missing), migrates it, and makes it ready. Refuses,
  // without touching it, a database of a newer program. `now` stamps what is made.
  SqliteStore(const std::string& path, DagCodec codec, Time now);
  ~SqliteStore() override;

  StoredState load() override;
  void commit(const Changes& changes, const std::vector<RenderedRow>& rendered) override;
  std::optional<StoredRun> load_run(const std::string& dag_id,
                                    const std::string& dag_run_id) override;
  std::optional<RunRow> find_run_by_key(const std::string& dag_id,
                                        const std::string& idempotency_key) override;
  std::optional<RunRow> find_run(const std::string& dag_id, const std::string& dag_run_id) override;
  std::optional<RunRow> find_run_by_logical_date(const std::string& dag_id,
                                                 Time logical_date) override;
  std::shared_ptr<const Dag> load_dag_version(const std::string& version) override;
  std::optional<std::string> find_xcom(RunSeq run, TaskIndex task, const std::string& key) override;
  void probe() override;
  // Checkpoints at 16 MiB, and when idle whatever is worth it.
  void maintain(bool idle) override;

  // Made with the database, never changed: `batuta/<store uuid>` is our appId in Delta logs.
  const std::string& store_uuid() const { return store_uuid_; }

  // ---- the log and the file
  // maintain() calls it; `truncate` empties the log too (before a shutdown, in tests).
  bool checkpoint(bool truncate) { return db_.checkpoint(truncate); }
  std::int64_t wal_bytes() const { return db_.wal_bytes(); }

  // ---- the outbox (outbox_rows.cc). Rows are finished through Changes.outbox_done.
  // Not dead, oldest first.
  std::vector<OutboxRow> load_outbox();
  // tries, next_try_at, last_error and dead of a row; false when it is gone.
  bool update_outbox(const OutboxRow& row);
  // By hand: due at once, alive again, tries from 0. nullopt when unknown.
  std::optional<OutboxRow> retry_outbox(std::int64_t id, Time now);
  // Only alerts may be dropped: a publication is data. Errc::not_found, Errc::conflict.
  Status drop_outbox(std::int64_t id);

  // ---- kept beside the runs
  void save_catalogue(const std::vector<PluginInfo>& catalogue);
  // created_at of an existing row stays.
  void save_job_config(const JobConfigView& config);

  // ---- retention (retention.cc): short transactions, each of at most `prune_rows` rows; call
  // again, between turns, while it returns true.
  static constexpr std::int64_t prune_rows = 500;
  // Takes finished runs that ended before `before` out of the lists, then their rows, never a run
  // with a pending publication or an accepted attempt; and DAG versions nobody needs any more.
  bool prune_runs(Time before);
  bool prune_event_log(Time before);
  // Runs whose rows are all gone. Their logs are deleted next, then forget_removed() ends it: a
  // death in between leaves no log behind. At most prune_rows.
  std::vector<RemovedRun> removed_runs();
  void forget_removed(const std::vector<RemovedRun>& runs);

  // For the registry, which writes over the same connection.
  Database& database() { return db_; }

 private:
  std::shared_ptr<const Dag> dag_of(const std::string& version);
  std::vector<TaskInstanceRow> load_tasks(RunSeq run);
  void load_definitions(StoredState& state);
  void load_runs(StoredState& state);
  void load_past(StoredState& state);
  void load_lake(StoredState& state);
  void load_counters(StoredState& state);
  std::optional<RunRow> one_run(Rows rows);
  bool sweep_removed();
  bool prune_versions(Time before);
  void make_store_uuid(Time now);

  Database db_;
  DagCodec codec_;
  std::string store_uuid_;
  std::int64_t probes_ = 0;
  // Versions still alive somewhere, so that a thousand runs of one version share one Dag.
  std::unordered_map<std::string, std::weak_ptr<const Dag>> versions_;
};

// ---- any thread, connections of their own -----------------------------------------------------

// A consistent copy while the store is being written: one file, mode 0600, without the key file.
// Errc::conflict when `to` exists, Errc::internal when it cannot be written (nothing is left then).
Status backup_database(const std::string& from, const std::string& to);

// SQLite's own check of the whole file; empty = sound, else at most 20 findings.
std::vector<std::string> quick_check(const std::string& path);

}  // namespace batuta
