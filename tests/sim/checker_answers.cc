// The checker's look at questions to people: each has one answer at most, which ends its task in
// the turn that keeps it.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {

// Of the try that the row is about, as the turn found it.
const MemoryStore::Data::Question* Checker::question_of(const TaskInstanceRow& row) const {
  const auto at = store_.data().questions.find({row.key(), row.try_number});
  return at == store_.data().questions.end() ? nullptr : &at->second;
}

// By a person in this batch, or by the end of its time.
bool Checker::answered(const TaskInstanceRow& row, const WaitRow& wait) const {
  if (answered_.count({row.key(), row.try_number}) != 0) return true;
  const auto* question = question_of(row);
  const bool late = wait.deadline && *wait.deadline <= now_.wall;
  return late && question && !question->row.defaults.empty();
}

bool Checker::ends_unanswered(const TaskInstanceRow& row, const WaitRow& wait) const {
  const auto* question = question_of(row);
  const bool late = wait.deadline && *wait.deadline <= now_.wall;
  if (late && question) {
    require(question->row.defaults.empty(), "I30",
            [&] { return "its default was not taken: " + wait.about; });
  }
  return late;
}

// I30: one answer, to a question that waited for it.
void Checker::check_answers(const Changes& changes) {
  std::set<std::pair<InstanceKey, std::int32_t>> kept;
  for (const AnswerRow& answer : changes.answers) {
    const auto id = std::pair(answer.key(), answer.try_number);
    const auto text = [&] {
      return "the answer of " + (answer.responded_by.empty() ? "nobody" : answer.responded_by) +
             " to task " + std::to_string(answer.task);
    };
    const auto at = store_.data().questions.find(id);
    const bool known = at != store_.data().questions.end();
    // A person may be so fast that the turn which asks has the answer, too.
    const bool new_one = std::any_of(
        changes.questions.begin(), changes.questions.end(),
        [&](const QuestionRow& row) { return std::pair(row.key(), row.try_number) == id; });
    require(known || new_one, "I30", [&] { return text() + ", never asked"; });
    require(!(known && at->second.answer) && kept.insert(id).second, "I30",
            [&] { return text() + " is a second one"; });
    const bool by_person = !answer.responded_by.empty();
    require(!by_person || answered_.count(id) != 0, "I30", [&] { return text() + ", not given"; });
    const bool ends = std::any_of(
        changes.tasks_updated.begin(), changes.tasks_updated.end(), [&](const auto& update) {
          return update.row.key() == answer.key() && update.row.state != TaskState::deferred &&
                 (new_one || update.from == TaskState::deferred);
        });
    require(ends, "I30", [&] { return text() + " is kept, and not acted upon"; });
    c_.met(by_person ? Situation::question_answered : Situation::answered_by_default);
  }
  for (const auto& id : answered_) {
    const auto at = store_.data().questions.find(id);
    if (kept.count(id) == 0 && at != store_.data().questions.end())
      c_.met(Situation::answer_too_late);
  }
}

}  // namespace batuta::sim
