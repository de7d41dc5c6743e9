// What handlers share. Private to the room.
//
// A route's handler is one of two kinds (routes.cc wraps the first):
//   Result<Response> f(Context&, const Request&)   reads; runs on a reader thread and may block
//   void f(Context&, Call)                         everything else; runs on the io thread, answers
//                                                  from any
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "scheduler/api/api.h"
#include "scheduler/api/work_queue.h"

namespace batuta::http {

class LakeCatalogue;
class LakeContracts;
class LakeTrust;
class LakeMonitorReads;
class LakeErasures;
class LakeUpkeep;
class LakeExports;
class MetricHistory;
class RunningQueries;

struct Call {
  std::shared_ptr<Request> request;
  Respond respond;
};

// A DAG version as answers show it. Versions never change, so these are remembered.
struct VersionInfo {
  std::int64_t number = 0;
  Time created_at;
  std::shared_ptr<const Dag> dag;  // null when its text is no longer understood
  std::string file{};              // where it was first read, with its bundle
};

class Context {
 public:
  Context(boost::asio::io_context& io, ApiServices s);
  ~Context();

  ApiServices services;
  LoginLimiter limiter;                      // io thread
  AuditBrake brake;                          // io thread; of failed logins
  std::map<std::string, AuditBrake> brakes;  // io thread; of each user's own logins and logouts
  const std::unique_ptr<LakeCatalogue> lake;
  const std::unique_ptr<LakeContracts> contracts;
  const std::unique_ptr<LakeTrust> trust;
  const std::unique_ptr<LakeMonitorReads> monitors;
  const std::shared_ptr<LakeExports> exports;
  const std::unique_ptr<RunningQueries> queries;
  const std::unique_ptr<MetricHistory> metric_history;
  const Now begun;                     // both clocks when the server began
  std::atomic<bool> stopping = false;  // a query of the lake that runs is to end

  // Runs `write`, a change to the registry, on the control thread, with a row in the event log in
  // its transaction: who of `call`, what, and `extra` about it (names, never values); of `dag_id`,
  // if it is of one.
  void change(const Call& call, const std::string& event, const nlohmann::json& extra,
              std::function<Status()> write, std::function<void(Status)> done,
              const std::string& dag_id = {});

  // Gives the answer once the event log has a row of what was done or shown, and the log's error in
  // its place where it cannot be written. From any thread.
  void respond_recorded(const Call& call, const std::string& event, const nlohmann::json& extra,
                        Response response);

  // Runs `job` on a reader thread and answers with its result; 429 when too many reads of this user
  // (of this address, where there is none) wait, 503 when too many do in all, when it takes longer
  // than one may, or the store fails. Users are served in turn. `job` may block and throw.
  void read(const Call& call, std::function<Result<Response>()> job);
  // The same for the answer to what has happened already, a commit or the end of a wait: it is not
  // refused because its user has others waiting.
  void finish(const Call& call, std::function<Result<Response>()> job);
  // As read(), or with `must` as finish(), for a job that answers by itself unless it fails.
  void work(const Call& call, std::function<Status()> job, bool must = false);
  // The same for what reads rows of the lake: on a thread of its own, one after another, and for as
  // long as the query may take. 429 and 503 when too many wait.
  void query_lake(const Call& call, std::function<Result<Response>()> job);
  // `answered` takes what became of it, there, and answers.
  void query_lake(const Call& call, std::function<Result<Response>()> job,
                  std::function<void(Response)> answered);
  // As query_lake(), for what reads the dead letters of a topic: on threads of their own, of which
  // one user has one at a time.
  void read_letters(const Call& call, std::function<Result<Response>()> job,
                    std::function<void(Response)> answered);
  // The same for what acts on them: one order after another, so that no letter is sent twice.
  void order_letters(const Call& call, std::function<Result<Response>()> job);
  // A person's statement, on one of the threads that are theirs: `answered` takes what became of
  // it, there, and answers. False: too many wait (429 or 503), which is answered already.
  bool run_sql(const Call& call, std::function<Result<Response>()> job,
               std::function<void(Response)> answered);
  // On the hasher's thread, for passwords; the job answers.
  void hash(Respond respond, std::function<void()> job);
  // On a thread of its own, for what the login provider is asked; the job answers. 503 when too
  // many wait. There is a provider.
  void ask_provider(const Call& call, std::function<void()> job);
  // On the io thread, soon: where JSON is rendered when nothing needs reading. Any thread.
  void on_io(std::function<void()> job);

  // nullptr when it is not remembered: look it up on a reader thread.
  std::shared_ptr<const VersionInfo> known_version(const std::string& version) const;
  // Reader thread. nullptr when the store does not have it.
  std::shared_ptr<const VersionInfo> find_version(const std::string& version);

  Time now() const { return services.clock().wall; }
  // A setting in effect as it is shown; empty: there is none of that name. Any thread.
  std::string setting(std::string_view name) const;

 private:
  // On a reader thread, or refused.
  void on_reader(const Call& call, std::function<void()> job, bool must);

  // In the turn of who calls; false: refused, and answered.
  static bool in_turn(WorkQueue& queue, const WorkQueue::Bounds& bounds, const Call& call,
                      std::function<void()> job);

  boost::asio::io_context& io_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const VersionInfo>> versions_;  // guarded by mutex_
  // Last, so that they end first: jobs use what is above.
  WorkQueue readers_;
  WorkQueue hasher_;
  WorkQueue lake_queries_;
  WorkQueue letters_;
  WorkQueue letter_orders_;
  WorkQueue sql_;
  std::unique_ptr<WorkQueue> provider_;  // null: there is none

 public:
  // Each has a thread of its own: likewise.
  const std::unique_ptr<LakeErasures> erasures;
  const std::unique_ptr<LakeUpkeep> upkeep;
};

// ---- what of DAGs the caller sees: for every list, stream and count that is of more than one

inline Sight seen_dags(const Request& request) {
  return request.identity.rights.sight("dag");
}
// The same of the lake's layers, as "<domain>/<layer>".
inline Sight seen_lake(const Request& request) {
  return request.identity.rights.sight("lake");
}
// The same of files: with all the DAGs that it has, and at least one. Whoever sees every DAG sees
// every file; of a file without a DAG nobody knows whose it is.
bool sees_file(const Sight& sight, const DagBagSnapshot& bag, const std::string& file);

// ---- answers

Response json_response(const nlohmann::json& body, int status = 200);
Response text_response(std::string json);  // 200; the text is JSON already
Response no_content();
// An Error as Airflow's clients expect it: {"detail": text}, or for Errc::invalid with a field the
// list [{"type","loc","msg"}]. `where` is "query.limit", "path.try_number" or a JSON pointer.
Response error_response(const Error& error);
Response to_response(const Result<Response>& result);
// An engine's refusal.
Error reply_error(const Reply& reply);

}  // namespace batuta::http
