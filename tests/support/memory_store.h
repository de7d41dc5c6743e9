// The store as plain maps: what the simulator and unit tests commit to. It makes the same checks as
// the SQLite store and can be told how each commit ends, so that every fate of a write is testable.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "scheduler/store/store.h"

namespace batuta {

// How one commit ends. The last is the unknown outcome: durable, but the caller is told otherwise.
enum class CommitFate : std::uint8_t { ok, fails_unapplied, fails_applied };

// Single-threaded, like every Store. "Durable" means that it survives the caller's own state.
class MemoryStore : public Store {
 public:
  using XcomId = std::tuple<RunSeq, TaskIndex, std::string>;
  using RunName = std::pair<std::string, std::string>;  // dag_id, then dag_run_id or key

  // All that is kept; read freely, changed only by commit() and the two calls below.
  struct Data {
    std::map<std::string, DagRow> dags;
    std::map<std::string, std::shared_ptr<const Dag>> dag_versions;
    std::map<RunSeq, StoredRun> runs;  // finished ones too
    std::map<RunName, RunSeq> run_ids;
    std::map<RunName, RunSeq> run_keys;  // by idempotency key
    std::map<std::pair<std::string, Time>, RunSeq> run_dates;
    std::map<std::string, PoolRow> pools;
    std::map<std::string, TableRow> tables;
    std::map<std::int64_t, PublicationRow> publications;  // settled and refused ones too
    std::map<AttemptKey, AcceptedRow> accepted;
    std::map<std::pair<std::string, std::string>, WatermarkRow> watermarks;
    std::map<XcomId, XcomRow> xcoms;
    std::vector<AttemptRow> attempts;
    std::map<AttemptKey, JobExecutionRow> job_executions;
    std::map<AttemptKey, AttemptReportRow> attempt_reports;
    std::map<std::int64_t, OutboxRow> outbox;
    std::vector<EventLogRow> event_log;
    std::vector<RenderedRow> rendered;
    std::vector<PluginInfo> catalogue;
    std::int64_t last_run_seq = 0;
    std::int64_t last_publication = 0;
    std::int64_t last_outbox = 0;
  };

  // Asked once per commit and probe; null = always ok. A failing fate throws StoreError(full).
  using FateSource = std::function<CommitFate()>;
  explicit MemoryStore(FateSource fates = nullptr) : fates_(std::move(fates)) {}

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
  void maintain(bool idle) override;

  const Data& data() const { return data_; }
  // How the newest commit or probe ended.
  CommitFate last_fate() const { return last_fate_; }
  // The row of a task instance, or nullptr.
  const TaskInstanceRow* find_task(RunSeq run, TaskIndex task) const;
  // The outbox's own bookkeeping: an alert was delivered (or given up).
  void outbox_finished(std::int64_t id) { data_.outbox.erase(id); }
  void set_catalogue(std::vector<PluginInfo> catalogue) { data_.catalogue = std::move(catalogue); }

 private:
  void load_past(StoredState& stored) const;
  void apply_dags(const Changes& changes);
  void apply_runs(const Changes& changes);
  void apply_tasks(const Changes& changes);
  void apply_lake(const Changes& changes);
  void apply_logs(const Changes& changes);
  void create_run(const Changes::NewRun& created);
  void delete_run(RunSeq seq);

  CommitFate draw_fate();

  FateSource fates_;
  CommitFate last_fate_ = CommitFate::ok;
  Data data_;
};

}  // namespace batuta
