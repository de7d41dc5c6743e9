#include "scheduler/dagfile/nested_shell.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/dagfile/template_parse.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_warnings = 20;

// The words of the simple command that a text ends in; the last one may go on.
class Words {
 public:
  void feed(std::string_view text) {
    for (const char c : text) feed(c);
  }
  const std::vector<std::string>& list() const { return words_; }
  bool open() const { return open_; }
  void feed(char c) {
    if (escaped_) {
      escaped_ = false;
      return add(c);
    }
    if (quote_ != '\0') {
      if (c == quote_) {
        quote_ = '\0';
      } else if (c == '\\' && quote_ == '"') {
        escaped_ = true;
      } else {
        add(c);
      }
      return;
    }
    if (c == '\\') {
      escaped_ = true;
    } else if (c == '\'' || c == '"') {
      quote_ = c;
      start();
    } else if (c == ' ' || c == '\t') {
      open_ = false;
    } else if (std::string_view(";&|()\n`").find(c) != std::string_view::npos) {
      words_.clear();
      open_ = false;
    } else {
      add(c);
    }
  }
  // Where a variable's value would be put in: not in '…', and not behind a backslash.
  bool expands() const { return !escaped_ && quote_ != '\''; }
  bool quoted() const { return escaped_ || quote_ != '\0'; }

 private:
  void start() {
    if (!open_) words_.emplace_back();
    open_ = true;
  }
  void add(char c) {
    start();
    words_.back() += c;
  }

  std::vector<std::string> words_;
  bool open_ = false, escaped_ = false;
  char quote_ = '\0';
};

std::string_view base_name(std::string_view word) {
  return word.substr(word.rfind('/') + 1);
}

bool is_shell(std::string_view word) {
  constexpr std::string_view shells[] = {"sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "su"};
  return std::find(std::begin(shells), std::end(shells), base_name(word)) != std::end(shells);
}

// "-c", "-lc": what follows is the script.
bool takes_script(std::string_view word) {
  return word.size() > 1 && word.front() == '-' && word[1] != '-' && word.back() == 'c' &&
         std::all_of(word.begin() + 1, word.end(),
                     [](unsigned char c) { return std::isalpha(c) != 0; });
}

std::optional<std::string> code_reader(const Words& read) {
  const auto& words = read.list();
  // Words that are complete: the value begins the next one, or stands in the last.
  const std::size_t done = words.size() - (read.open() ? 1 : 0);
  for (std::size_t i = 0; i < done; ++i) {
    const std::string_view name = base_name(words[i]);
    if (name == "eval") return "eval";
    if (name == "ssh") {
      const bool host = std::any_of(words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                    words.begin() + static_cast<std::ptrdiff_t>(done),
                                    [](const std::string& word) { return word.front() != '-'; });
      if (host) return "ssh";
    }
    if (!is_shell(name)) continue;
    if (done > i + 1 && takes_script(words[done - 1])) return std::string(name) + " -c";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> reads_as_code(std::string_view before) {
  Words read;
  read.feed(before);
  return code_reader(read);
}

std::optional<std::string> program_given(std::string_view before) {
  constexpr std::string_view before_program[] = {"if",    "then", "else", "elif", "while",
                                                 "until", "do",   "!",    "{",    "command",
                                                 "exec",  "time", "-p",   "--"};
  constexpr std::string_view own[] = {"echo", "printf", "export", "readonly", "local", "declare",
                                      "test", "[",      "[[",     "set",      "read",  "case",
                                      ":",    "cd",     "exit",   "return",   "for",   "typeset"};
  const auto listed = [](const auto& list, std::string_view word) {
    return std::find(std::begin(list), std::end(list), word) != std::end(list);
  };
  const auto assigns = [](std::string_view word) {
    const auto name = word.substr(0, word.find('='));
    return name.size() < word.size() && !name.empty() &&
           std::all_of(name.begin(), name.end(),
                       [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  };
  Words read;
  read.feed(before);
  const auto& words = read.list();
  const std::size_t done = words.size() - (read.open() ? 1 : 0);
  for (std::size_t i = 0; i < done; ++i) {
    if (listed(before_program, words[i]) || assigns(words[i])) continue;
    if (listed(own, words[i])) return std::nullopt;
    return std::string(base_name(words[i]));
  }
  return std::nullopt;
}

namespace {

// Calls visit(expression, the command before it) for each template of a shell task's command, until
// it returns true.
template <class Visit>
void each_in_command(const Task& task, Visit&& visit) {
  if (task.plugin != "shell" || !task.has_templates) return;
  const auto spec = parse_untrusted(task.spec_json);
  if (!spec) return;
  const json& params = spec->at("params");
  const auto command = params.find("command");
  if (command == params.end() || !command->is_string()) return;
  const auto pieces = parse_template(command->get_ref<const std::string&>());
  if (!pieces) return;
  std::string before;
  for (const auto& piece : *pieces) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      before += *text;
      continue;
    }
    if (visit(std::get<TemplateExpr>(piece), before)) return;
    before += 'x';
  }
}

// params.token, params.get('token'), dag_run.conf.token, or all of them at once.
bool names_password(const TemplateExpr& expr, const std::string& name) {
  const auto step = [&](std::size_t i) {
    const auto* text = i < expr.path.size() ? std::get_if<std::string>(&expr.path[i]) : nullptr;
    return text ? *text : std::string();
  };
  const std::size_t at = step(0) == "params"                         ? 1
                         : step(0) == "dag_run" && step(1) == "conf" ? 2
                                                                     : 0;
  if (at == 0) return false;
  if (expr.path.size() == at || step(at) == name) return true;
  if (expr.kind != TemplateExpr::Kind::call || step(at) != "get" || expr.arguments.empty()) {
    return false;
  }
  const auto* asked = std::get_if<std::string>(&expr.arguments.front().value.literal);
  return asked != nullptr && *asked == name;
}

std::string place_of_command(std::size_t task) {
  return "/tasks/" + std::to_string(task) + "/command";
}

// The password that an expression names, however deep; empty: none.
std::string password_in(const TemplateExpr& expr, const std::vector<std::string>& passwords) {
  std::string named;
  for (const std::string& name : passwords) {
    each_expression(expr, [&](const TemplateExpr& part) {
      if (named.empty() && names_password(part, name)) named = name;
    });
  }
  return named;
}

// All words of a container are arguments of its program, and what an engine's list of it shows.
void warn_of_words(const Task& task, std::size_t at, const std::vector<std::string>& passwords,
                   std::vector<FieldProblem>& out) {
  if (task.plugin != "container" || !task.has_templates) return;
  const auto spec = parse_untrusted(task.spec_json);
  if (!spec) return;
  for (const char* field : {"entrypoint", "command"}) {
    const json words = spec->at("params").value(field, json::array());
    std::string named;
    for (const json& word : words.is_array() ? words : json::array({words})) {
      const auto pieces = word.is_string() ? parse_template(word.get_ref<const std::string&>())
                                           : parse_template("");
      if (!pieces || !named.empty()) continue;
      for (const auto& piece : *pieces) {
        const auto* expr = std::get_if<TemplateExpr>(&piece);
        if (expr != nullptr && named.empty()) named = password_in(*expr, passwords);
      }
    }
    if (named.empty()) continue;
    out.push_back(
        {"/tasks/" + std::to_string(at) + "/" + field,
         "the password \"" + named +
             "\" is an argument of the container's program, and everybody on the host can "
             "see those: hand it over in \"env\", or as a connection's secret"});
  }
}

}  // namespace

std::vector<FieldProblem> password_argument_warnings(const Dag& dag) {
  std::vector<FieldProblem> out;
  const auto passwords = password_params(dag);
  for (std::size_t i = 0; i < dag.tasks.size() && !passwords.empty(); ++i) {
    if (out.size() >= max_warnings) break;
    warn_of_words(dag.tasks[i], i, passwords, out);
    each_in_command(dag.tasks[i], [&](const TemplateExpr& expr, const std::string& before) {
      const std::string named = password_in(expr, passwords);
      const auto program = named.empty() ? std::nullopt : program_given(before);
      if (!program) return false;
      out.push_back({place_of_command(i),
                     "the password \"" + named + "\" is an argument of \"" + *program +
                         "\", and everybody on the host can see those: hand it over in \"env\", or "
                         "on standard input (printf %s {{ params." +
                         named + " }} | " + *program + " …)"});
      return true;
    });
  }
  return out;
}

namespace {

// ssh joins its words with blanks, and a shell over there reads them all anew: no argument is safe.
std::string remedy(const std::string& program) {
  if (program == "ssh")
    return "the other host's shell reads all of its words, arguments and \"args\" too: send it on "
           "standard input (printf %s {{ … }} | ssh host 'v=$(cat); echo \"$v\"')";
  return "hand it over as an argument (sh -c 'echo \"$1\"' sh {{ … }}), in \"env\" or in \"args\"";
}

// The name of the variable that stands at the beginning of what follows a $: "1", "@", "FILE", of
// "{FILE:-x}" too; empty: none.
std::string_view variable_at(std::string_view rest) {
  const auto of_name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  const bool braced = rest.starts_with('{');
  if (braced) rest.remove_prefix(1);
  if (rest.empty()) return {};
  if (rest[0] == '@' || rest[0] == '*') return rest.substr(0, 1);
  if (!braced && std::isdigit(static_cast<unsigned char>(rest[0])) != 0) return rest.substr(0, 1);
  const auto end = std::find_if_not(rest.begin(), rest.end(), of_name);
  return rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
}

constexpr std::size_t max_text_read = 64u << 10, max_variables_read = 1000;

// Calls visit(variable, the command before it) for each variable that sh puts in, until it returns
// true. Comments are passed over; here documents are read as commands.
template <class Visit>
void each_variable(std::string_view text, Visit&& visit) {
  text = text.substr(0, max_text_read);
  Words before;
  std::size_t seen = 0;
  bool comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins = i == 0 || std::string_view(" \t\n;&|(").find(text[i - 1]) != text.npos;
    comment = c != '\n' && (comment || (c == '#' && begins && !before.quoted()));
    if (comment) continue;
    if (c == '$' && before.expands()) {
      const std::string_view name = variable_at(text.substr(i + 1));
      if (!name.empty() && (++seen > max_variables_read || visit(name, before))) return;
    }
    before.feed(c);
  }
}

bool has_value(const json& text) {
  if (!text.is_string()) return false;
  const auto pieces = parse_template(text.get_ref<const std::string&>());
  return pieces && std::any_of(pieces->begin(), pieces->end(), [](const auto& piece) {
           const auto* expr = std::get_if<TemplateExpr>(&piece);
           return expr != nullptr && !expr->raw();
         });
}

// The variables that hold values of templates, by name, each with the field that says so.
std::map<std::string, std::string, std::less<>> variables_of(const json& params) {
  std::map<std::string, std::string, std::less<>> out;
  const json args = params.value("args", json::array());
  if (has_value(args)) {  // a list that is known when it runs
    for (const char* name : {"@", "*", "1", "2", "3", "4", "5", "6", "7", "8", "9"})
      out.emplace(name, "args");
  } else if (args.is_array()) {
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (!has_value(args[i])) continue;
      const std::string field = "args/" + std::to_string(i);
      out.emplace(std::to_string(i + 1), field);
      out.emplace("@", field);
      out.emplace("*", field);
    }
  }
  const json env = params.value("env", json::object());
  if (env.is_object()) {
    for (const auto& [name, value] : env.items())
      if (has_value(value)) out.emplace(name, "env/" + name);
  }
  return out;
}

// As templates in the command itself: what the first shell puts into the words of the second one.
std::optional<FieldProblem> variable_warning(const Task& task, std::size_t at) {
  if (task.plugin != "shell" || !task.has_templates) return std::nullopt;
  const auto spec = parse_untrusted(task.spec_json);
  if (!spec) return std::nullopt;
  const json& params = spec->at("params");
  const auto variables = variables_of(params);
  if (variables.empty()) return std::nullopt;
  std::optional<FieldProblem> found;
  for (const char* field : {"command", "script"}) {
    const auto text = params.find(field);
    if (text == params.end() || !text->is_string() || found) continue;
    each_variable(
        text->get_ref<const std::string&>(), [&](std::string_view name, const Words& before) {
          const auto variable = variables.find(name);
          const auto program = variable == variables.end() ? std::nullopt : code_reader(before);
          if (!program) return false;
          const std::string written = "\"$" + std::string(name) + "\"";
          const bool other_host = *program == "ssh";
          found = FieldProblem{
              "/tasks/" + std::to_string(at) + "/" + variable->second,
              "the " + std::string(field) + " puts this value, " + written + ", into what \"" +
                  *program + "\" reads, and it is code there: " +
                  (other_host
                       ? "send it on standard input (printf %s " + written +
                             " | ssh host 'v=$(cat); echo \"$v\"')"
                       : "hand it over as an argument (sh -c 'echo \"$1\"' sh " + written + ")")};
          return true;
        });
  }
  return found;
}

}  // namespace

std::vector<FieldProblem> nested_shell_warnings(const Dag& dag) {
  std::vector<FieldProblem> out;
  for (std::size_t i = 0; i < dag.tasks.size() && out.size() < max_warnings; ++i) {
    each_in_command(dag.tasks[i], [&](const TemplateExpr& expr, const std::string& before) {
      const auto program = expr.raw() ? std::nullopt : reads_as_code(before);
      if (!program) return false;
      out.push_back({place_of_command(i),
                     "a value in what \"" + *program +
                         "\" reads is code there, whatever its quotes: " + remedy(*program)});
      return true;
    });
    if (auto warning = variable_warning(dag.tasks[i], i)) out.push_back(std::move(*warning));
  }
  return out;
}

}  // namespace batuta
