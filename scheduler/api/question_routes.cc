// What tasks ask people: Airflow's Human-in-the-loop operations.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/row_lists.h"
#include "scheduler/dagfile/answer.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_chosen = 100;
constexpr std::int64_t max_page = 100;  // each has a body of up to 64 KiB and a form

json person(const std::string& name) {
  return {{"id", name}, {"name", name}};
}

const char* name_of(OnReject what) {
  static constexpr const char* names[] = {"nothing", "skip_next", "skip_all", "fail"};
  return names[static_cast<std::size_t>(what)];
}

bool is_assigned(const QuestionRow& question, const std::string& user) {
  const auto& users = question.assigned_users;
  return users.empty() || std::find(users.begin(), users.end(), user) != users.end();
}

bool waits(const QuestionView& view) {
  return !view.answer && view.task.row.state == TaskState::deferred &&
         view.task.row.try_number == view.row.try_number;
}

json question_json(Context& context, const Request& request, const QuestionView& view) {
  const QuestionRow& row = view.row;
  json users = json::array();
  for (const std::string& user : row.assigned_users) users.push_back(person(user));
  json form = json::object();
  const json fields = stored_json(row.params_json);
  for (const auto& [name, schema] : fields.items()) {
    form[name] = param_form(schema);
  }
  const Identity& who = request.identity;
  const bool may_answer = waits(view) && is_assigned(row, who.user) &&
                          may(who, Action::edit, "dag:" + view.task.dag_id);
  json out{{"options", row.options},
           {"subject", row.subject},
           {"body", text_or_null(row.body)},
           {"defaults", row.defaults.empty() ? json(nullptr) : json(row.defaults)},
           {"multiple", row.multiple},
           {"params", std::move(form)},
           {"assigned_users", std::move(users)},
           {"created_at", to_iso(row.created_at)},
           {"responded_by_user", nullptr},
           {"responded_at", nullptr},
           {"chosen_options", nullptr},
           {"params_input", json::object()},
           {"response_received", view.answer.has_value()},
           {"task_instance",
            task_instance_json(view.task, context.find_version(view.task.dag_version).get())},
           {"batuta",
            {{"deadline", iso_or_null(row.deadline)},
             {"on_reject", name_of(row.on_reject)},
             {"may_answer", may_answer}}}};
  if (!view.answer) return out;
  const AnswerRow& answer = *view.answer;
  if (!answer.responded_by.empty()) out["responded_by_user"] = person(answer.responded_by);
  out["responded_at"] = to_iso(answer.responded_at);
  out["chosen_options"] = answer.chosen_options;
  out["params_input"] = stored_json(answer.params_input_json);
  return out;
}

Error no_such_instance(const InstanceName& name) {
  return {Errc::not_found,
          "The Task Instance with dag_id: `" + name.dag_id + "`, run_id: `" + name.dag_run_id +
              "`, task_id: `" + name.task_id + "` and map_index: `" +
              std::to_string(number_of(name.map_index)) + "` was not found",
          {}};
}

Error asks_nothing(const TaskInstanceView& of) {
  return {Errc::not_found,
          "Human-in-the-loop detail does not exist for Task Instance " + of.task_id +
              ": it has asked nothing",
          {}};
}

Result<QuestionView> question_of(Context& context, TaskInstanceView task) {
  auto view = context.services.history.question(task.row.key(), task.row.try_number);
  if (!view) return asks_nothing(task);
  view->task = std::move(task);
  return std::move(*view);
}

// Of the newest try; one that is cleared, and about to run again, has not asked yet.
Result<QuestionView> newest_question(Context& context, const Request& request) {
  const auto name = instance_name(request);
  if (!name) return name.error();
  auto task = context.services.history.task_instance(*name);
  if (!task) return no_such_instance(*name);
  const TaskState state = task->row.state;
  if (state == TaskState::none || state == TaskState::scheduled) return asks_nothing(*task);
  return question_of(context, std::move(*task));
}

void read_states(QueryReader& query, QuestionQuery& out) {
  const auto states = query.list("state");
  TaskQuery named;
  for (const std::string& text : states) {
    // Airflow's name, since 3.3, of the state in which a task waits for people.
    const bool is_theirs = text == "awaiting_input";
    if (!add_task_state(is_theirs ? "deferred" : text, named)) {
      query.fail("state", "is not a task state");
    }
  }
  out.states = named.states;
  // States that no task here is ever in.
  if (!states.empty() && out.states.empty()) {
    out.filters.push_back({"map_index", Filter::Op::lt, {std::int64_t{-1}}});
  }
}

Error already_answered(const QuestionView& view) {
  return {Errc::conflict,
          "Human-in-the-loop detail has already been updated for Task Instance " +
              view.task.task_id + " and is not allowed to write again: " +
              (view.answer->responded_by.empty() ? "its default was taken"
                                                 : view.answer->responded_by + " answered") +
              " at " + to_iso(view.answer->responded_at),
          {}};
}

struct Given {
  std::vector<std::string> chosen;
  std::string input = "{}";
  std::optional<std::int64_t> try_number;  // whose question was read; Airflow's clients do not say
};

Error asked_anew(const QuestionView& view, std::int64_t meant) {
  return {Errc::conflict,
          "the question of try " + std::to_string(meant) + " is over: try " +
              std::to_string(view.row.try_number) + " of " + view.task.task_id +
              " has asked anew; read its question first",
          {}};
}

Result<Given> read_answer(const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  Given given;
  given.chosen = fields.texts("chosen_options", max_chosen).value_or(std::vector<std::string>{});
  if (fields.status() && given.chosen.empty()) {
    fields.fail("chosen_options", "must name at least one option");
  }
  if (const json* input = fields.value("params_input")) given.input = json_text(*input);
  given.try_number = fields.integer("try_number", 0, 1'000'000'000);
  if (!fields.status()) return fields.status().error();
  return given;
}

// What is wrong with an answer is, as in Airflow, 400 with a sentence.
Error bad_answer(const Error& error) {
  const std::string where = error.where.starts_with("/params_input") ? error.where + ": " : "";
  return {Errc::malformed, where + error.message, {}};
}

}  // namespace

Result<Response> list_questions(Context& context, const Request& request) {
  const std::string& dag_id = path_param(request, "dag_id");
  const std::string& run_id = path_param(request, "dag_run_id");
  QueryReader query(request);
  QuestionQuery list;
  list.filters = query.filters();
  list.order_by = query.order_by();
  list.page = query.page();
  list.page.limit = std::min(list.page.limit, max_page);
  list.response_received = query.boolean("response_received");
  read_states(query, list);
  if (!query.status()) return query.status().error();
  if (dag_id != "~") list.dag_id = dag_id;
  if (run_id != "~") list.dag_run_id = run_id;
  list.sight = seen_dags(request);
  auto& history = context.services.history;
  if (list.dag_id && list.dag_run_id && !history.run(dag_id, run_id)) {
    return {Errc::not_found, "no such run of this DAG"};
  }
  const auto found = history.questions(list);
  json items = json::array();
  for (const QuestionView& view : found.rows) {
    items.push_back(question_json(context, request, view));
  }
  return json_response(collection("hitl_details", std::move(items), found.total));
}

Result<Response> get_question(Context& context, const Request& request) {
  const auto view = newest_question(context, request);
  if (!view) return view.error();
  return json_response(question_json(context, request, *view));
}

Result<Response> get_question_of_try(Context& context, const Request& request) {
  // Airflow's -1: the newest.
  if (path_param(request, "try_number") == "-1") return get_question(context, request);
  const auto number = path_number(request, "try_number");
  if (!number) return number.error();
  const auto name = instance_name(request);
  if (!name) return name.error();
  for (TaskInstanceView& task : context.services.history.tries(*name)) {
    if (task.row.try_number != *number) continue;
    const auto view = question_of(context, std::move(task));
    if (!view) return view.error();
    return json_response(question_json(context, request, *view));
  }
  return no_such_instance(*name);
}

void answer_question(Context& context, Call call) {
  auto given = read_answer(*call.request);
  if (!given) return call.respond(error_response(given.error()));
  context.work(call, [&context, call, given = std::move(*given)]() -> Status {
    const auto view = newest_question(context, *call.request);
    if (!view) return view.error();
    if (given.try_number.value_or(view->row.try_number) != view->row.try_number) {
      return asked_anew(*view, *given.try_number);
    }
    if (view->answer) return already_answered(*view);
    const std::string& user = call.request->identity.user;
    if (!is_assigned(view->row, user)) {
      return {Errc::forbidden,
              "User=" + user + " (id=" + user + ") is not a respondent for the task."};
    }
    auto input = check_answer(view->row, given.chosen, given.input);
    if (!input) return bad_answer(input.error());
    QuestionAnswered event;
    event.key = view->row.key();
    event.try_number = view->row.try_number;
    event.chosen_options = given.chosen;
    event.params_input_json = std::move(*input);
    event.user = user;
    context.services.backend.request(std::move(event), [call](const Reply& reply) {
      if (reply.code != Errc::ok || !reply.answer) {
        return call.respond(error_response(reply_error(reply)));
      }
      call.respond(json_response({{"responded_by", person(reply.answer->responded_by)},
                                  {"responded_at", to_iso(reply.answer->responded_at)},
                                  {"chosen_options", reply.answer->chosen_options},
                                  {"params_input", stored_json(reply.answer->params_input_json)}}));
    });
    return success();
  });
}

}  // namespace batuta::http
