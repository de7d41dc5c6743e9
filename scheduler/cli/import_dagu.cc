#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/shell_word.h"
#include "contract/yaml.h"
#include "scheduler/cli/dagu_fields.h"
#include "scheduler/cli/dagu_flow.h"
#include "scheduler/cli/imported.h"

namespace batuta::cli {
namespace {

using Value = nlohmann::ordered_json;

// The fields of an object by their plain names, taken one by one, so that what is left over can be
// told.
class DaguFields {
 public:
  explicit DaguFields(const Value& object) {
    if (!object.is_object()) return;
    for (const auto& [key, value] : object.items())
      by_key_.emplace(dagu_key(key), std::pair(key, value));
  }
  Value take(const std::string& key) {
    const auto at = by_key_.find(key);
    if (at == by_key_.end()) return nullptr;
    Value value = std::move(at->second.second);
    by_key_.erase(at);
    return value;
  }
  std::string take_text(const std::string& key) { return dagu_text(take(key)); }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& [key, field] : by_key_) names.push_back(field.first);
    return names;
  }

 private:
  std::map<std::string, std::pair<std::string, Value>> by_key_;
};

struct Step {
  std::string id;      // as it is called here
  std::string called;  // as the file calls it
  std::vector<std::string> depends;
  std::string output;  // the variable that its output becomes
  Value preconditions;
  Value task;
};

class Converter {
 public:
  Converter(const Value& file, const std::string& name) : fields_(file) {
    dag_id_ = fields_.take_text("name");
    dag_id_ = id_of(dag_id_.empty() ? name : dag_id_, "dag");
  }

  Imported run() {
    Value dag{{"$schema", "./dag.schema.json"}, {"dag_id", dag_id_}};
    const std::string description = fields_.take_text("description");
    if (!description.empty()) dag["description"] = description;
    schedule(dag);
    limits(dag);
    labels(dag);
    params(dag);
    shell_ = fields_.take_text("shell");
    folder_ = fields_.take_text("workingdir");
    environment_ = dagu_pairs(fields_.take("env"));
    conditions(dag, fields_.take("preconditions"), "the DAG", nullptr);
    steps(dag);
    handlers();
    for (const std::string& left : fields_.left()) note(left, "is not carried over");
    out_.notes.insert(out_.notes.begin(), "the DAG is paused: batuta dags unpause " + dag_id_);
    out_.dags.push_back({dag_id_, dag.dump(2)});
    return std::move(out_);
  }

 private:
  void note(const std::string& where, const std::string& text) {
    out_.notes.push_back(where + ": " + text);
  }

  void schedule(Value& dag) {
    Value given = fields_.take("schedule");
    if (given.is_object()) {
      DaguFields parts(given);
      given = parts.take("start");
      for (const std::string& left : parts.left()) {
        note("schedule." + left, "is not carried over: only starts are scheduled");
      }
    }
    auto times = dagu_texts(given);
    for (std::string& text : times) {
      std::string zone;
      for (const char* name : {"CRON_TZ=", "TZ="}) {
        if (!text.starts_with(name)) continue;
        const auto blank = std::min(text.find(' '), text.size());
        zone = text.substr(std::string_view(name).size(), blank - std::string_view(name).size());
        text.erase(0, std::min(blank + 1, text.size()));
      }
      if (!zone.empty()) dag["timezone"] = zone;
    }
    dag["schedule"] = times.empty()       ? Value(nullptr)
                      : times.size() == 1 ? Value(times[0])
                                          : Value(times);
    if (!times.empty() && !dag.contains("timezone")) {
      note("schedule", "is read in UTC; Dagu reads it in its server's zone: set \"timezone\"");
    }
  }

  void limits(Value& dag) {
    const auto number = [&](const char* theirs, const char* ours) {
      const Value given = fields_.take(theirs);
      if (given.is_number_integer() && given.get<double>() > 0) dag[ours] = given;
    };
    number("maxactiveruns", "max_active_runs");
    number("maxactivesteps", "max_active_tasks");
    number("timeoutsec", "dagrun_timeout");
    const Value kept = fields_.take("histretentiondays");
    const bool days = kept.is_number_integer() && kept > 0;
    if (days) dag["retention"] = dagu_text(kept) + "d";
    if (!days && !kept.is_null()) note("histRetentionDays", "is not carried over");
  }

  void labels(Value& dag) {
    Value tags = Value::array();
    std::set<std::string> seen;
    for (const char* field : {"tags", "labels", "group"}) {
      const Value given = fields_.take(field);
      std::vector<std::string> texts;
      if (given.is_object()) {
        for (const auto& [key, value] : given.items())
          texts.push_back(key + "=" + dagu_text(value));
      } else {
        for (std::string text : dagu_texts(given)) {
          std::replace(text.begin(), text.end(), ',', ' ');
          for (const auto& [name, word] : dagu_pairs(text)) {
            texts.push_back(name.empty() ? word : name + "=" + word);
          }
        }
      }
      for (const std::string& text : texts) {
        if (!text.empty() && seen.insert(text).second) tags.push_back(text);
      }
    }
    if (!tags.empty()) dag["tags"] = tags;
  }

  void params(Value& dag) {
    int position = 0;
    for (const auto& [name, value] : dagu_pairs(fields_.take("params"))) {
      ++position;
      if (name.empty() || id_of(name, "") != name) {
        note("params", "the value \"" + value + "\" has no name that a parameter may have: $" +
                           std::to_string(position) + " in the commands needs a hand");
        continue;
      }
      dag["params"][name] = {{"type", "string"}, {"default", value}};
      param_names_.push_back(name);
      if (value.find('`') != value.npos || value.find('$') != value.npos) {
        note("params." + name,
             "is computed by Dagu (\"" + value + "\"); here it is this very text");
      }
    }
  }

  void steps(Value& dag) {
    Value given = fields_.take("steps");
    std::string type = fields_.take_text("type");
    if (given.is_object()) {
      Value list = Value::array();
      for (auto& [name, step] : given.items()) {
        Value named = step.is_object() ? step : Value{{"command", step}};
        named["name"] = name;
        list.push_back(std::move(named));
      }
      given = std::move(list);
    }
    bool any_depends = false;
    for (const Value& step : given) {
      if (!step.is_array()) {
        any_depends |= add_step(step);
        continue;
      }
      note("steps", "a list in the list runs at once in Dagu; here its steps follow each other");
      for (const Value& inner : step) any_depends |= add_step(inner);
    }
    if (type == "agent") note("type", "agent: its steps are taken as tasks, none is chosen");
    const bool chain = type == "chain" || (type.empty() && !any_depends);
    if (type.empty() && chain && steps_.size() > 1) {
      note("steps",
           "none depends on another: taken as a chain, one after the other, as older "
           "versions of Dagu run them");
    }
    Value tasks = Value::array();
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (chain && i > 0 && steps_[i].depends.empty()) steps_[i].depends = {steps_[i - 1].called};
      tasks.push_back(finished(steps_[i]));
    }
    dag["tasks"] = std::move(tasks);
  }

  // Whether it names what it depends on.
  bool add_step(const Value& given) {
    DaguFields fields(given.is_object() ? given : Value{{"command", given}});
    Step step;
    const std::string name = fields.take_text("name");
    const std::string id = fields.take_text("id");
    step.called = !id.empty() ? id : name;
    std::vector<std::string> taken;
    for (const Step& other : steps_) taken.push_back(other.id);
    step.id = free_id(id_of(step.called, "step_" + std::to_string(steps_.size() + 1)), taken);
    if (!name.empty()) names_[name] = step.id;
    if (!id.empty()) names_[id] = step.id;
    if (step.called.empty()) names_[step.called = step.id] = step.id;
    if (step.called != step.id) note(step.called, "is called " + step.id + " here");
    const Value depends = fields.take("depends");
    step.depends = dagu_texts(depends);
    step.output = output_of(step, fields.take("output"));
    step.task = Value{{"task_id", step.id}, {"type", "shell"}};
    retries(step, fields.take("retrypolicy"));
    going_on(step, fields.take("continueon"));
    repeats(step, fields.take("repeatpolicy"));
    if (const Value limit = fields.take("timeoutsec"); limit.is_number()) {
      step.task["execution_timeout"] = limit;
    }
    fields.take("description");
    step.preconditions = fields.take("preconditions");
    if (step.preconditions.is_null()) step.preconditions = fields.take("precondition");
    command(step, fields);
    for (const std::string& left : fields.left()) note(step.id, left + " is not carried over");
    steps_.push_back(std::move(step));
    return !depends.is_null();
  }

  std::string output_of(const Step& step, const Value& given) {
    if (given.is_null()) return {};
    std::string name = given.is_object() ? given.value("name", "") : dagu_text(given);
    if (name.starts_with('$')) name.erase(0, 1);
    if (name.empty()) {
      note(step.id, "output is not carried over");
    } else {
      note(step.id, "the last line that it prints is $" + name +
                        " for what comes after it; in "
                        "Dagu it is all that it prints");
    }
    return name;
  }

  void retries(Step& step, const Value& given) {
    if (given.is_null()) return;
    DaguFields policy(given);
    if (const Value limit = policy.take("limit"); limit.is_number_integer())
      step.task["retries"] = limit;
    if (const Value wait = policy.take("intervalsec"); wait.is_number())
      step.task["retry_delay"] = wait;
    const Value backoff = policy.take("backoff");
    if (backoff.is_number() || backoff.is_boolean())
      step.task["retry_exponential_backoff"] = backoff;
    if (const Value most = policy.take("maxintervalsec"); most.is_number())
      step.task["max_retry_delay"] = most;
    if (const Value codes = policy.take("exitcode"); codes.is_array() && !codes.empty()) {
      step.task["retry_rules"] = {{{"exit_codes", codes}, {"action", "retry"}},
                                  {{"action", "fail"}}};
    }
    for (const std::string& left : policy.left()) {
      note(step.id, "retryPolicy." + left + " is not carried over");
    }
  }

  void going_on(Step& step, const Value& given) {
    std::vector<std::string> notes;
    const Value on = dagu_continue_on(given, notes);
    if (!on.is_null()) step.task["continue_on"] = on;
    for (const std::string& text : notes) note(step.id, text);
  }

  void repeats(Step& step, const Value& given) {
    std::vector<std::string> notes;
    const Value repeat = dagu_repeat(given, step.output, notes);
    if (!repeat.is_null()) step.task["repeat"] = repeat;
    for (const std::string& text : notes) note(step.id, text);
  }

  // `step`: whose; null for the file's own. What its variables are depends on what comes before it.
  void conditions(Value& into, const Value& given, const std::string& where, const Step* step) {
    std::vector<std::string> notes;
    const auto value_of = [&](const std::string& name) -> std::string {
      const auto& params = param_names_;
      if (std::find(params.begin(), params.end(), name) != params.end())
        return "{{ params." + name + " }}";
      for (const Step& other : steps_) {
        if (step && other.output == name && comes_before(other.id, *step, 0))
          return "{{ ti.xcom_pull('" + other.id + "') }}";
      }
      for (const auto& [key, value] : environment_) {
        const bool plain = value.find_first_of("$`") == value.npos;
        if (key == name && plain && !value.empty()) return without_braces(value);
      }
      return {};
    };
    const Value run_if = dagu_run_if(given, value_of, notes);
    if (!run_if.is_null()) into["run_if"] = run_if;
    for (const std::string& text : notes) note(where, text);
  }

  void command(Step& step, DaguFields& fields) {
    std::string text;
    const Value command = fields.take("command");
    const Value run = fields.take("run");
    const std::string script = fields.take_text("script");
    const auto arguments = dagu_texts(fields.take("args"));
    std::string kind;
    const Value executor = fields.take("executor");
    if (executor.is_string()) kind = executor.get<std::string>();
    if (executor.is_object()) kind = executor.value("type", "");
    if (const std::string type = fields.take_text("type"); kind.empty()) kind = type;
    if (const std::string action = fields.take_text("action"); kind.empty()) kind = action;
    const std::string call = fields.take_text("call");
    if (!call.empty()) kind = "call of the DAG " + call;
    if (!kind.empty() && kind != "command" && kind != "shell") {
      note(step.id,
           "is a step of kind " + kind + ": write what it does; until then the task fails");
      step.task["command"] = "echo " + shell_word("to be written: " + kind) + " >&2; exit 1";
      fields.take("config");
      fields.take("with");
      return;
    }
    if (run.is_string() && !command.is_null())
      note(step.id, "run is not carried over beside command");
    const Value& lines = command.is_null() ? run : command;
    for (const std::string& line : dagu_texts(lines)) text += (text.empty() ? "" : "\n") + line;
    if (lines.is_array()) text = "set -e\n" + text;
    for (const std::string& argument : arguments) text += " " + shell_word(argument);
    if (!script.empty()) text = with_script(text, script);
    if (text.empty()) {
      note(step.id, "has no command");
      text = "true";
    }
    text = redirected(text, fields);
    std::string shell = fields.take_text("shell");
    if (shell.empty()) shell = shell_;
    std::string head;
    std::string folder = fields.take_text("workingdir");
    if (folder.empty()) folder = fields.take_text("dir");
    if (folder.empty()) folder = folder_;
    if (!folder.empty()) head += "cd " + in_double_quotes(folder) + " || exit 1\n";
    variables(step, fields, head);
    text = head + text;
    if (!shell.empty() && shell != "sh" && shell != "/bin/sh")
      text = shell + " -c " + shell_word(text);
    step.task["command"] = without_braces(text);
  }

  // `command: python` with `script:` runs the script by python.
  static std::string with_script(const std::string& command, const std::string& script) {
    if (command.empty() && !script.starts_with("#!")) return script;
    std::string end = "END_OF_SCRIPT";
    while (script.find(end) != script.npos) end += "_";
    const std::string write = "cat >script <<'" + end + "'\n" + script +
                              (script.ends_with('\n') ? "" : "\n") + end + "\n";
    return write + (command.empty() ? "chmod +x script\n./script" : command + " script");
  }

  static std::string redirected(const std::string& text, DaguFields& fields) {
    std::string to;
    if (const std::string out = fields.take_text("stdout"); !out.empty()) {
      to += " >>" + in_double_quotes(out);
    }
    if (const std::string err = fields.take_text("stderr"); !err.empty()) {
      to += " 2>>" + in_double_quotes(err);
    }
    return to.empty() ? text : "{ " + text + "\n}" + to;
  }

  // "…" in which $VARIABLE and `command` mean what they mean in Dagu's values.
  static std::string in_double_quotes(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  }

  void variables(Step& step, DaguFields& fields, std::string& head) {
    auto all = environment_;
    for (auto& pair : dagu_pairs(fields.take("env"))) all.push_back(std::move(pair));
    Value env = Value::object();
    for (const std::string& name : param_names_) env[name] = "{{ params." + name + " }}";
    for (const auto& [name, value] : all) {
      if (name.empty()) continue;
      if (exported_by_command(name) || value.find('$') != value.npos ||
          value.find('`') != value.npos) {
        head += "export " + name + "=" + in_double_quotes(value) + "\n";
      } else {
        env[name] = without_braces(value);
      }
    }
    if (!env.empty()) step.task["env"] = env;
  }

  Value finished(Step& step) {
    Value depends = Value::array();
    for (const std::string& name : step.depends) {
      const auto known = names_.find(name);
      depends.push_back(known == names_.end() ? name : known->second);
    }
    if (!depends.empty()) step.task["depends_on"] = depends;
    conditions(step.task, step.preconditions, step.id, &step);
    for (const Step& other : steps_) {
      if (!other.output.empty() && comes_before(other.id, step, 0)) {
        step.task["env"][other.output] = "{{ ti.xcom_pull('" + other.id + "') }}";
      }
    }
    return step.task;
  }

  bool comes_before(const std::string& id, const Step& step, int depth) const {
    if (depth > 100) return false;
    for (const std::string& name : step.depends) {
      const auto known = names_.find(name);
      if (known == names_.end()) continue;
      if (known->second == id) return true;
      for (const Step& other : steps_) {
        if (other.id == known->second && comes_before(id, other, depth + 1)) return true;
      }
    }
    return false;
  }

  void handlers() {
    const Value given = fields_.take("handleron");
    if (given.is_null()) return;
    for (const auto& [when, step] : given.items()) {
      note("handlerOn." + when,
           when == "failure" ? "is not carried over: on_failure tells a Slack channel, and a task "
                               "with the trigger rule one_failed may clean up"
                             : "is not carried over: a last task with the trigger rule all_done or "
                               "all_success does the like");
    }
  }

  DaguFields fields_;
  Imported out_;
  std::string dag_id_, shell_, folder_;
  std::vector<std::pair<std::string, std::string>> environment_;
  std::vector<std::string> param_names_;
  std::vector<Step> steps_;
  std::map<std::string, std::string> names_;  // as the file calls a step -> its id here
};

}  // namespace

Result<Imported> import_dagu(std::string_view text, const std::string& name) {
  auto file = contract::parse_yaml(text);
  if (!file) return file.error();
  if (!file->is_object() || !file->contains("steps")) {
    return {Errc::malformed, "no Dagu file: it has no steps"};
  }
  return Converter(*file, name).run();
}

}  // namespace batuta::cli
