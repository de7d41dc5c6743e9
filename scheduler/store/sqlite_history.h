// History over read-only connections to the store's file. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "scheduler/store/history.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

// Construct after the SqliteStore of the same path. Every call waits up to `patience` for a free
// connection, then reads one snapshot for at most `patience`; a call that needs longer ends with a
// StoreError (too_slow; HTTP: 503), so that no reader holds the log up.
class SqliteHistory : public History {
 public:
  struct Options {
    int connections = 3;  // as many as the API has reader threads: none waits for another
    Duration patience = read_patience;
  };
  explicit SqliteHistory(const std::string& path);
  SqliteHistory(const std::string& path, Options options);
  ~SqliteHistory() override;

  PageOf<RunRow> runs(const RunQuery& query) override;
  std::optional<RunRow> run(const std::string& dag_id, const std::string& dag_run_id) override;
  PageOf<TaskInstanceView> task_instances(const TaskQuery& query) override;
  std::optional<TaskInstanceView> task_instance(const InstanceName& name) override;
  std::vector<RunStates> instance_states(const std::vector<RunSeq>& runs) override;
  std::vector<TaskInstanceView> tries(const InstanceName& name) override;
  PageOf<XcomView> xcoms(const XcomQuery& query) override;
  std::optional<XcomRow> xcom(const InstanceKey& instance, const std::string& key) override;
  std::optional<AttemptReportRow> attempt_report(const InstanceKey& instance,
                                                 std::optional<std::int32_t> try_number) override;
  std::optional<CheckpointRow> checkpoint(const InstanceKey& instance) override;
  std::vector<DagSummary> dag_summaries(const std::vector<std::string>& dag_ids,
                                        int last_runs) override;
  std::vector<DagRow> dags() override;
  std::vector<std::string> favorites(const std::string& user) override;
  PageOf<DagVersionView> dag_versions(const DagVersionQuery& query) override;
  std::optional<DagVersionView> dag_version(const std::string& version) override;
  PageOf<EventLogView> event_logs(const EventLogQuery& query) override;
  std::optional<EventLogView> event_log(std::int64_t id) override;
  PageOf<JobExecutionView> job_executions(const std::optional<std::string>& job_name,
                                          const Page& page, const Sight& sight) override;
  std::vector<JobConfigView> job_configs() override;
  PageOf<BackfillRow> backfills(const BackfillQuery& query) override;
  std::optional<BackfillRow> backfill(std::int64_t id) override;
  PageOf<BackfillTickView> backfill_ticks(std::int64_t id, const Page& page) override;
  BackfillCounts backfill_counts(std::int64_t id) override;
  std::vector<std::optional<RunRow>> runs_of_dates(const std::string& dag_id,
                                                   const std::vector<Time>& logical_dates) override;
  PageOf<QuestionView> questions(const QuestionQuery& query) override;
  std::optional<QuestionView> question(const InstanceKey& instance,
                                       std::int32_t try_number) override;
  PageOf<AssetView> assets(const AssetQuery& query) override;
  PageOf<AssetEventView> asset_events(const AssetEventQuery& query) override;
  PageOf<AssetAliasView> asset_aliases(const AssetAliasQuery& query) override;
  std::vector<QueuedAssetView> queued_assets(const QueuedAssetQuery& query) override;
  PageOf<OutboxRow> outbox(bool dead_only, const Page& page) override;
  OutboxCounts outbox_counts() override;
  std::vector<PublicationRow> publications(std::optional<RunSeq> run) override;
  std::vector<QualityReportView> quality_reports(const std::string& table,
                                                 const Page& page) override;
  QualityNews quality_news(const ReportMark& since) override;
  std::vector<LineageEdge> lineage() override;
  EndedRuns ended_runs(const EndedMark& since, std::int64_t most) override;

  // Ends every read that is under way, with a StoreError, and refuses all that come after: the
  // server ends, and nobody waits for a long one. Any thread.
  void stop() { stopped_ = true; }

 private:
  class Reader;  // one connection, held for one call

  Options options_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Database>> idle_;  // guarded by mutex_
};

}  // namespace batuta
