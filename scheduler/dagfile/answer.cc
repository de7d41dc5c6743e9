#include "scheduler/dagfile/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/params_schema.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_input = 32 << 10;  // with its options it is an XCom, which has 64 KiB

Error wrong(std::string where, std::string message) {
  return {Errc::invalid, std::move(message), std::move(where)};
}

std::string quoted_options(const std::vector<std::string>& options) {
  std::string text;
  for (const std::string& option : options) {
    text += (text.empty() ? "" : ", ") + json_text(json(option));
  }
  return text;
}

Status check_options(const QuestionRow& question, const std::vector<std::string>& chosen) {
  const char* where = "/chosen_options";
  if (chosen.empty()) return wrong(where, "must name at least one option");
  std::set<std::string_view> seen;
  for (const std::string& option : chosen) {
    if (std::find(question.options.begin(), question.options.end(), option) ==
        question.options.end()) {
      return wrong(where, "Invalid options: " + json_text(json(option.substr(0, 200))) +
                              " is none of " + quoted_options(question.options) +
                              did_you_mean(option, question.options));
    }
    if (!seen.insert(option).second) {
      return wrong(where, "Invalid options: " + json_text(json(option)) + " stands there twice");
    }
  }
  if (chosen.size() > 1 && !question.multiple) {
    return wrong(where, "Invalid options: this question takes one of them");
  }
  return success();
}

}  // namespace

Result<std::string> check_answer(const QuestionRow& question,
                                 const std::vector<std::string>& chosen_options,
                                 std::string_view params_input_json) {
  if (const auto ok = check_options(question, chosen_options); !ok) return ok.error();
  const char* where = "/params_input";
  if (params_input_json.size() > max_input) return wrong(where, "is larger than 32 KiB");
  auto input = parse_untrusted(params_input_json);
  if (!input) return input.error();
  if (!input->is_object()) return wrong(where, "must be an object");
  const auto form = parse_untrusted(question.params_json);
  if (!form) return {Errc::internal, "the question's form cannot be read", {}};
  std::vector<std::string> names;
  for (const auto& field : form->items()) names.push_back(field.key());
  for (const auto& given : input->items()) {
    if (form->contains(given.key())) continue;
    return wrong(where + ("/" + pointer_token(given.key())),
                 names.empty() ? "this question has no form: leave it out"
                               : "is no field of the form" + did_you_mean(given.key(), names) +
                                     one_of(names));
  }
  Problems problems;
  for (const auto& [name, schema] : form->items()) {
    const std::string place = where + ("/" + pointer_token(name));
    if (const auto given = input->find(name); given != input->end()) {
      check_value(schema, *given, place, problems);
    } else if (const auto otherwise = schema.find("default"); otherwise != schema.end()) {
      (*input)[name] = *otherwise;
    } else {
      problems.add(place, "is required: the form gives no default for it");
    }
  }
  if (!problems.none()) return wrong(problems.list()[0].pointer, problems.list()[0].message);
  std::string text = json_text(*input);
  if (text.size() > max_input) return wrong(where, "is larger than 32 KiB");
  return text;
}

std::string default_input(const std::string& params_json) {
  const auto form = parse_untrusted(params_json);
  json input = json::object();
  if (!form || !form->is_object()) return "{}";
  for (const auto& [name, schema] : form->items()) {
    const auto otherwise = schema.find("default");
    if (otherwise == schema.end()) return "{}";
    input[name] = *otherwise;
  }
  return json_text(input);
}

}  // namespace batuta
