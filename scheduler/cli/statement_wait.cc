#include "scheduler/cli/statement_wait.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "common/safe_json.h"
#include "common/time.h"
#include "common/uuid.h"
#include "scheduler/cli/follow.h"

namespace batuta::cli {
namespace {

// Looks at a statement once a second until it goes.
class StatementLook {
 public:
  // `line` must outlive this.
  StatementLook(Client client, std::string query_id, ProgressLine& line)
      : client_(std::move(client)),
        query_id_(std::move(query_id)),
        thread_([this, &line] { look(line); }) {}
  ~StatementLook() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  StatementLook(const StatementLook&) = delete;
  StatementLook& operator=(const StatementLook&) = delete;

 private:
  void look(ProgressLine& line) {
    const auto over_after = [this](std::chrono::seconds patience) {
      std::unique_lock lock(mutex_);
      return changed_.wait_for(lock, patience, [this] { return over_; });
    };
    try {
      while (!over_after(std::chrono::seconds(1))) {
        const std::string text = statement_line(client_.get("/api/lake/sql"), query_id_);
        if (!text.empty()) line.show(text);
      }
    } catch (const std::exception&) {
      // It is the statement's own answer that says what is wrong.
    }
  }

  const Client client_;
  const std::string query_id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;   // guarded by mutex_
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::string new_query_id() {
  return "cli-" + to_string(make_uuid_v7(read_clock().wall));
}

void ask_with_progress(const Client& client, const std::string& query_id,
                       const std::function<void()>& ask) {
  ProgressLine line;
  if (!line.visible()) return ask();
  // An answer that is there waits no longer than this for a look that hangs.
  const StatementLook look(client.hurried(std::chrono::seconds(2)), query_id, line);
  ask();
}

std::string statement_line(const nlohmann::json& list, const std::string& query_id) {
  for (const nlohmann::json& query : list.value("queries", nlohmann::json::array())) {
    if (query.value("query_id", "") != query_id) continue;
    if (query.value("state", "") == "queued") return "waits for its turn";
    const auto percent = query.find("progress");
    const auto done = percent == query.end() ? std::nullopt : json_int(*percent);
    return done ? statement_line(static_cast<int>(*done)) : "runs";
  }
  return {};
}

std::string statement_line(int percent) {
  return "runs, " + std::to_string(percent) + " % done";
}

}  // namespace batuta::cli
