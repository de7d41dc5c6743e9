// A temporary folder, a small DAG, and rows with every field set to something recognisable.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "scheduler/store/sqlite_store.h"

namespace batuta::test {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "batuta-store-XXXXXX").string();
    BATUTA_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline Time at(std::int64_t seconds) {
  return Time(std::chrono::seconds(1'700'000'000 + seconds));
}

inline Uuid uuid_of(std::int64_t n) {
  Uuid id;
  for (int i = 0; i < 8; ++i) id.bytes[15 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  id.bytes[0] = 0xb0;
  return id;
}

// A DAG whose canonical text is its task ids, one to a line.
inline std::shared_ptr<const Dag> make_dag(const std::string& id, const std::string& version,
                                           int tasks = 3) {
  auto dag = std::make_shared<Dag>();
  dag->id = id;
  dag->version = version;
  dag->file = id + ".json";
  dag->source_text = "source of " + version;
  for (int i = 0; i < tasks; ++i) {
    Task& task = dag->tasks.emplace_back();
    task.id = "task_" + std::to_string(i);
    task.pool = i % 2 == 0 ? "default_pool" : "small";
    dag->canonical_json += task.id + "\n";
  }
  return dag;
}

inline std::shared_ptr<const Dag> decode_dag(const DagVersionText& text) {
  auto dag = std::make_shared<Dag>();
  dag->id = text.dag_id;
  dag->version = text.version;
  dag->file = text.file;
  dag->canonical_json = text.canonical_json;
  dag->source_text = text.source_text;
  std::istringstream lines(text.canonical_json);
  for (std::string line; std::getline(lines, line);) {
    Task& task = dag->tasks.emplace_back();
    task.id = line.substr(0, line.find(' '));
    task.depends_on_past = line.ends_with("depends_on_past");
  }
  return dag;
}

inline std::unique_ptr<SqliteStore> open_store(const std::string& path) {
  return std::make_unique<SqliteStore>(path, decode_dag, at(0));
}

inline RunRow make_run(std::int64_t seq, const std::string& dag_id = "etl",
                       const std::string& version = "v1") {
  RunRow r;
  r.seq = RunSeq{seq};
  r.uuid = uuid_of(seq);
  r.dag_id = dag_id;
  r.dag_run_id = "run_" + std::to_string(seq);
  r.dag_version = version;
  r.state = DagRunState::running;
  r.run_after = at(seq * 60);
  r.queued_at = at(seq * 60 + 1);
  r.start_date = at(seq * 60 + 2);
  r.triggered_by = "test";
  return r;
}

// Every field differs from its default.
inline RunRow make_full_run(std::int64_t seq) {
  RunRow r = make_run(seq);
  r.type = RunType::scheduled;
  r.logical_date = at(seq * 60);
  r.data_interval_start = at(seq * 60 - 60);
  r.data_interval_end = at(seq * 60);
  r.last_scheduling_decision = at(seq * 60 + 3);
  r.conf_json = R"({"a":"ünï\u0000"})";
  r.conf_start = at(7);
  r.conf_end = at(8);
  r.note = "a note";
  r.triggering_user = "ana";
  r.idempotency_key = "key-" + std::to_string(seq);
  r.request_digest = "digest";
  r.reason = "because";
  r.clear_number = 2;
  r.ending = DagRunState::failed;
  r.deadlines_missed = 5;
  r.is_paused = true;
  r.keys_known = true;
  r.concurrency_key = "acme";
  r.rate_key = "eu";
  r.branch = "fix/0123456789abcdef";
  r.partition_key = "2026-03-10";
  r.partition_date = at(77);
  r.average_runtime = Duration(90);
  r.backfill = 4;
  r.backfill_tick = 2;
  return r;
}

// Of task 1, mapped; on_reject and the answer aside, every field differs from its default.
inline QuestionRow make_question(std::int64_t run, std::int32_t try_number = 1) {
  QuestionRow q;
  q.run = RunSeq{run};
  q.task = 1;
  q.map_index = MapIndex{2};
  q.try_number = try_number;
  q.subject = "Deploy?";
  q.body = "to *production*";
  q.options = {"Approve", "Reject"};
  q.defaults = {"Reject"};
  q.default_input_json = R"({"n":1})";
  q.on_reject = OnReject::skip_all;
  q.multiple = true;
  q.params_json = R"({"n":{"default":1}})";
  q.assigned_users = {"ana", "rita \"the boss\""};
  q.created_at = at(60);
  q.deadline = at(70);
  return q;
}

inline AnswerRow make_answer(const QuestionRow& q) {
  AnswerRow a;
  a.run = q.run;
  a.task = q.task;
  a.map_index = q.map_index;
  a.try_number = q.try_number;
  a.responded_at = at(65);
  a.responded_by = "ana";
  a.chosen_options = {"Approve"};
  a.params_input_json = R"({"n":2})";
  return a;
}

inline BackfillRow make_full_backfill(std::int64_t id, const std::string& version) {
  BackfillRow b;
  b.id = id;
  b.dag_id = "etl";
  b.dag_version = version;
  b.from_date = at(1);
  b.to_date = at(9);
  b.run_backwards = true;
  b.reprocess = Reprocess::completed;
  b.max_active_runs = 3;
  b.latest_version = false;
  b.conf_json = R"({"a":1})";
  b.conf_start = at(2);
  b.conf_end = at(3);
  b.is_paused = true;
  b.phase = BackfillPhase::draining;
  b.ticks = 8;
  b.done = 2;
  b.cursor = at(4);
  b.created_at = at(10);
  b.updated_at = at(11);
  b.completed_at = at(12);
  b.user = "ana";
  b.branch = "fix/0123456789abcdef";
  return b;
}

inline TaskInstanceRow make_task(std::int64_t run, TaskIndex task,
                                 TaskState state = TaskState::none) {
  TaskInstanceRow r;
  r.id = run * 100'000 + task + 1;
  r.run = RunSeq{run};
  r.task = task;
  r.state = state;
  r.max_tries = 2;
  return r;
}

inline TaskInstanceRow make_full_task(std::int64_t run, TaskIndex task) {
  TaskInstanceRow r = make_task(run, task, TaskState::up_for_retry);
  r.fence = 5;
  r.try_number = 4;
  r.max_tries = 6;
  r.failures = 1;
  r.losses = 2;
  r.conflicts = 3;
  r.scheduled_at = at(1);
  r.queued_at = at(2);
  r.start_date = at(3);
  r.end_date = at(4);
  r.retry_at = at(5);
  r.window_start = at(6);
  r.window_end = at(7);
  r.worker = "agent";
  r.hostname = "host";
  r.slot = "slot-1";
  r.reason = "it broke";
  r.note = "noted";
  r.plugin_sha256 = "abc";
  r.map_name = "Natal";
  r.exit_code = 3;
  r.signal = 9;
  r.peak_rss_kib = std::int64_t{5} << 32;
  r.cpu_us = std::int64_t{6} << 32;
  r.read_bytes = std::int64_t{7} << 32;
  r.pid = 77;
  r.asked = TaskState::skipped;
  r.left_out_by = 2;
  r.continued = true;
  r.repeats = 7;
  r.first_start = at(33);
  return r;
}

// The DAG, and a run of it with all its tasks in `state`.
inline Changes new_run(const RunRow& run, int tasks = 3, TaskState state = TaskState::none) {
  Changes changes;
  changes.dag_versions.push_back(make_dag(run.dag_id, run.dag_version, tasks));
  DagRow dag;
  dag.dag_id = run.dag_id;
  dag.is_paused = false;
  dag.version = run.dag_version;
  changes.dags.push_back(dag);
  changes.runs_created.push_back(run);
  for (int i = 0; i < tasks; ++i) {
    changes.tasks_created.push_back(
        make_task(static_cast<std::int64_t>(run.seq), static_cast<TaskIndex>(i), state));
  }
  return changes;
}

inline Changes::TaskUpdate move_task(TaskInstanceRow row, TaskState from, Fence from_fence) {
  return {from, from_fence, std::move(row)};
}

inline Changes end_run(RunRow run, Time when) {
  run.state = DagRunState::success;
  run.end_date = when;
  Changes changes;
  changes.runs_updated.push_back(run);
  return changes;
}

inline PublicationRow make_publication(std::int64_t id, const AttemptKey& key) {
  PublicationRow p;
  p.id = id;
  p.key = key;
  p.position = 1;
  p.table = "silver/quotes";
  p.number = id;
  p.uuid = uuid_of(1000 + id);
  p.payload_json = "{\"files\":[]}";
  return p;
}

// True when `body`, run in a child process, ends by SIGABRT: a failed CHECK. Folders that it leaves
// are in one that is gone afterwards.
template <class Body>
bool dies(Body body) {
  const TempFolder left;
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("TMPDIR", left.path().c_str(), 1);
    ::signal(SIGABRT, SIG_DFL);  // doctest's handler would report a crash
    ::close(STDERR_FILENO);
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

// What the query planner means to do, a step a line.
inline std::string plan_of(Database& db, const std::string& sql) {
  Statement explain = db.prepare("EXPLAIN QUERY PLAN " + sql);
  Rows rows = explain.bound_query();
  std::string plan;
  std::int64_t id = 0, parent = 0, unused = 0;
  std::string detail;
  while (rows.next()) {
    rows.read(id, parent, unused, detail);
    plan += detail + "\n";
  }
  return plan;
}

}  // namespace batuta::test
