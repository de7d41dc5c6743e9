#include "scheduler/serve/launch_questions.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/answer.h"

namespace batuta {
namespace {

using json = nlohmann::json;
using Texts = std::vector<std::string>;

// What is longer than it may be is a mistake, and is not cut.
constexpr std::size_t max_body = 64 << 10;

Error faulty(const char* field, const std::string& message) {
  return {Errc::invalid, message, std::string("/") + field};
}

// What a template yields may be no text.
std::string text_of(const json& params, const char* name) {
  const auto given = params.find(name);
  if (given == params.end() || given->is_null()) return {};
  return given->is_string() ? given->get<std::string>() : json_text(*given);
}

Texts texts_of(const json& params, const char* name) {
  const auto given = params.find(name);
  return given == params.end() ? Texts{} : given->get<Texts>();
}

OnReject on_reject_of(const json& params) {
  const std::string what = text_of(params, "on_reject");
  if (what == "fail") return OnReject::fail;
  if (what == "skip_all") return OnReject::skip_all;
  return what == "skip_next" ? OnReject::skip_next : OnReject::nothing;
}

std::string joined(const Texts& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<Resolution> resolve_question(const json& params, Time now) {
  Resolution what;
  what.kind = Resolution::Kind::wait;
  what.wait.kind = WaitKind::answer;
  QuestionRow& question = what.question.emplace();
  question.subject = text_of(params, "subject");
  question.body = text_of(params, "body");
  if (question.subject.empty()) return faulty("subject", "is empty: nobody knows what is asked");
  if (question.subject.size() > max_subject_bytes) {
    return faulty("subject", "is longer than 1000 bytes: what is long belongs into the \"body\"");
  }
  if (question.body.size() > max_body) {
    return faulty("body", "is longer than 64 KiB: link to what is longer");
  }
  question.options = texts_of(params, "options");
  question.defaults = texts_of(params, "defaults");
  question.assigned_users = texts_of(params, "assigned_users");
  question.multiple = params.value("multiple", false);
  question.params_json = json_text(params.value("params", json::object()));
  if (!question.defaults.empty()) {
    question.default_input_json = default_input(question.params_json);
  }
  question.on_reject = on_reject_of(params);
  if (const std::string timeout = text_of(params, "response_timeout"); !timeout.empty()) {
    const auto size = parse_duration(timeout);
    if (!size || *size <= Duration{}) {
      return faulty("response_timeout",
                    "'" + timeout.substr(0, 100) + "' is no duration longer than nothing");
    }
    what.wait.deadline = now + *size;
  }
  what.wait.about = "an answer to \"" + question.subject + "\"";
  if (!question.assigned_users.empty()) {
    what.wait.about += " by " + joined(question.assigned_users);
  }
  return what;
}

}  // namespace batuta
