#include "scheduler/dagfile/xcom_order.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "scheduler/dagfile/template.h"

namespace batuta {
namespace {

constexpr std::size_t max_order_warnings = 20;
// Tasks looked at on the way up, of all pulls together: beyond them nothing is warned of.
constexpr std::size_t max_looks = 5'000'000;

// Whether a task comes before another one.
class Before {
 public:
  explicit Before(const Dag& dag) : dag_(dag), seen_(dag.tasks.size(), 0) {}

  bool operator()(TaskIndex earlier, TaskIndex later) {
    ++search_;
    open_.assign(1, later);
    while (!open_.empty() && looks_ < max_looks) {
      const std::vector<TaskIndex>& upstream = dag_.tasks[open_.back()].upstream;
      open_.pop_back();
      for (const TaskIndex up : upstream) {
        ++looks_;
        if (up == earlier) return true;
        // The tasks stand in any order: each is looked at once a search.
        if (seen_[up] == search_) continue;
        seen_[up] = search_;
        open_.push_back(up);
      }
    }
    return looks_ >= max_looks;
  }

 private:
  const Dag& dag_;
  std::vector<std::size_t> seen_;  // by task: the search that saw it last
  std::vector<TaskIndex> open_;
  std::size_t search_ = 0, looks_ = 0;
};

}  // namespace

std::vector<FieldProblem> xcom_order_warnings(const Dag& dag) {
  std::vector<FieldProblem> out;
  Before before(dag);
  for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
    const Task& task = dag.tasks[i];
    const auto at = static_cast<TaskIndex>(i);
    // run_if is asked when all before it have ended, as the task itself would begin.
    for (const std::string* spec : {&task.spec_json, &task.run_if_json}) {
      if (spec->find("xcom_pull") == std::string::npos) continue;
      for (const std::string& source : xcom_sources(*spec)) {
        const auto other = find_task(dag, source);
        if (!other || *other == at || before(*other, at)) continue;
        out.push_back({"/tasks/" + std::to_string(i),
                       "xcom_pull names \"" + source + "\", which is not upstream of \"" + task.id +
                           "\": whether it has run by then is chance; name it in \"depends_on\" "
                           "(here or of a task in between)"});
        if (out.size() == max_order_warnings) return out;
      }
    }
  }
  return out;
}

}  // namespace batuta
