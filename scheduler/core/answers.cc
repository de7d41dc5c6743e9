// Questions to people: a task asks, waits without a slot, and goes on with the one answer that it
// gets: that of the first person, or its defaults when the time is over.
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

std::string json_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    if (list.size() > 1) list += ',';
    list += json_quoted(text);
  }
  return list + "]";
}

// The names and the order are those of Airflow's operators.
std::string result_of(const AnswerRow& answer) {
  const std::string who = json_quoted(answer.responded_by);
  return "{\"chosen_options\":" + json_list(answer.chosen_options) +
         ",\"params_input\":" + answer.params_input_json + ",\"responded_at\":\"" +
         to_iso(answer.responded_at) + "\",\"responded_by_user\":" +
         (answer.responded_by.empty() ? "null" : "{\"id\":" + who + ",\"name\":" + who + "}") + "}";
}

bool is_rejected(const OpenQuestion& question, const AnswerRow& answer) {
  return question.on_reject != OnReject::nothing && answer.chosen_options.size() == 1 &&
         answer.chosen_options.front() == reject_option;
}

void note_failure(Turn& turn, LiveRun& run, InstanceIndex i, std::string reason) {
  touch(turn, run, i);
  run.detail(i).reason = std::move(reason);
  run.detail(i).end_date = turn.now.wall;
}

// The one place where a question is answered: kept, and acted upon, in one turn.
void resolve(Turn& turn, LiveRun& run, InstanceIndex i, const AnswerRow& answer) {
  const OpenQuestion question = *run.waits.at(i).question;  // the wait goes with the task's end
  turn.out.changes.answers.push_back(answer);
  log_event(turn, answer.responded_by.empty() ? "answer_by_default" : "answer", answer.responded_by,
            run.row().dag_id, run.row().dag_run_id, run.definition(i).id,
            "{\"map_index\":" + std::to_string(number_of(answer.map_index)) +
                ",\"try_number\":" + std::to_string(answer.try_number) +
                ",\"chosen_options\":" + json_list(answer.chosen_options) + "}");
  const bool rejected = is_rejected(question, answer);
  const std::string who = answer.responded_by.empty() ? "its default" : answer.responded_by;
  if (rejected && question.on_reject == OnReject::fail) {
    note_failure(turn, run, i, "rejected by " + who);
    return fail_for_good(turn, run, i);  // a person has decided
  }
  // One of several that are asked about decides for itself alone: trigger rules say what follows.
  if (rejected && run.task(i).map_index != unmapped && !mutant("reject_goes_on")) {
    return end_task(turn, run, i, Cause::skipped, TaskState::skipped, "rejected by " + who);
  }
  end_task(turn, run, i, Cause::succeeded, TaskState::success);
  add_xcom(turn, run, i, "return_value", result_of(answer));
  if (question.on_reject == OnReject::nothing) return;
  apply_short_circuit(turn, run, i, !rejected || mutant("reject_goes_on"),
                      question.on_reject == OnReject::skip_all,
                      "rejected in " + run.definition(i).id + " by " + who);
}

// The instance that waits for the answer to this try's question.
std::optional<TaskRef> who_asks(Turn& turn, const QuestionAnswered& event) {
  const auto at = turn.state.runs.find(event.key.run);
  if (at == turn.state.runs.end() || at->second->deleted) return std::nullopt;
  LiveRun& run = *at->second;
  if (!run.stored.has_rows()) return std::nullopt;
  const std::optional<InstanceIndex> i = run.stored.find(event.key.task, event.key.map_index);
  if (!i || run.task(*i).state != TaskState::deferred) return std::nullopt;
  const LiveWait& wait = run.waits.at(*i);
  if (!wait.question || wait.question->try_number != event.try_number) return std::nullopt;
  return TaskRef{&run, *i};
}

AnswerRow answer_to(const InstanceKey& key, std::int32_t try_number, Time now) {
  AnswerRow answer;
  answer.run = key.run;
  answer.task = key.task;
  answer.map_index = key.map_index;
  answer.try_number = try_number;
  answer.responded_at = now;
  return answer;
}

}  // namespace

void begin_question(Turn& turn, LiveRun& run, InstanceIndex i, WaitRow wait, QuestionRow question) {
  wait.kind = WaitKind::answer;
  question.run = run.row().seq;
  question.task = run.task(i).task;
  question.map_index = run.task(i).map_index;
  question.try_number = run.task(i).try_number;
  question.created_at = turn.now.wall;
  question.deadline = wait.deadline;
  const std::string subject = question.subject;
  turn.out.changes.questions.push_back(question);
  begin_wait(turn, run, i, std::move(wait));
  run.waits.at(i).question = std::move(question);
  tell_input_required(turn, run, i, subject);
}

void question_timed_out(Turn& turn, LiveRun& run, InstanceIndex i) {
  const LiveWait& wait = run.waits.at(i);
  const OpenQuestion& question = *wait.question;
  const std::string since = "nobody answered until " + to_iso(*wait.row.deadline);
  if (question.defaults.empty() || mutant("forget_default_answer")) {
    tell_task_timeout(turn, run, i, since);
    note_failure(turn, run, i, since);
    return fail_or_retry(turn, run, i, {FailureClass::timeout});  // the next try asks again
  }
  AnswerRow answer = answer_to(question.key(), question.try_number, turn.now.wall);
  answer.chosen_options = question.defaults;
  answer.params_input_json = question.default_input_json;
  tell_task_timeout(turn, run, i, since + ": its default was taken");
  resolve(turn, run, i, answer);
}

void on(Turn& turn, const QuestionAnswered& event) {
  AnswerRow answer = answer_to(event.key, event.try_number, turn.now.wall);
  answer.responded_by = event.user;
  answer.chosen_options = event.chosen_options;
  answer.params_input_json = event.params_input_json;
  const std::optional<TaskRef> task = who_asks(turn, event);
  if (!task) {
    if (mutant("answer_twice")) turn.out.changes.answers.push_back(answer);
    return reply(turn, event.request, Errc::conflict,
                 "the task does not wait for this answer any more: it was answered, its time was "
                 "over, or it ended otherwise");
  }
  resolve(turn, *task->run, task->instance, answer);
  if (event.request == 0) return;
  Reply done;
  done.request = event.request;
  done.answer = std::move(answer);
  turn.out.replies.push_back(std::move(done));
}

}  // namespace batuta
