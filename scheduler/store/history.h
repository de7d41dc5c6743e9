// The read side: lists, details, logs' rows. Read-only connections of its own, never the writer's;
// each call is one short read transaction (at most 2 s), paged.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/rows.h"

namespace batuta {

inline constexpr std::int64_t max_page = 1000;

struct Page {
  std::int64_t limit = 50;  // 1..max_page
  std::int64_t offset = 0;
};
template <class Row>
struct PageOf {
  std::vector<Row> rows;
  std::int64_t total = 0;
};

struct RunQuery {
  std::optional<std::string> dag_id;  // nullopt: every DAG ("~")
  std::vector<DagRunState> states;
  std::vector<RunType> types;
  std::optional<std::string> dag_run_id_pattern;  // LIKE pattern, `%` and `_`
  struct Range {
    OptTime gte, gt, lte, lt;
  };
  Range logical_date, run_after, start_date, end_date;
  Range date;  // logical_date, of runs that have none run_after
  // dag_id, dag_run_id (alias run_id), state, run_after, logical_date, start_date, end_date, id;
  // "-" in front = descending. Several apply in order. Unknown: Errc::invalid at the door.
  std::vector<std::string> order_by;
  Page page;
};

struct TaskQuery {
  std::optional<std::string> dag_id;
  std::optional<std::string> dag_run_id;
  std::vector<TaskState> states;
  std::vector<std::string> task_ids;
  std::vector<std::string> pools;
  std::vector<std::string> order_by;  // task_id, state, start_date, end_date, map_index…
  Page page;
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
};

struct EventLogQuery {
  std::optional<std::string> dag_id, dag_run_id, task_id, event, owner;
  std::vector<std::string> included_events;  // empty: all
  std::vector<std::string> excluded_events;
  OptTime before, after;
  bool descending = true;
  Page page;
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
};

// mngt.ingestion_job_execution: an attempt of a data task, with what others know of it. The parameters
// are those the attempt was given, rendered; interval and bucket are its job's.
struct JobExecutionView {
  std::int64_t id = 0;
  JobExecutionRow row;
  OptTime window_start, window_end;  // of the data
  std::string interval, overlap, bucket_name;
};

struct JobConfigView {  // mngt.ingestion_job_config
  std::string job_name, params_json, interval, overlap, bucket_name, updated_by;
  Time created_at, updated_at;
};

// Thread-safe: a small pool of connections inside. Throws StoreError.
class History {
 public:
  virtual ~History() = default;

  virtual PageOf<RunRow> runs(const RunQuery& query) = 0;
  virtual std::optional<RunRow> run(const std::string& dag_id, const std::string& dag_run_id) = 0;

  virtual PageOf<TaskInstanceView> task_instances(const TaskQuery& query) = 0;
  virtual std::optional<TaskInstanceView> task_instance(const std::string& dag_id,
                                                        const std::string& dag_run_id,
                                                        const std::string& task_id) = 0;
  // Every try, oldest first, the newest included.
  virtual std::vector<TaskInstanceView> tries(const std::string& dag_id,
                                              const std::string& dag_run_id,
                                              const std::string& task_id) = 0;

  virtual PageOf<XcomRow> xcoms(RunSeq run, TaskIndex task, const Page& page) = 0;
  virtual std::optional<XcomRow> xcom(RunSeq run, TaskIndex task, const std::string& key) = 0;

  // What a try told about quality and lineage; without a number, the newest try that told anything.
  virtual std::optional<AttemptReportRow> attempt_report(
      RunSeq run, TaskIndex task, std::optional<std::int32_t> try_number) = 0;

  // For the DAG list: summaries of the ids given, in that order; unknown ids are left out.
  virtual std::vector<DagSummary> dag_summaries(const std::vector<std::string>& dag_ids,
                                                int last_runs) = 0;
  // Every DAG ever seen, stale ones included, by id.
  virtual std::vector<DagRow> dags() = 0;
  virtual PageOf<DagVersionView> dag_versions(const std::string& dag_id, const Page& page) = 0;
  virtual std::optional<DagVersionView> dag_version(const std::string& version) = 0;

  virtual PageOf<EventLogView> event_logs(const EventLogQuery& query) = 0;
  virtual std::optional<EventLogView> event_log(std::int64_t id) = 0;

  virtual PageOf<JobExecutionView> job_executions(const std::optional<std::string>& job_name,
                                                  const Page& page) = 0;
  virtual std::vector<JobConfigView> job_configs() = 0;

  virtual std::vector<OutboxRow> outbox(bool dead_only, const Page& page) = 0;
  // Publications not settled, and those of one run (lake history links).
  virtual std::vector<PublicationRow> publications(std::optional<RunSeq> run) = 0;
};

}  // namespace batuta
