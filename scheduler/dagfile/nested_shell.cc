#include "scheduler/dagfile/nested_shell.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
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

std::vector<FieldProblem> nested_shell_warnings(const Dag& dag) {
  std::vector<FieldProblem> out;
  for (std::size_t i = 0; i < dag.tasks.size() && out.size() < max_warnings; ++i) {
    const Task& task = dag.tasks[i];
    if (task.plugin != "shell" || !task.has_templates) continue;
    const auto spec = parse_untrusted(task.spec_json);
    if (!spec) continue;
    const json& params = spec->at("params");
    const auto command = params.find("command");
    if (command == params.end() || !command->is_string()) continue;
    const auto pieces = parse_template(command->get_ref<const std::string&>());
    if (!pieces) continue;
    std::string before;
    for (const auto& piece : *pieces) {
      if (const auto* text = std::get_if<std::string>(&piece)) {
        before += *text;
        continue;
      }
      const auto program =
          std::get<TemplateExpr>(piece).raw() ? std::nullopt : reads_as_code(before);
      before += 'x';
      if (!program) continue;
      out.push_back({"/tasks/" + std::to_string(i) + "/command",
                     "a value in what \"" + *program +
                         "\" reads is code there, whatever its quotes: hand it over as an argument "
                         "(sh -c 'echo \"$1\"' sh {{ … }}), in \"env\" or in \"args\""});
      break;
    }
  }
  return out;
}

}  // namespace batuta
