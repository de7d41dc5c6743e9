#include "scheduler/cli/dagu_flow.h"

#include <nlohmann/json.hpp>

#include "scheduler/cli/dagu_fields.h"

namespace batuta::cli {
namespace {

using Value = nlohmann::ordered_json;

// Dagu's mark of a regular expression.
constexpr std::string_view pattern_mark = "re:";

std::string without_mark(const std::string& text) {
  return text.starts_with(pattern_mark) ? text.substr(pattern_mark.size()) : text;
}

// The literal text as a pattern that finds it.
std::string quoted_pattern(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string as_pattern(const std::string& text) {
  return text.starts_with(pattern_mark) ? without_mark(text) : quoted_pattern(text);
}

// "$NAME" or "${NAME}", and nothing else.
std::string variable_in(const std::string& text) {
  if (text.size() < 2 || text[0] != '$') return {};
  std::string name = text.substr(1);
  if (name.front() == '{' && name.back() == '}') name = name.substr(1, name.size() - 2);
  const bool plain = name.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789_") == std::string::npos;
  return plain ? name : std::string();
}

Value condition_of(const Value& given, const DaguVariable& value_of, std::string& why_not) {
  if (!given.is_object()) {
    why_not = "\"" + dagu_text(given) +
              "\" is a command: a task before it may run it, and "
              "short_circuit or continue_on decide by its end";
    return nullptr;
  }
  std::string condition;
  std::string expected;
  bool negated = false;
  for (const auto& [key, value] : given.items()) {
    const std::string plain = dagu_key(key);
    if (plain == "condition") condition = dagu_text(value);
    if (plain == "expected") expected = dagu_text(value);
    if (plain == "negate") negated = value == true;
  }
  const std::string name = variable_in(condition);
  const std::string value = name.empty() ? std::string() : value_of(name);
  const bool computed =
      condition.find('`') != condition.npos || condition.find('$') != condition.npos;
  if (value.empty() && (computed || expected.empty())) {
    why_not = "\"" + condition + "\" is computed by Dagu, and not known here";
    return nullptr;
  }
  if (negated && expected.starts_with(pattern_mark)) {
    why_not = "\"" + condition + "\" must not match: write the pattern the other way round";
    return nullptr;
  }
  Value out{{"value", value.empty() ? condition : value}};
  const char* how = expected.starts_with(pattern_mark) ? "matches"
                    : negated                          ? "not_equals"
                                                       : "equals";
  out[how] = without_mark(expected);
  return out;
}

}  // namespace

Value dagu_continue_on(const Value& given, std::vector<std::string>& notes) {
  Value on = Value::object();
  if (given.is_string()) {
    const std::string word = given.get<std::string>();
    if (word == "failed" || word == "failure") on["failure"] = true;
    if (word == "skipped") on["skipped"] = true;
    if (on.empty()) notes.push_back("continueOn " + word + " is not carried over");
  }
  const Value fields = given.is_object() ? given : Value::object();
  for (const auto& [key, value] : fields.items()) {
    const std::string plain = dagu_key(key);
    if (plain == "failure" || plain == "failed" || plain == "skipped") {
      if (value == true) on[plain == "skipped" ? "skipped" : "failure"] = true;
    } else if (plain == "exitcode") {
      const Value list = value.is_array() ? value : Value::array({value});
      if (!list.empty()) on["exit_codes"] = list;
    } else if (plain == "output") {
      Value list = Value::array();
      for (const std::string& text : dagu_texts(value)) list.push_back(as_pattern(text));
      if (!list.empty()) on["output"] = list;
    } else if (plain == "marksuccess") {
      if (value == true) on["mark_success"] = true;
    } else {
      notes.push_back("continueOn." + key + " is not carried over");
    }
  }
  const bool after_failures =
      on.contains("failure") || on.contains("exit_codes") || on.contains("output");
  if (!after_failures) on.erase("mark_success");
  if (on.empty()) return nullptr;
  if (after_failures && !on.contains("mark_success")) {
    notes.push_back(
        "continueOn: the run goes on and is failed in the end; Dagu calls it partially "
        "succeeded");
  }
  return on;
}

namespace {

// What the members of a repeatPolicy say, whatever they are called.
struct DaguLoop {
  Value repeat, codes, condition, expected, limit, interval, backoff, longest;
};

DaguLoop loop_of(const Value& given, std::vector<std::string>& notes) {
  DaguLoop loop;
  const std::pair<const char*, Value*> places[] = {
      {"repeat", &loop.repeat},       {"exitcode", &loop.codes},
      {"condition", &loop.condition}, {"expected", &loop.expected},
      {"limit", &loop.limit},         {"intervalsec", &loop.interval},
      {"backoff", &loop.backoff},     {"maxintervalsec", &loop.longest}};
  for (const auto& [key, value] : given.items()) {
    bool known = false;
    for (const auto& [name, place] : places) {
      if (dagu_key(key) != name) continue;
      *place = value;
      known = true;
    }
    if (!known) notes.push_back("repeatPolicy." + key + " is not carried over");
  }
  return loop;
}

// Null: it cannot be said here, and `why_not` why.
Value loop_condition(const DaguLoop& loop, const std::string& output, std::string& why_not) {
  if (loop.condition.is_null()) {
    const Value codes = loop.codes.is_array() ? loop.codes : Value::array({loop.codes});
    const bool named = !loop.codes.is_null() && !codes.empty();
    return {{"exit_codes", named ? codes : Value::array({0})}};
  }
  const std::string condition = dagu_text(loop.condition);
  const std::string expected = dagu_text(loop.expected);
  if (output.empty() || variable_in(condition) != output || expected.empty()) {
    why_not = "\"" + condition + "\" is computed by Dagu, and not known here";
    return nullptr;
  }
  const bool pattern = expected.starts_with(pattern_mark);
  return {{"result", {{pattern ? "matches" : "equals", without_mark(expected)}}}};
}

}  // namespace

Value dagu_repeat(const Value& given, const std::string& output, std::vector<std::string>& notes) {
  if (!given.is_object()) return nullptr;
  const DaguLoop loop = loop_of(given, notes);
  const std::string mode = loop.repeat == true ? "while" : dagu_text(loop.repeat);
  if (mode != "while" && mode != "until") return nullptr;
  std::string why_not;
  const Value condition = loop_condition(loop, output, why_not);
  if (condition.is_null()) {
    notes.push_back("repeatPolicy: " + why_not + "; the step runs once");
    return nullptr;
  }
  constexpr std::int64_t most = 1000;
  const bool bounded = loop.limit.is_number_integer() && loop.limit >= 1 && loop.limit <= most;
  if (!bounded)
    notes.push_back("repeatPolicy: without a limit Dagu repeats for ever; here 1,000 times");
  Value repeat{{mode, condition}, {"max", bounded ? loop.limit : Value(most)}};
  if (loop.interval.is_number()) repeat["delay"] = loop.interval;
  if (loop.backoff == true || (loop.backoff.is_number() && loop.backoff >= 1)) {
    repeat["backoff"] = loop.backoff;
  }
  if (loop.longest.is_number()) repeat["max_delay"] = loop.longest;
  if (mode == "while") repeat["on_max"] = "success";
  if (mode == "until") {
    notes.push_back(
        "repeatPolicy: after its last run the step fails here; in Dagu it is what that run was");
  }
  return repeat;
}

Value dagu_run_if(const Value& given, const DaguVariable& value_of,
                  std::vector<std::string>& notes) {
  Value out = Value::array();
  const Value list = given.is_null()    ? Value::array()
                     : given.is_array() ? given
                                        : Value::array({given});
  for (const Value& one : list) {
    std::string why_not;
    Value condition = condition_of(one, value_of, why_not);
    if (condition.is_null()) {
      notes.push_back("preconditions: " + why_not + "; until then it runs always");
    } else {
      out.push_back(std::move(condition));
    }
  }
  return out.empty() ? Value(nullptr) : out;
}

}  // namespace batuta::cli
