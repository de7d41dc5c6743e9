// hitl list, show, and tasks answer: what tasks ask people.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/task_name.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct HitlArguments {
  std::string dag_id = "~", run_id = "~", task_id, input;
  std::vector<std::string> options;
  int map_index = -1, try_number = 0, limit = 50, offset = 0;
  bool all = false;
};

std::string run_path(const HitlArguments& a) {
  return "/api/v2/dags/" + percent_encoded(a.dag_id) + "/dagRuns/" + percent_encoded(a.run_id);
}

std::string question_path(const HitlArguments& a) {
  return run_path(a) + "/taskInstances/" + percent_encoded(a.task_id) + "/" +
         std::to_string(a.map_index) + "/hitlDetails";
}

void list(Session& session, const HitlArguments& a) {
  std::string path = run_path(a) + "/hitlDetails?limit=" + std::to_string(a.limit) +
                     "&offset=" + std::to_string(a.offset);
  path += a.all ? "&order_by=-created_at" : "&response_received=false&state=deferred";
  std::vector<Column> columns{{"dag_id", "task_instance.dag_id"},
                              {"run_id", "task_instance.dag_run_id"},
                              {"task_id", "task_instance.task_id"},
                              {"map", "task_instance.map_index"},
                              {"subject", "subject"},
                              {"options", "options"},
                              {"asked", "created_at"},
                              {"until", "batuta.deadline"}};
  if (a.all) {
    columns.push_back({"state", "task_instance.state"});
    columns.push_back({"chosen", "chosen_options"});
    columns.push_back({"by", "responded_by_user.name"});
  }
  print_page(session.format(), session.client().get(path), "hitl_details", a.offset, columns);
}

void show(Session& session, const HitlArguments& a) {
  std::string path = question_path(a);
  if (a.try_number > 0) path += "/tries/" + std::to_string(a.try_number);
  print_object(session.format(), session.client().get(path));
}

// The only option there is needs no name.
std::vector<std::string> chosen(const json& options, const HitlArguments& a) {
  if (!a.options.empty()) return a.options;
  if (options.size() == 1) return {options[0].get<std::string>()};
  std::string names;
  for (const json& option : options) {
    names += (names.empty() ? "" : ", ") + json_text(option);
  }
  throw Failure("which option? --option takes one of " + names, 2);
}

void answer(Session& session, const HitlArguments& a) {
  const Client client = session.client();
  const json question = client.get(question_path(a));
  const auto asked = json_int(question["task_instance"]["try_number"]).value_or(0);
  if (a.try_number > 0 && a.try_number != asked) {
    throw Failure("try " + std::to_string(a.try_number) + " waits no longer: try " +
                      std::to_string(asked) + " asks now",
                  1);
  }
  // What is asked anew meanwhile is not answered.
  json body{{"chosen_options", chosen(question["options"], a)}, {"try_number", asked}};
  if (!a.input.empty()) {
    auto input = parse_untrusted(a.input);
    if (!input) throw Failure("--input is no JSON: " + input.error().message, 2);
    body["params_input"] = std::move(*input);
  }
  print_object(session.format(), client.call("PATCH", question_path(a), body));
}

using Named = std::shared_ptr<HitlArguments>;

void name_task(CLI::App& verb, const Named& a) {
  verb.add_option("dag_id", a->dag_id)->required();
  verb.add_option("run_id", a->run_id)->required();
  name_instance(verb, a->task_id, a->map_index);
}

void add_answer(CLI::App& noun, Session& session) {
  auto a = std::make_shared<HitlArguments>();
  a->dag_id = a->run_id = "";
  CLI::App* verb = add_verb(noun, session, "answer", "Answer what a task asks people",
                            [&session, a] { answer(session, *a); });
  name_task(*verb, a);
  verb->add_option("--option", a->options,
                   "what is chosen, several times where several may be; the only one if it is left "
                   "out");
  verb->add_option("--input", a->input, "the form's values, a JSON object");
  verb->add_option("--try", a->try_number, "whose question was read; default: the newest's")
      ->check(whole_number(1));
}

}  // namespace

void add_hitl_commands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand(
      "hitl", "What tasks ask people (human in the loop); `tasks answer` answers");
  noun->require_subcommand(1);
  auto a = std::make_shared<HitlArguments>();
  CLI::App* all = add_verb(*noun, session, "list", "What waits for an answer, the oldest first",
                           [&session, a] { list(session, *a); });
  all->add_option("dag_id", a->dag_id, "default: every DAG");
  all->add_option("run_id", a->run_id, "default: every run");
  all->add_flag("--all", a->all, "what was answered, or waits no longer, too; the newest first");
  all->add_option("--limit", a->limit)->check(whole_number(1, 100))->capture_default_str();
  all->add_option("--offset", a->offset, "how many to pass over")->check(whole_number(0));
  auto of = std::make_shared<HitlArguments>();
  CLI::App* one = add_verb(*noun, session, "show", "One question, whole, and its answer",
                           [&session, of] { show(session, *of); });
  name_task(*one, of);
  one->add_option("--try", of->try_number, "default: the newest")->check(whole_number(1));
  add_answer(*app.get_subcommand("tasks"), session);
}

}  // namespace batuta::cli
