// The read side: lists, details, logs' rows. Read-only connections of its own, never the writer's;
// each call is one short read transaction (at most read_patience), paged.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "scheduler/core/question.h"
#include "scheduler/core/rows.h"
#include "scheduler/rights/sight.h"
#include "scheduler/store/asset_views.h"
#include "scheduler/store/lake_views.h"

namespace batuta {

// Rows of the outbox. Events stand by themselves: a collector that is away holds up nothing else.
struct OutboxCounts {
  std::int64_t pending = 0, dead = 0;  // publications and alerts
  std::int64_t lineage_pending = 0, lineage_dead = 0;
  std::int64_t trace_pending = 0, trace_dead = 0;
};

inline constexpr std::int64_t max_page = 1000;
inline constexpr std::chrono::seconds read_patience{2};

struct Page {
  std::int64_t limit = 50;  // 0..max_page; 0: the total alone
  std::int64_t offset = 0;
};
template <class Row>
struct PageOf {
  std::vector<Row> rows;
  std::int64_t total = 0;
  bool total_is_least = false;  // there may be more: to count them would take too long
};

// One condition of a list. `field` is one that the list knows (history_sql.cc); times are in
// microseconds since 1970, durations in microseconds.
using FilterValue = std::variant<std::int64_t, std::string>;
struct Filter {
  enum class Op { any, none, gte, gt, lte, lt, like, prefix };
  std::string field;
  Op op = Op::any;
  std::vector<FilterValue>
      values;  // any, like, prefix: one of them holds; none: none does; else the first
};

// "-" in front of a name of `order_by` = descending; several apply in order; rows without a value
// come last. A name or field that the list does not know: std::invalid_argument, so that the door
// must check them.
struct RunQuery {
  std::optional<std::string> dag_id;  // nullopt: every DAG ("~")
  std::vector<DagRunState> states;
  struct Range {
    OptTime gte, lte;
  };
  Range date;  // logical_date, of runs that have none run_after
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
  Sight sight{};  // of DAGs: rows of others are neither listed nor counted
};

struct TaskQuery {
  std::optional<std::string> dag_id;
  std::optional<std::string> dag_run_id;
  std::vector<TaskState> states;
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
  Sight sight{};  // of DAGs
};

struct XcomQuery {
  std::optional<std::string> dag_id;
  std::optional<std::string> dag_run_id;
  std::optional<std::string> task_id;
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
  Sight sight{};  // of DAGs
};

// A task instance by the names that people use.
struct InstanceName {
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  MapIndex map_index = unmapped;
};

// A task instance as lists show it: the row and what its run and task say.
struct TaskInstanceView {
  TaskInstanceRow row;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  std::string run_uuid;
  OptTime logical_date;
  Time run_after;
  std::string dag_version;
  std::string rendered_json;  // of the newest try; empty when not kept
  // Of an ended try: the number in its log's name, where its run took another version since, in
  // which the task has another one.
  std::optional<TaskIndex> log_task{};
};

// The states of a run's task instances: those that are named, and one for all others. What is not
// named is not mapped.
struct RunStates {
  struct Named {
    TaskIndex task = 0;  // of the run's DAG version
    MapIndex map_index = unmapped;
    TaskState state = TaskState::none;
  };
  TaskState others = TaskState::none;
  std::vector<Named> named;
};

// What a task instance returned, as lists show it.
struct XcomView {
  XcomRow row;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  OptTime logical_date;
  Time run_after;
};

struct EventLogQuery {
  std::vector<Filter> filters;
  std::vector<std::string> order_by;  // empty: newest first
  Page page;
  Sight sight{};            // of DAGs
  bool without_dag = true;  // events that are of no DAG, too
};
struct EventLogView {
  std::int64_t id = 0;
  EventLogRow row;
};

struct DagSummary {
  DagRow row;
  OptTime last_parsed_time;
  std::vector<RunRow> last_runs;  // newest first, at most `last_runs` of the query
  std::int64_t active_runs = 0;
};

struct DagVersionView {
  std::int64_t number = 0;  // 1, 2, … within the DAG
  std::string version;      // hash
  Time created_at;
  std::string source_text;
  std::string canonical_json;
  std::string dag_id{};
  std::string file{};  // where it was first read
};

// mngt.ingestion_job_execution: an attempt of a data task, with what others know of it. The
// parameters are those the attempt was given, rendered; interval and bucket are its job's.
struct JobExecutionView {
  std::int64_t id = 0;
  JobExecutionRow row;
  OptTime window_start, window_end;  // of the data
  std::string interval, overlap, bucket_name;
};

struct DagVersionQuery {
  std::optional<std::string> dag_id;  // nullopt: of every DAG, each DAG's by themselves
  std::vector<Filter> filters;
  std::vector<std::string> order_by;  // empty: newest first
  Page page;
  Sight sight{};  // of DAGs
};

struct JobConfigView {  // mngt.ingestion_job_config
  std::string job_name, params_json, interval, overlap, bucket_name, updated_by;
  Time created_at, updated_at;
};

struct BackfillQuery {
  std::optional<std::string> dag_id;
  bool unfinished = false;  // only those that are not done
  std::vector<Filter> filters{};
  std::vector<std::string> order_by;  // empty: by id
  Page page;
  Sight sight{};  // of DAGs
};
// What became of a tick, and its run as it is now; no state when the run is gone.
struct BackfillTickView {
  BackfillTickRow row;
  std::string dag_run_id;
  std::optional<DagRunState> state;
};
struct BackfillCounts {
  std::map<TickOutcome, std::int64_t> outcomes;  // of the ticks that are handled
  std::map<DagRunState, std::int64_t> runs;      // of those that it made or ran again
};

// By default in the order in which they were asked. Of each task instance the newest one.
struct QuestionQuery {
  std::optional<std::string> dag_id;
  std::optional<std::string> dag_run_id;
  std::optional<bool> response_received;
  std::vector<TaskState> states;  // of the task instance, as it is now
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
  Sight sight{};  // of DAGs
};
struct QuestionView {
  QuestionRow row;
  std::optional<AnswerRow> answer;
  TaskInstanceView task;  // in lists
};

// An asset is seen by whoever sees a DAG that names it, or one whose task wrote an event of it.
struct AssetQuery {
  std::optional<std::int64_t> id;
  std::vector<std::string> dag_ids;  // only assets that one of these names
  bool only_active = false;          // only assets that a DAG names whose file is there, and tables
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
  Sight sight{};  // of DAGs
};
// By default in the order of their ids. An event is seen by whoever sees the DAG whose task wrote
// it; one that somebody told, by whoever sees its asset.
struct AssetEventQuery {
  std::optional<RunSeq> consumed_by;
  std::optional<std::string> alias;  // only of assets that it stands for
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
  Sight sight{};  // of DAGs
};
// An alias is seen by whoever sees a DAG that names it.
struct AssetAliasQuery {
  std::optional<std::int64_t> id;
  std::vector<std::string> names;  // only these
  std::vector<Filter> filters;
  std::vector<std::string> order_by;
  Page page;
  Sight sight{};  // of DAGs
};
struct QueuedAssetQuery {
  std::optional<std::string> dag_id;
  std::optional<std::int64_t> asset;
  OptTime before;
  Sight sight{};  // of the DAGs that wait
  bool by_partition = false;
};

// Thread-safe: a small pool of connections inside. Throws StoreError.
class History {
 public:
  virtual ~History() = default;

  virtual PageOf<RunRow> runs(const RunQuery& query) = 0;
  virtual std::optional<RunRow> run(const std::string& dag_id, const std::string& dag_run_id) = 0;

  virtual PageOf<TaskInstanceView> task_instances(const TaskQuery& query) = 0;
  virtual std::optional<TaskInstanceView> task_instance(const InstanceName& name) = 0;
  // Of each of these runs, in their order. Not paged. Of ended runs the successes are not read one
  // by one: a run in which all went well costs a look-up.
  virtual std::vector<RunStates> instance_states(const std::vector<RunSeq>& runs) = 0;
  // Every try, oldest first, the newest included.
  virtual std::vector<TaskInstanceView> tries(const InstanceName& name) = 0;

  virtual PageOf<XcomView> xcoms(const XcomQuery& query) = 0;
  virtual std::optional<XcomRow> xcom(const InstanceKey& instance, const std::string& key) = 0;

  // What a try told about quality and lineage; without a number, the newest try that told anything.
  virtual std::optional<AttemptReportRow> attempt_report(
      const InstanceKey& instance, std::optional<std::int32_t> try_number) = 0;

  // From where its next try goes on; that of a task that failed, too.
  virtual std::optional<CheckpointRow> checkpoint(const InstanceKey& instance) = 0;

  // For the DAG list: summaries of the ids given, in that order; unknown ids are left out.
  virtual std::vector<DagSummary> dag_summaries(const std::vector<std::string>& dag_ids,
                                                int last_runs) = 0;
  // Every DAG ever seen, stale ones included, by id.
  virtual std::vector<DagRow> dags() = 0;
  // The DAGs that the user has marked as favourites, by id.
  virtual std::vector<std::string> favorites(const std::string& user) = 0;
  virtual PageOf<DagVersionView> dag_versions(const DagVersionQuery& query) = 0;
  virtual std::optional<DagVersionView> dag_version(const std::string& version) = 0;

  virtual PageOf<EventLogView> event_logs(const EventLogQuery& query) = 0;
  virtual std::optional<EventLogView> event_log(std::int64_t id) = 0;

  // `sight`: of DAGs; of a run that is gone nobody knows which it was.
  virtual PageOf<JobExecutionView> job_executions(const std::optional<std::string>& job_name,
                                                  const Page& page, const Sight& sight) = 0;
  virtual std::vector<JobConfigView> job_configs() = 0;

  virtual PageOf<BackfillRow> backfills(const BackfillQuery& query) = 0;
  virtual std::optional<BackfillRow> backfill(std::int64_t id) = 0;
  virtual PageOf<BackfillTickView> backfill_ticks(std::int64_t id, const Page& page) = 0;
  virtual BackfillCounts backfill_counts(std::int64_t id) = 0;
  // The run of each date, in this order.
  virtual std::vector<std::optional<RunRow>> runs_of_dates(
      const std::string& dag_id, const std::vector<Time>& logical_dates) = 0;

  virtual PageOf<QuestionView> questions(const QuestionQuery& query) = 0;
  // What this try asked.
  virtual std::optional<QuestionView> question(const InstanceKey& instance,
                                               std::int32_t try_number) = 0;

  virtual PageOf<AssetView> assets(const AssetQuery& query) = 0;
  virtual PageOf<AssetEventView> asset_events(const AssetEventQuery& query) = 0;
  virtual PageOf<AssetAliasView> asset_aliases(const AssetAliasQuery& query) = 0;
  // By DAG and asset, or by DAG, partition and asset; not paged, for queues are bounded.
  virtual std::vector<QueuedAssetView> queued_assets(const QueuedAssetQuery& query) = 0;

  virtual PageOf<OutboxRow> outbox(bool dead_only, const Page& page) = 0;
  virtual OutboxCounts outbox_counts() = 0;
  // Publications not settled, and those of one run (lake history links).
  virtual std::vector<PublicationRow> publications(std::optional<RunSeq> run) = 0;

  // What attempts told of this table's quality, however they ended, the newest first. No total: to
  // count them would mean to read them all.
  virtual std::vector<QualityReportView> quality_reports(const std::string& table,
                                                         const Page& page) = 0;
  // What attempts told of any table's quality since then, the oldest first.
  virtual QualityNews quality_news(const ReportMark& since) = 0;
  // Which tables were made of which, as the newest attempts told, the newest first.
  virtual std::vector<LineageEdge> lineage() = 0;
  // The runs that ended after `since`, with the tries of at most `most` of their instances.
  virtual EndedRuns ended_runs(const EndedMark& since, std::int64_t most) = 0;
};

}  // namespace batuta
