#include "scheduler/dagfile/nested_shell.h"

#include <algorithm>
#include <cctype>
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

 private:
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

}  // namespace

std::optional<std::string> reads_as_code(std::string_view before) {
  Words read;
  read.feed(before);
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
  }
  return out;
}

}  // namespace batuta
