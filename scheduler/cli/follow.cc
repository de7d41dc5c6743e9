#include "scheduler/cli/follow.h"
#include "common/url.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/safe_json.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr int most_lines = 1000;  // instances of a run that are looked at one by one
constexpr Duration pace = std::chrono::milliseconds(500);

std::string run_place(const std::string& dag_id, const std::string& run_id) {
  return "/api/v2/dags/" + percent_encoded(dag_id) + "/dagRuns/" + percent_encoded(run_id);
}

// Waits for the run's end on a thread of its own: the server answers at once when it comes, while
// the main thread draws.
class RunEnd {
 public:
  RunEnd(const Client& client, std::string path)
      : thread_([this, &client, place = std::move(path)] { wait(client, place); }) {}
  ~RunEnd() { thread_.join(); }
  RunEnd(const RunEnd&) = delete;
  RunEnd& operator=(const RunEnd&) = delete;

  // Whether it has ended, after `patience` at the latest. Throws what the server said instead.
  bool ended(Duration patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] { return done_; });
    if (failure_) std::rethrow_exception(failure_);
    return done_;
  }
  const std::string& state() const { return state_; }

 private:
  void wait(const Client& client, const std::string& path) {
    std::string state;
    std::exception_ptr failure;
    try {
      while (state != "success" && state != "failed") {
        state = client.get(path + "/wait?interval=1").value("state", "");
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    state_ = state;
    failure_ = failure;
    done_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::string state_;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses all of the above
};

// How many instances are in which state, for the progress line and the end.
struct Counts {
  std::map<std::string, std::int64_t> by_state;
  std::int64_t total = 0;

  std::int64_t of(const char* state) const {
    const auto at = by_state.find(state);
    return at == by_state.end() ? 0 : at->second;
  }
  std::string text(std::initializer_list<const char*> states) const {
    std::string out;
    for (const char* state : states) {
      if (of(state) == 0) continue;
      out += (out.empty() ? "" : ", ") + std::to_string(of(state)) + " " + state;
    }
    return out;
  }
};

constexpr auto ended_states = {"success", "failed", "upstream_failed", "skipped", "removed"};
constexpr auto moving_states = {"running",           "queued",  "scheduled", "up_for_retry",
                                "up_for_reschedule", "deferred"};

std::int64_t count_of(const Client& client, const std::string& tasks, const std::string& query) {
  return json_int(client.get(tasks + "?limit=0" + query).value("total_entries", json(0)))
      .value_or(0);
}

// By one small question a state: it costs the same for a run of ten thousand tasks.
Counts ask_counts(const Client& client, const std::string& tasks) {
  Counts counts;
  counts.total = count_of(client, tasks, "");
  std::int64_t left = counts.total;
  for (const auto& states : {ended_states, moving_states}) {
    for (const char* state : states) {
      if (left == 0) return counts;
      const std::int64_t n = count_of(client, tasks, std::string("&state=") + state);
      counts.by_state[state] = n;
      left -= n;
    }
  }
  return counts;
}

std::string progress_text(const Counts& counts, Duration since) {
  std::int64_t ended = 0;
  for (const char* state : ended_states) ended += counts.of(state);
  std::string text = std::to_string(ended) + "/" + std::to_string(counts.total) + " tasks ended";
  const std::string moving = counts.text({"running", "queued", "up_for_retry", "failed"});
  return text + (moving.empty() ? "" : ", " + moving) + ", " + span_text(since);
}

std::string instance_name(const json& instance) {
  const auto index = json_int(instance.value("map_index", json(-1))).value_or(-1);
  return instance.value("task_id", "") + (index < 0 ? "" : "[" + std::to_string(index) + "]");
}

std::string change_line(const json& instance) {
  const std::string state = cell_text(instance.value("state", json(nullptr)));
  std::string line = instance_name(instance) + "  " + state;
  const auto tries = json_int(instance.value("try_number", json(0))).value_or(0);
  if (tries > 1) line += "  try " + std::to_string(tries);
  const json& took = instance.value("duration", json(nullptr));
  if (took.is_number() && state != "running") {
    line += "  " + span_text(std::chrono::duration_cast<Duration>(
                       std::chrono::duration<double>(took.get<double>())));
  }
  const json none = json::object();
  const std::string reason = cell_text(instance.value("batuta", none).value("reason", json("")));
  if (!reason.empty() && state != "success") line += "  " + reason;
  return to_iso(read_clock().wall) + " " + line;
}

// Prints what changed since it was last asked.
class Changes {
 public:
  void look(const Client& client, const std::string& tasks, ProgressLine& progress) {
    const json page =
        client.get(tasks + "?order_by=start_date&limit=" + std::to_string(most_lines));
    if (json_int(page["total_entries"]).value_or(0) > most_lines)
      return count(client, tasks, progress);
    for (const json& instance : page["task_instances"]) {
      const std::string state = cell_text(instance.value("state", json(nullptr)));
      const std::string now = state + "/" + json_text(instance.value("try_number", json(0)));
      std::string& before = seen_[instance_name(instance)];
      const bool worth = !state.empty() && state != "scheduled" && state != "queued";
      if (before == now) continue;
      before = now;
      if (worth) say(change_line(instance), progress);
    }
  }

 private:
  void count(const Client& client, const std::string& tasks, ProgressLine& progress) {
    const Counts counts = ask_counts(client, tasks);
    const std::string text = counts.text(
        {"running", "queued", "success", "failed", "upstream_failed", "skipped", "up_for_retry"});
    if (text == seen_[""]) return;
    seen_[""] = text;
    say(to_iso(read_clock().wall) + " " + text, progress);
  }
  static void say(const std::string& line, ProgressLine& progress) {
    progress.clear();
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
  std::map<std::string, std::string> seen_;
};

// What nobody begins would be waited for without a word.
void tell_if_paused(const Client& client, const json& run) {
  const std::string dag_id = run.value("dag_id", "");
  if (run.value("state", "") != "queued" ||
      !client.get("/api/v2/dags/" + percent_encoded(dag_id)).value("is_paused", false))
    return;
  std::fprintf(stderr, "batuta: %s is paused: the run begins after `batuta dags unpause %s`\n",
               dag_id.c_str(), dag_id.c_str());
}

void say_end(const Client& client, const json& run, const Counts& counts) {
  std::string took;
  if (const json seconds = run.value("duration", json(nullptr)); seconds.is_number()) {
    took = " in " + span_text(std::chrono::duration_cast<Duration>(
                        std::chrono::duration<double>(seconds.get<double>())));
  }
  const std::string dag_id = run.value("dag_id", ""), run_id = run.value("dag_run_id", "");
  std::fflush(stdout);
  std::fprintf(stderr, "%s %s: %s%s (%s)  %s\n", dag_id.c_str(), run_id.c_str(),
               run.value("state", "").c_str(), took.c_str(), counts.text(ended_states).c_str(),
               run_link(client, dag_id, run_id).c_str());
}

}  // namespace

std::string run_link(const Client& client, const std::string& dag_id, const std::string& run_id,
                     const std::string& task_id) {
  return client.url() + "/#/dags/" + percent_encoded(dag_id) + "/runs/" + percent_encoded(run_id) +
         (task_id.empty() ? "" : "?task=" + percent_encoded(task_id));
}

std::string span_text(Duration span) {
  char text[64];
  const double seconds = std::chrono::duration<double>(span).count();
  const auto whole = static_cast<long long>(seconds);
  if (seconds < 60) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  }
  return text;
}

ProgressLine::ProgressLine() {
  winsize size{};
  if (isatty(STDERR_FILENO) == 0) return;
  width_ = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void ProgressLine::show(const std::string& text) {
  if (!visible()) return;
  std::fflush(stdout);
  std::fprintf(stderr, "\r\033[K%s", shown_text(text).substr(0, width_ - 1).c_str());
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

std::string follow_run(const Client& client, const std::string& dag_id, const std::string& run_id,
                       bool lines) {
  const std::string path = run_place(dag_id, run_id);
  const std::string tasks = path + "/taskInstances";
  // A run that is not there is said before a thread waits for it.
  tell_if_paused(client, client.get(path));
  const Boot start = read_clock().boot;
  std::string state;
  ProgressLine progress;
  Changes changes;
  {
    RunEnd end(client, path);
    for (Duration wait = lines ? Duration{} : pace; !end.ended(wait);) {
      const Boot asked = read_clock().boot;
      if (lines) changes.look(client, tasks, progress);
      if (progress.visible()) {
        const Counts counts = ask_counts(client, tasks);
        progress.show(dag_id + ": " + progress_text(counts, read_clock().boot - start));
      }
      // A slow answer means a busy server: it is asked less often then.
      wait = std::max(pace, 5 * (read_clock().boot - asked));
    }
    state = end.state();
  }
  if (lines) changes.look(client, tasks, progress);
  progress.clear();
  say_end(client, client.get(path), ask_counts(client, tasks));
  return state;
}

}  // namespace batuta::cli
