#include "scheduler/dagfile/question_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/core/question.h"
#include "scheduler/dagfile/mapping_fields.h"
#include "scheduler/dagfile/params_schema.h"
#include "scheduler/dagfile/wait_types.h"

namespace batuta {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;

constexpr std::size_t max_options = 100;
constexpr std::size_t max_option_bytes = 200;
constexpr std::size_t max_users = 100;

void read_texts(FieldReader& fields, json& params) {
  if (const auto subject = fields.text("subject", 16 << 10)) {
    if (subject->empty()) fields.problem("subject", "the subject is empty: say what is asked");
    if (!is_template(json(*subject)) && subject->size() > max_subject_bytes) {
      fields.problem("subject",
                     "is longer than 1000 bytes: what is long belongs into the \"body\"");
    }
    params["subject"] = *subject;
  } else if (!fields.find("subject")) {
    fields.problem("subject", "what is asked? A \"subject\" is the question in one line");
  }
  if (const auto body = fields.text("body", 64 << 10)) params["body"] = *body;
}

// A list of texts, or one of them.
std::optional<Texts> one_or_more(FieldReader& fields, const char* name, std::size_t most) {
  const json* given = fields.find(name);
  if (given == nullptr || given->is_null()) return std::nullopt;
  if (!given->is_string()) return fields.texts(name, most);
  return Texts{given->get<std::string>()};
}

bool sound_option(const std::string& option) {
  return !option.empty() && option.size() <= max_option_bytes && !is_template(json(option)) &&
         option.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

Texts read_options(FieldReader& fields) {
  if (!fields.find("options")) return {};
  const auto options = fields.texts("options", max_options);
  if (!options) return {};
  if (options->empty()) fields.problem("options", "who is asked needs an option to choose");
  for (const std::string& option : *options) {
    if (sound_option(option)) continue;
    fields.problem("options",
                   "an option is a text of 1 to 200 bytes in one line, without templates");
  }
  return *options;
}

// Taken as they are when the time is over: so they must be an answer.
void read_defaults(FieldReader& fields, const Texts& options, bool multiple, json& params) {
  const auto defaults = one_or_more(fields, "defaults", max_options);
  if (!defaults) return;
  for (const std::string& option : *defaults) {
    if (std::find(options.begin(), options.end(), option) != options.end()) continue;
    fields.problem("defaults", "\"" + option.substr(0, 80) + "\" is none of the options" +
                                   did_you_mean(option, options));
  }
  if (defaults->empty()) {
    fields.problem("defaults", "leave it out: then the task fails when its time is over");
  } else if (defaults->size() > 1 && !multiple) {
    fields.problem("defaults", "one option is chosen: several need \"multiple\": true");
  }
  params["defaults"] = *defaults;
}

void refuse_passwords(FieldReader& fields, const json& form) {
  for (const auto& [name, schema] : form.items()) {
    if (!schema.is_object() || schema.value("format", json()) != "password") continue;
    fields.problem("params", name +
                                 ": an answer is kept and shown in the clear, so it can be no "
                                 "password: keep that in a connection");
  }
}

// The form, as the params of a DAG. Names of fields without a default.
Texts read_form(FieldReader& fields, json& params) {
  Texts without;
  const json* given = fields.object("params");
  if (given == nullptr) return without;
  refuse_passwords(fields, *given);
  if (has_template(*given)) {
    fields.problem("params", "a form has no templates: the subject and the body may have them");
  }
  Problems found;
  const auto form = parse_untrusted(normalise_params(*given, false, found));
  for (const FieldProblem& problem : found.list()) {
    fields.problems().add(fields.pointer_to("params") + problem.pointer, problem.message);
  }
  if (!form) return without;
  for (const auto& [name, schema] : form->items()) {
    if (!schema.contains("default")) without.push_back(name);
  }
  params["params"] = *form;
  return without;
}

// `inherited`: the execution_timeout that default_args or a group give; 0: none.
void read_response_time(FieldReader& fields, Duration inherited, json& params) {
  for (const char* name : {"response_timeout", "execution_timeout"}) {
    const json* given = fields.find(name);
    if (given == nullptr || given->is_null()) continue;
    if (params.contains("response_timeout")) {
      fields.problem(name, "\"response_timeout\" says the same: leave one out");
    }
    if (!is_template(*given)) {
      const auto size = fields.duration(name);
      if (size && *size <= Duration{}) fields.problem(name, "must be longer than nothing");
    }
    params["response_timeout"] = *given;
  }
  if (!params.contains("response_timeout") && inherited > Duration{}) {
    params["response_timeout"] =
        std::to_string(std::chrono::ceil<std::chrono::milliseconds>(inherited).count()) + "ms";
  }
}

void read_users(FieldReader& fields, json& params) {
  const auto users = one_or_more(fields, "assigned_users", max_users);
  if (!users) return;
  const bool sound = !users->empty() &&
                     std::none_of(users->begin(), users->end(),
                                  [](const auto& u) { return u.empty() || is_template(json(u)); });
  if (!sound) {
    fields.problem("assigned_users",
                   "must be names of users, at least one; leave it out for "
                   "whoever may edit the DAG");
  }
  params["assigned_users"] = *users;
}

void read_question(FieldReader& fields, Task& task, const Texts& options, bool multiple,
                   json& params) {
  task.is_resolved = true;
  refuse_slot_fields(fields);
  read_texts(fields, params);
  params["options"] = options;
  if (multiple) params["multiple"] = true;
  read_defaults(fields, options, multiple, params);
  const Texts without = read_form(fields, params);
  if (!without.empty() && params.contains("defaults")) {
    fields.problem("params", without.front() +
                                 ": needs a \"default\": when the time is over nobody "
                                 "gives one, and \"defaults\" are taken");
  }
  read_response_time(fields, task.execution_timeout, params);
  read_users(fields, params);
}

}  // namespace

void read_approval(FieldReader& fields, Task& task, json& params) {
  for (const char* name : {"options", "multiple"}) {
    if (!fields.find(name)) continue;
    fields.problem(name,
                   "an approval is Approve or Reject: an \"input\" task has options of its own");
  }
  read_question(fields, task, {approve_option, reject_option}, false, params);
  const bool fails = fields.boolean("fail_on_reject").value_or(false);
  const bool whole = fields.boolean("ignore_downstream_trigger_rules").value_or(false);
  if (fails && whole) {
    fields.problem("ignore_downstream_trigger_rules",
                   "with \"fail_on_reject\" nothing is skipped: leave one out");
  }
  params["on_reject"] = fails ? "fail" : whole ? "skip_all" : "skip_next";
}

void read_input(FieldReader& fields, Task& task, json& params) {
  const bool multiple = fields.boolean("multiple").value_or(false);
  const bool plain = !fields.find("options");
  const Texts options = plain ? Texts{"OK"} : read_options(fields);
  read_question(fields, task, options, multiple, params);
  // As in Airflow, a form that can be taken as it is has a default.
  const json form = params.value("params", json::object());
  const bool complete = std::all_of(form.begin(), form.end(),
                                    [](const json& schema) { return schema.contains("default"); });
  if (plain && complete && !fields.find("defaults")) params["defaults"] = options;
}

}  // namespace batuta
