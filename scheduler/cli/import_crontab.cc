#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/shell_word.h"
#include "scheduler/cli/imported.h"

namespace batuta::cli {
namespace {

using Definition = nlohmann::ordered_json;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  std::size_t end = 0;
  while (end < text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(0, end);
  text = trimmed(text.substr(end));
  return word;
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// NAME = value, as cron reads it; nullopt for a line that is none.
std::optional<std::pair<std::string, std::string>> assignment(std::string_view line) {
  const auto equals = line.find('=');
  if (equals == line.npos) return std::nullopt;
  const std::string_view name = unquoted(trimmed(line.substr(0, equals)));
  const bool valid = !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
                     });
  if (!valid) return std::nullopt;
  return std::pair(std::string(name), std::string(unquoted(trimmed(line.substr(equals + 1)))));
}

// The first unescaped % begins what is given on standard input, each further one is a line break.
struct Command {
  std::string text;
  std::optional<std::string> input;
};
Command split_percent(std::string_view text) {
  Command command;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '%';
    std::string& out = command.input ? *command.input : command.text;
    if (escaped) {
      out += text[++i];
    } else if (text[i] != '%') {
      out += text[i];
    } else if (!command.input) {
      command.input.emplace();
    } else {
      out += '\n';
    }
  }
  return command;
}

// What the job is called: the program, behind what only prepares or wraps it.
std::string name_of(std::string_view command) {
  static const std::set<std::string_view> wrappers = {
      "sudo",    "nice",   "ionice",  "nohup", "env",   "exec",    "time",
      "chronic", "bash",   "sh",      "zsh",   "php",   "perl",    "ruby",
      "node",    "python", "python3", "java",  "flock", "timeout", "command"};
  static const std::set<std::string_view> passed = {"cd", "test",   "[",     "[[", "export",
                                                    ".",  "source", "sleep", "set"};
  std::string fallback;
  while (!command.empty()) {
    const auto end = std::min(command.find_first_of(";&|\n"), command.size());
    std::string_view part = command.substr(0, end);
    command.remove_prefix(end);
    while (!command.empty() &&
           std::string_view(";&|\n ").find(command[0]) != std::string_view::npos) {
      command.remove_prefix(1);
    }
    for (bool first = true; !trimmed(part).empty();) {
      const std::string_view word = unquoted(take_word(part));
      const auto slash = word.rfind('/');
      const std::string_view base = slash == word.npos ? word : word.substr(slash + 1);
      if (first && passed.count(base) > 0) break;
      const bool option = word.starts_with('-') || word.find('=') != word.npos ||
                          std::all_of(word.begin(), word.end(), [](char c) {
                            return std::isdigit(static_cast<unsigned char>(c)) != 0;
                          });
      if (wrappers.count(base) > 0 && fallback.empty()) fallback = base;
      first = first && (option || wrappers.count(base) > 0);
      if (option || wrappers.count(base) > 0 || base.ends_with(".lock")) continue;
      const auto dot = base.rfind('.');
      return id_of(dot == base.npos || dot == 0 ? base : base.substr(0, dot), "job");
    }
  }
  return fallback.empty() ? "job" : fallback;
}

class Reader {
 public:
  explicit Reader(const CrontabOptions& options) : options_(options), timezone_(options.timezone) {}

  void line(std::string_view text) {
    ++number_;
    text = trimmed(text);
    if (text.empty()) {
      comment_.clear();
    } else if (text[0] == '#') {
      comment_ = trimmed(text.substr(std::min(text.find_first_not_of('#'), text.size())));
    } else if (const auto set = assignment(text)) {
      variable(set->first, set->second);
    } else {
      job(text);
      comment_.clear();
    }
  }

  Imported finish() {
    if (!out_.dags.empty()) {
      out_.notes.insert(out_.notes.begin(),
                        {"the DAGs are paused: take the lines out of the crontab, then batuta dags "
                         "unpause DAG, so that nothing runs twice",
                         "cron starts a command in the user's home with a small environment; here "
                         "it starts in an empty folder of its own: paths must be absolute"});
    }
    return std::move(out_);
  }

 private:
  void note(const std::string& text) {
    out_.notes.push_back("line " + std::to_string(number_) + ": " + text);
  }
  void note_once(const std::string& text) {
    if (said_.insert(text).second) note(text);
  }

  void variable(const std::string& name, const std::string& value) {
    if (name == "MAILTO" || name == "MAILFROM") {
      if (!value.empty()) {
        note_once(name + "=" + value +
                  " is not carried over: output is in the task's log; on_failure tells a Slack "
                  "channel of failures");
      }
    } else if (name == "SHELL") {
      shell_ = value == "/bin/sh" ? "" : value;
    } else if (name == "CRON_TZ") {
      timezone_ = value;
    } else if (name == "RANDOM_DELAY" || name == "START_HOURS_RANGE") {
      note(name + " is not carried over; \"jitter\" spreads the starts of a DAG");
    } else {
      if (exported_by_command(name)) {
        exports_[name] = value;
      } else {
        environment_[name] = without_braces(value);
      }
    }
  }

  // The schedule at the line's beginning, which is taken off it; empty: none, as a note says.
  std::string take_schedule(std::string_view& text, bool& understood) {
    understood = true;
    if (text[0] == '-') text.remove_prefix(1);  // SUSE: do not log
    if (text[0] == '@') {
      const std::string preset(take_word(text));
      if (preset == "@annually") return "@yearly";
      if (preset == "@midnight") return "@daily";
      if (preset != "@reboot") return preset;
      note(
          "@reboot has no counterpart: the DAG has no schedule; a systemd unit of the machine may "
          "run batuta dags trigger");
      return "";
    }
    std::array<std::string, 5> fields;
    for (std::string& field : fields) field = take_word(text);
    understood = !fields[4].empty() &&
                 std::all_of(fields.begin(), fields.end(), [](const std::string& field) {
                   return field.find_first_not_of(
                              "0123456789*/,-~abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ#?") == field.npos;
                 });
    const bool stepped = (fields[2].starts_with("*/") && fields[4] != "*") ||
                         (fields[4].starts_with("*/") && fields[2] != "*");
    if (stepped) {
      note(
          "cron runs this only when both day fields fit, for one begins with *; here either is "
          "enough: check the schedule");
    }
    std::string schedule;
    for (const std::string& field : fields) schedule += (schedule.empty() ? "" : " ") + field;
    return schedule;
  }

  void job(std::string_view text) {
    bool understood = true;
    const std::string schedule = take_schedule(text, understood);
    const std::string user(options_.system && understood ? take_word(text) : "");
    if (!understood || text.empty()) {
      return note("not understood, no DAG was made of it");
    }
    if (!user.empty()) {
      note_once("ran as user " + user + "; here tasks run as the worker's user (worker.user)");
    }
    Command command = split_percent(text);
    if (command.text.find(">/dev/null") != std::string::npos ||
        command.text.find("> /dev/null") != std::string::npos) {
      note("throws its output away; left in, it would be in the task's log");
    }
    const std::string id = free_id(options_.prefix + name_of(command.text), taken_);
    taken_.push_back(id);
    Definition task{{"task_id", "run"}, {"type", "shell"}, {"command", script_of(command)}};
    if (!environment_.empty()) task["env"] = environment_;
    Definition dag{{"$schema", "./dag.schema.json"}, {"dag_id", id}};
    dag["description"] =
        comment_.empty() ? "Line " + std::to_string(number_) + " of a crontab" : comment_;
    dag["schedule"] = schedule.empty() ? Definition(nullptr) : Definition(schedule);
    if (!timezone_.empty() && timezone_ != "UTC") dag["timezone"] = timezone_;
    dag["tags"] = {"cron"};
    dag["tasks"] = Definition::array({task});
    out_.dags.push_back({id, dag.dump(2)});
  }

  std::string script_of(const Command& command) const {
    std::string script = command.text;
    if (!shell_.empty()) script = shell_word(shell_) + " -c " + shell_word(script);
    if (command.input) {
      std::string end = "END_OF_INPUT";
      while (command.input->find(end) != std::string::npos) end += "_";
      script = "{ " + script + "\n} <<'" + end + "'\n" + *command.input + "\n" + end;
    }
    std::string head;
    for (const auto& [name, value] : exports_)
      head += "export " + name + "=" + shell_word(value) + "\n";
    return without_braces(head + script);
  }

  const CrontabOptions& options_;
  Imported out_;
  std::size_t number_ = 0;
  std::string comment_, shell_, timezone_;
  Definition environment_ = Definition::object();
  std::map<std::string, std::string> exports_;
  std::vector<std::string> taken_;
  std::set<std::string> said_;
};

}  // namespace

Imported import_crontab(std::string_view text, const CrontabOptions& options) {
  Reader reader(options);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    reader.line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.finish();
}

}  // namespace batuta::cli
