// The API over fakes: a history with one DAG, a finished and a running run; a registry with one
// user per role (the token is "<role>-token"); a backend that records what was asked of it. The
// first two pass the conformance suites of their interfaces (fakes_test.cc).
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/api/api.h"
#include "tests/api/fake_registry.h"
#include "tests/http/test_client.h"

namespace batuta::http {

class FakeHistory final : public History {
 public:
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
  std::optional<CheckpointRow> checkpoint(const InstanceKey& instance) override {
    return checkpoint_row && checkpoint_row->key() == instance ? checkpoint_row : std::nullopt;
  }
  std::vector<DagSummary> dag_summaries(const std::vector<std::string>& dag_ids,
                                        int last_runs) override;
  std::vector<DagRow> dags() override { return dag_rows; }
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
  OutboxCounts outbox_counts() override { return {3, 2, 70, 50}; }
  std::vector<PublicationRow> publications(std::optional<RunSeq>) override { return {}; }
  std::vector<QualityReportView> quality_reports(const std::string& table,
                                                 const Page& page) override;
  QualityNews quality_news(const ReportMark& since) override;
  std::vector<LineageEdge> lineage() override;
  // All of run_rows that ended, whatever `since` says, with the tries in `views` and older_tries.
  EndedRuns ended_runs(const EndedMark& since, std::int64_t most) override;

  std::vector<DagRow> dag_rows;
  std::multimap<std::string, JobExecutionRow>
      job_rows;                            // by DAG, newest first; none: a success each
  const FakeRegistry* registry = nullptr;  // which has the favourites
  std::vector<RunRow> run_rows;
  std::vector<TaskInstanceView> views;  // newest tries
  std::vector<TaskInstanceView> older_tries;
  std::vector<DagVersionView> older_versions;  // besides the newest, number 1
  std::vector<XcomRow> xcom_rows;
  std::vector<EventLogView> event_rows;  // besides number 7, which is of no DAG
  std::optional<CheckpointRow> checkpoint_row;
  std::vector<AttemptReportRow> report_rows;  // oldest first
  std::vector<WrittenTable> written_tables;
  std::vector<BackfillRow> backfill_rows;
  std::vector<BackfillTickView> tick_rows;
  BackfillCounts tick_counts;               // empty: those of tick_rows
  std::vector<QuestionView> question_rows;  // with their tasks
  QuestionQuery last_question_query;
  std::vector<AssetView> asset_rows;  // with all of their references
  std::vector<AssetEventView> asset_event_rows;
  std::vector<AssetAliasView> asset_alias_rows;
  std::vector<QueuedAssetView> queued_rows;
  AssetQuery last_asset_query;
  AssetEventQuery last_asset_event_query;
  bool total_is_least = false;  // of task_instances()
  RunQuery last_run_query;
  TaskQuery last_task_query;
  XcomQuery last_xcom_query;
  EventLogQuery last_event_query;
  std::function<void()> before_runs = [] {};  // in runs(), first; may wait or throw

 private:
  // Several readers ask at once.
  template <class Query>
  void remember(Query& last, const Query& query) {
    const std::lock_guard guard(mutex_);
    last = query;
  }
  std::mutex mutex_;
};

class FakeBackend final : public ApiBackend {
 public:
  void request(Event event, std::function<void(Reply)> done) override;
  void write(std::function<Status()> write, std::function<void(Status)> done) override {
    done(write_error ? Status(*write_error) : write());
  }
  void live(std::function<void(Result<LiveView>)> done) override { done(view); }
  void explain(const InstanceKey&, std::function<void(Result<std::vector<Reason>>)> done) override {
    done(reasons);
  }
  std::vector<Reason> reasons{{"Worker", "no live worker offers shell"}};
  EngineMetrics metrics() const override {
    EngineMetrics told = numbers;
    told.skipped_by[{"hourly", "late"}] = 3;
    TaskTally& load = told.tallies.task("hourly", "load");
    load.ran.add(std::chrono::seconds(3));
    ++load.ended[TaskState::success];
    return told;
  }
  std::string trouble() const override { return trouble_text; }
  std::shared_ptr<const DagBagSnapshot> dags() const override { return bag; }

  EngineMetrics numbers;
  std::vector<Event> events;
  std::optional<Error> write_error;  // of every write from now on
  std::string trouble_text;
  std::function<Reply(const Event&)> answer = [](const Event&) { return Reply{}; };
  LiveView view;
  std::shared_ptr<DagBagSnapshot> bag = std::make_shared<DagBagSnapshot>();
};

// A DAG "demo" of two tasks, "first" (shell) and "second" (mock), with a param and a schedule.
std::shared_ptr<const Dag> demo_dag();

// Looks up what `values` has, by the first word of a reference, as far as `sources` list it.
class FakeSecrets final : public SecretOpener {
 public:
  Status check(const SecretReference& reference) const override {
    return check_secret_reference(reference, sources);
  }
  Result<std::string> value_of(const SecretReference& reference, bool anew) override {
    asked.push_back((anew ? "anew " : "known ") + reference.words.front());
    const auto found = values.find(reference.words.front());
    if (found == values.end()) return Error{Errc::unavailable, "nothing is there", {}};
    return found->second;
  }
  std::optional<Result<std::string>> find(const SecretReference& reference) override {
    asked.push_back("found " + reference.words.front());
    if (pending) return std::nullopt;
    const auto known = values.find(reference.words.front());
    if (known == values.end()) return Result<std::string>(Errc::unavailable, "nothing is there");
    return Result<std::string>(known->second);
  }

  bool pending = false;  // whatever is asked for by find() is being looked up yet
  SecretSources sources;
  std::map<std::string, std::string> values;
  std::vector<std::string> asked;
};

struct CallExtra {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string peer = "127.0.0.1";
};

class TestApi {
 public:
  explicit TestApi(Bundles* bundles = nullptr, SignOn* sign_on = nullptr, bool local_login = true);
  ~TestApi();

  using Extra = CallExtra;
  // `role`: whose token is sent; empty for none. `target` with its query, as on the wire.
  Response call(Method method, const std::string& target, const std::string& body = "",
                const std::string& role = "admin", const Extra& extra = {});
  // The same without waiting for the answer.
  std::future<Response> send(Method method, const std::string& target, const std::string& body = "",
                             const std::string& role = "admin", const Extra& extra = {});
  nlohmann::json get(const std::string& target);
  void add_lake(ApiServices& services);  // fake_lake.cc
  void add_waited_asset();  // asset 1, for which demo waits and of which an event is queued
  int status(Method method, const std::string& target, const std::string& body = "",
             const std::string& role = "admin") {
    return call(method, target, body, role).status;
  }
  template <class E>
  const E& last_event() const {
    return std::get<E>(backend.events.back());
  }

  std::vector<Connection> tried{};           // with what is behind their references
  std::vector<std::string> tried_secrets{};  // of the last
  Result<std::string> trial = std::string("it answers");
  std::vector<std::pair<std::string, std::string>> settings{
      {"lease", "10s"}, {"lake.memory", "640"}, {"lake.threads", "1"}};
  std::string home;  // a fresh folder, removed at the end
  IoThread thread;
  FakeBackend backend;
  FakeHistory history;
  FakeRegistry registry;
  FakeSecrets secrets;
  LoginCodes codes;
  Hub hub;
  Time now = *parse_iso("2026-11-20T12:00:00Z");
  bool ready = true;
  std::vector<std::string> outbox_calls;
  std::vector<std::string> drains;        // of workers: "drain a", "resume a"
  std::vector<bool> folder_reads;         // of read_dags
  std::vector<std::string> user_changes;  // what the API told of users
  std::string remote_log;                 // of worker "far-away", on no disk of ours
  std::vector<PluginFault> plugin_faults;
  std::string damage;
  std::function<void(Time)> keep_house;    // what the API gave to be called each minute
  std::atomic<int> branches_made = 0;      // told to the server
  std::function<void()> topic_opens;       // called before a stream of topics is
  std::vector<std::string> lake_queries;   // parameters of each
  std::function<bool()> lake_stop;         // what the query that runs asks
  std::function<void(int)> lake_progress;  // and what it tells how far it is
  std::function<Result<std::string>()> lake_answer = [] {
    return Result<std::string>(R"({"columns":["id"],"rows":[[1],[null]],"cut":false})");
  };
  std::vector<std::string> erase_queries;  // parameters of each; of the thread that erases
  std::function<Result<std::string>(const std::function<bool()>& stop)> erase_answer =
      [](const auto&) { return Result<std::string>(R"({"complete":true,"rows":2,"tables":[]})"); };
  std::vector<std::string> upkeep_queries;  // likewise of the thread that looks after tables
  std::function<Result<std::string>(const std::function<bool()>& stop)> upkeep_answer =
      [](const auto&) { return Result<std::string>(R"({"version":3,"deleted":["a=1/x"]})"); };
  std::vector<std::string> monitor_queries;  // parameters of each
  std::function<Result<std::string>(const nlohmann::json& params)> monitor_answer =
      [](const auto&) { return Result<std::string>(Errc::unavailable, "no monitors here"); };
  Handler handler;
};

nlohmann::json body_of(const Response& response);

}  // namespace batuta::http
