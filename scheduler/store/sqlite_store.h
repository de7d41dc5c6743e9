// The embedded store: one SQLite file, one connection that writes and checkpoints.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/store/end_order.h"
#include "scheduler/store/run_tally.h"
#include "scheduler/store/sqlite.h"
#include "scheduler/store/store.h"

namespace batuta {

// Construction, and every call not marked otherwise, on the control thread. Throws StoreError.
class SqliteStore : public Store {
 public:
  // Opens `path` (created, mode 0600, when missing), migrates it, and makes it ready. Refuses,
  // without touching it, a database of a newer program. `now` stamps what is made.
  SqliteStore(const std::string& path, DagCodec codec, Time now);
  ~SqliteStore() override;

  Lead lead() override;
  StoredState load() override;
  Answers read(const Questions& questions) override;
  CommitResult commit(const Changes& changes, const std::vector<RenderedRow>& rendered,
                      const TurnId& turn) override;
  std::int64_t last_turn() override;
  void probe() override;
  // Checkpoints at 16 MiB, and when idle whatever is worth it.
  void maintain(bool idle) override;
  const std::string& store_uuid() const override { return store_uuid_; }

  void finish_outbox(const std::vector<std::int64_t>& ids) override;
  bool update_outbox(const OutboxRow& row) override;
  std::optional<OutboxRow> retry_outbox(std::int64_t id, Time now) override;
  Status drop_outbox(std::int64_t id) override;
  void save_catalogue(const std::vector<PluginInfo>& catalogue) override;
  void save_job_configs(const std::vector<JobConfigView>& configs) override;

  // maintain() calls it; `truncate` empties the log too (before a shutdown, in tests).
  bool checkpoint(bool truncate) { return db_.checkpoint(truncate); }
  std::int64_t wal_bytes() const { return db_.wal_bytes(); }

  // For the registry and the upkeep, which write over the same connection.
  Database& database() { return db_; }

 private:
  std::shared_ptr<const Dag> load_dag_version(const std::string& version);  // null: unknown
  std::shared_ptr<const Dag> dag_of(const std::string& version);
  void write_turn(const Changes& changes, const std::vector<RenderedRow>& rendered,
                  const TurnId& turn);
  void load_backfills(StoredState& state);
  void load_tasks(StoredRun& run);  // run and dag are set
  void load_definitions(StoredState& state);
  void load_runs(StoredState& state);
  void load_past(StoredState& state);
  std::vector<Duration> load_runtimes(const std::string& dag_id);
  void load_lake(StoredState& state);
  void load_counters(StoredState& state);
  std::vector<OutboxRow> load_outbox();
  std::optional<RunRow> find_run(const Questions::Name& name);
  std::optional<StoredRun> load_run(const Questions::Name& name);
  std::optional<StoredRun> with_tasks(std::optional<RunRow> run);
  void make_store_uuid(Time now);
  [[noreturn]] void throw_replaced(Epoch ours);
  std::int64_t meta_number(const char* key);  // 0 when it is not there

  Database db_;
  DagCodec codec_;
  std::string store_uuid_;
  std::int64_t probes_ = 0;
  // Versions still alive somewhere, so that a thousand runs of one version share one Dag.
  std::unordered_map<std::string, std::weak_ptr<const Dag>> versions_;
  RunTallies tallies_;
  EndOrder ends_;
};

}  // namespace batuta
