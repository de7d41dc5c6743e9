// The store as plain maps: what the simulator and unit tests commit to. It makes the same checks as
// the SQLite store and can be told how each commit ends, so that every fate of a write is testable.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/store/store.h"

namespace batuta {

// How one commit ends. The last three are unknown to the caller: durable; not durable; durable, and
// last_turn() cannot be read before the next probe that works.
enum class CommitFate : std::uint8_t { ok, fails_unapplied, fails_applied, lost, lost_in_silence };

// Single-threaded, like every Store. "Durable" means that it survives the caller's own state.
class MemoryStore : public Store {
 public:
  using XcomId = std::pair<InstanceKey, std::string>;
  using RunName = std::pair<std::string, std::string>;  // dag_id, then dag_run_id or key

  // All that is kept; read freely, changed only through the Store.
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
    std::map<InstanceKey, WaitRow> waits;
    std::map<InstanceKey, CheckpointRow> checkpoints;
    struct Question {
      QuestionRow row;
      std::optional<AnswerRow> answer;
    };
    std::map<std::pair<InstanceKey, std::int32_t>, Question> questions;     // by try
    std::multiset<std::tuple<std::string, std::string, Time>> rate_starts;  // DAG, key, when
    std::map<std::tuple<std::string, std::string, std::int32_t>, StreakRow> streaks;
    std::map<XcomId, XcomRow> xcoms;
    std::vector<AttemptRow> attempts;
    std::map<AttemptKey, JobExecutionRow> job_executions;
    std::map<AttemptKey, AttemptReportRow> attempt_reports;
    std::map<std::int64_t, OutboxRow> outbox;
    std::vector<EventLogRow> event_log;
    std::vector<RenderedRow> rendered;
    std::map<std::int64_t, BackfillRow> backfills;  // done ones too
    std::vector<BackfillTickRow> backfill_ticks;
    std::map<std::int64_t, AssetRow> assets;
    std::map<std::string, std::vector<AssetRefRow>> asset_refs;  // by DAG
    std::map<std::int64_t, AssetEventRow> asset_events;
    std::map<std::int64_t, AssetAliasRow> asset_aliases;
    std::map<std::string, std::vector<AssetRefRow>> asset_alias_refs;  // by DAG
    std::set<AssetAliasLink> asset_alias_links;
    std::map<std::int64_t, AssetWatcherRow> asset_watchers;
    std::map<UnqueuedAssetEvent, QueuedAssetEvent> asset_queue;
    std::set<std::pair<RunSeq, std::int64_t>> asset_events_consumed;
    std::vector<PluginInfo> catalogue;
    std::map<std::string, JobConfigView> job_configs;
    Epoch epoch{};
    std::int64_t last_turn = 0;
    std::int64_t last_run_seq = 0;
    std::int64_t last_instance = 0;
    std::int64_t last_publication = 0;
    std::int64_t last_outbox = 0;
    std::int64_t last_backfill = 0;
    std::int64_t last_asset = 0;
    std::int64_t last_asset_event = 0;
    std::int64_t last_asset_alias = 0;
    std::int64_t last_asset_watcher = 0;
  };

  // Asked once per commit and probe; null = always ok. Failing ones are `retry` and `unknown`; a
  // probe that fails throws StoreError(full).
  using FateSource = std::function<CommitFate()>;
  explicit MemoryStore(FateSource fates = nullptr) : fates_(std::move(fates)) {}

  Lead lead() override;
  StoredState load() override;
  Answers read(const Questions& questions) override;
  CommitResult commit(const Changes& changes, const std::vector<RenderedRow>& rendered,
                      const TurnId& turn) override;
  std::int64_t last_turn() override;
  void probe() override;
  void maintain(bool) override {}
  const std::string& store_uuid() const override { return uuid_; }
  void finish_outbox(const std::vector<std::int64_t>& ids) override {
    for (const std::int64_t id : ids) data_.outbox.erase(id);
  }
  bool update_outbox(const OutboxRow& row) override;
  std::optional<OutboxRow> retry_outbox(std::int64_t id, Time now) override;
  Status drop_outbox(std::int64_t id) override;
  void save_catalogue(const std::vector<PluginInfo>& catalogue) override {
    data_.catalogue = catalogue;
  }
  void save_job_configs(const std::vector<JobConfigView>& configs) override;

  const Data& data() const { return data_; }
  // How the newest commit or probe ended.
  CommitFate last_fate() const { return last_fate_; }
  // The row of a task instance, or what it would be in a run without rows; nullopt when unknown.
  std::optional<TaskInstanceRow> find_task(const InstanceKey& instance) const;

 private:
  const StoredRun* find_run(const Questions::Name& name) const;
  void load_past(StoredState& stored) const;
  void apply_dags(const Changes& changes);
  void apply_runs(const Changes& changes);
  void apply_tasks(const Changes& changes);
  void move_tasks(const Changes::RunRepinned& change);
  void apply_lake(const Changes& changes);
  void apply_assets(const Changes& changes);
  void apply_aliases(const Changes& changes);
  std::vector<Duration> runtimes_of(const std::string& dag_id) const;
  void apply_logs(const Changes& changes);
  void apply_deletions(const Changes& changes);
  void create_run(const RunRow& row);
  void delete_run(RunSeq seq);

  CommitFate draw_fate();

  const std::string uuid_ = "00000000-0000-7000-8000-000000000000";
  FateSource fates_;
  CommitFate last_fate_ = CommitFate::ok;
  bool silent_ = false;  // since a commit that was lost in silence
  Data data_;
};

}  // namespace batuta
