// Watching a run or a log until its end: progress on a terminal, one line and a link at the end.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/time.h"
#include "scheduler/cli/client.h"
#include "scheduler/cli/output.h"

namespace batuta::cli {

// Where the page shows it.
std::string run_link(const Client& client, const std::string& dag_id, const std::string& run_id,
                     const std::string& task_id = "");

// "1.2 s", "3 min 05 s", "2 h 00 min". Pure.
std::string span_text(Duration span);

// A line on standard error that is written over by the next one; nothing where standard error is
// no terminal.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(const std::string& text);
  void clear();  // before anything else is printed
  bool visible() const { return width_ > 0; }

 private:
  std::size_t width_ = 0;
  bool shown_ = false;
};

// Until the run has ended; its state. That it is queued for its DAG is paused is said first, on
// standard error. On a terminal how far it is, each second. `lines`: a line on
// standard output for every change of a task instance (of runs with up to 1,000 of them; of larger
// ones how many are in which state). Last, on standard error, one line with counts and link.
// Throws Failure, for a server that does not answer too.
std::string follow_run(const Client& client, const std::string& dag_id, const std::string& run_id,
                       bool lines);

// What `tasks log` prints.
struct LogWanted {
  std::string dag_id, run_id, task_id;
  int map_index = -1;
  int try_number = 0;   // 0: the newest
  bool follow = false;  // until that try has ended; of the newest, until the task has
};
// True, but for a followed task that did not succeed.
bool print_log(const Client& client, const Look& look, const LogWanted& wanted);

}  // namespace batuta::cli
