// `tasks log`: page by page, for a log may be far larger than what one would keep of it.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/follow.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr Duration log_pace = std::chrono::milliseconds(500);

class LogPrinter {
 public:
  LogPrinter(const Client& client, const Look& look, const LogWanted& wanted)
      : client_(client), look_(look), wanted_(wanted) {
    task_ = "/api/v2/dags/" + percent_encoded(wanted.dag_id) + "/dagRuns/" +
            percent_encoded(wanted.run_id) + "/taskInstances/" + percent_encoded(wanted.task_id);
  }

  json instance() const {
    return client_.get(task_ +
                       (wanted_.map_index < 0 ? "" : "/" + std::to_string(wanted_.map_index)));
  }

  // The log of a try from its beginning; to where it is now, or with `follow` to the try's end.
  void print(int number) {
    std::string token;
    for (;;) {
      const json page = client_.get(address(number, token));
      const json& lines = page["content"];
      for (const json& line : lines) print_line(line);
      if (page["continuation_token"].is_null()) return;
      token = page["continuation_token"].get<std::string>();
      if (!lines.empty()) continue;
      if (!wanted_.follow) return;
      std::fflush(stdout);
      progress_.show(wanted_.task_id + ": running, " + span_text(read_clock().boot - start_));
      std::this_thread::sleep_for(log_pace);
    }
  }

  void print_line(const json& line) {
    progress_.clear();
    if (look_.data()) {
      print_item(look_.format, json_text(line), first_);
      first_ = false;
      return;
    }
    std::printf("%s %-5s %s\n", line.value("timestamp", "").c_str(),
                line.value("level", "").c_str(), shown_text(line.value("event", "")).c_str());
  }

  // Until try `after` + 1 or the task's end; the instance as it is then.
  json await_try(int after) {
    for (;;) {
      json now = instance();
      const std::string state = cell_text(now.value("state", json(nullptr)));
      const auto number = json_int(now.value("try_number", json(0))).value_or(0);
      const bool begun = number > after && (state == "running" || state == "up_for_retry" ||
                                            state == "up_for_reschedule");
      if (begun || is_over(state)) return now;
      progress_.show(wanted_.task_id + ": " + (state.empty() ? "not started" : state) + ", " +
                     span_text(read_clock().boot - start_));
      std::this_thread::sleep_for(log_pace);
    }
  }

  static bool is_over(const std::string& state) {
    return state == "success" || state == "failed" || state == "skipped" ||
           state == "upstream_failed" || state == "removed";
  }

  bool finish(const json& instance) {
    progress_.clear();
    if (look_.data()) end_items(look_.format, first_);
    if (!wanted_.follow) return true;
    std::fflush(stdout);
    const std::string state = cell_text(instance.value("state", json(nullptr)));
    std::fprintf(stderr, "%s %s %s: %s  %s\n", wanted_.dag_id.c_str(), wanted_.run_id.c_str(),
                 wanted_.task_id.c_str(), state.c_str(),
                 run_link(client_, wanted_.dag_id, wanted_.run_id, wanted_.task_id).c_str());
    return state == "success" || state == "skipped";
  }

  void between_tries(int number) {
    if (look_.data()) return;
    progress_.clear();
    std::printf("-- try %d\n", number);
  }

 private:
  std::string address(int number, const std::string& token) const {
    std::string query =
        wanted_.map_index < 0 ? "" : "map_index=" + std::to_string(wanted_.map_index);
    if (!token.empty()) query += (query.empty() ? "token=" : "&token=") + percent_encoded(token);
    return task_ + "/logs/" + std::to_string(number) + (query.empty() ? "" : "?" + query);
  }

  const Client& client_;
  const Look look_;
  const LogWanted& wanted_;
  std::string task_;
  bool first_ = true;
  ProgressLine progress_;
  const Boot start_ = read_clock().boot;
};

int try_of(const json& instance) {
  return static_cast<int>(json_int(instance.value("try_number", json(0))).value_or(0));
}

}  // namespace

bool print_log(const Client& client, const Look& look, const LogWanted& wanted) {
  LogPrinter printer(client, look, wanted);
  if (!wanted.follow || wanted.try_number > 0) {
    const int number =
        wanted.try_number > 0 ? wanted.try_number : std::max(1, try_of(printer.instance()));
    printer.print(number);
    return printer.finish(wanted.follow ? printer.instance() : json::object());
  }
  for (int done = 0;;) {
    // The newest try first, whose number is known; then each that follows it.
    const json now = printer.await_try(done);
    const int number = try_of(now);
    if (number <= done || number == 0) return printer.finish(now);
    if (done > 0) printer.between_tries(number);
    printer.print(number);
    done = number;
  }
}

}  // namespace batuta::cli
