#include "scheduler/cli/completion.h"
#include "common/url.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/cli/client.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr Duration names_timeout = std::chrono::milliseconds(1500);

// COMP_WORDS is cut at colons, which run ids hold: the words are those of the line itself.
constexpr const char* bash_script =
    R"(# batuta completion bash >~/.local/share/bash-completion/completions/batuta
_batuta() {
  local line="${COMP_LINE:0:COMP_POINT}" words found current
  read -ra words <<<"$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  current="${words[${#words[@]}-1]}"
  mapfile -t found < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
  [[ "$current" == *[:=]* ]] && found=("${found[@]#"${current%"${current##*[:=]}"}"}")
  COMPREPLY=("${found[@]}")
}
complete -o default -F _batuta batuta
)";

constexpr const char* zsh_script = R"(#compdef batuta
# batuta completion zsh >"${fpath[1]}/_batuta"
_batuta() {
  local -a found
  found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=("${(@)found:#}")
  if (( ${#found} )); then compadd -Q -a found; else _files; fi
}
if [ "$funcstack[1]" = "_batuta" ]; then _batuta "$@"; else compdef _batuta batuta; fi
)";

constexpr const char* fish_script =
    R"(# batuta completion fish >~/.config/fish/completions/batuta.fish
function __batuta_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c batuta -f -n 'count (__batuta_complete) >/dev/null' -a '(__batuta_complete)'
)";

// Where the words before the cursor have led.
struct Place {
  CLI::App* app;
  CLI::Option* pending = nullptr;  // an option that waits for its value
  std::vector<std::string> positionals;
  std::string home;
};

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0 && option.get_type_size_max() > 0;
}

void walk(Place& place, const std::string& word) {
  if (place.pending != nullptr) {
    if (place.pending->check_name("--home")) place.home = word;
    place.pending = nullptr;
    return;
  }
  if (word.starts_with("-")) {
    const auto equals = word.find('=');
    CLI::Option* option = place.app->get_option_no_throw(word.substr(0, equals));
    if (option == nullptr || !takes_value(*option)) return;
    if (equals == std::string::npos) {
      place.pending = option;
    } else if (option->check_name("--home")) {
      place.home = word.substr(equals + 1);
    }
    return;
  }
  for (CLI::App* command : place.app->get_subcommands([](CLI::App*) { return true; })) {
    if (!place.positionals.empty() || command->get_name() != word) continue;
    place.app = command;
    return;
  }
  place.positionals.push_back(word);
}

std::vector<std::string> commands_of(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    if (!command->get_name().starts_with("_")) names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> options_of(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// What stands for an argument of that name below that noun; empty: nothing known, maybe a file.
std::string kind_of(const std::string& noun, const std::string& name) {
  if (name == "dag_id" || name == "run_id" || name == "task_id") return name;
  if (name == "task_ids") return "task_id";
  if (noun == "pools" && name == "name") return "pool";
  if (noun == "variables" && name == "key") return "variable";
  if (noun == "connections" && name == "id") return "connection";
  return {};
}

std::vector<std::string> fixed_values(const CLI::App& verb, const CLI::Option& option) {
  const std::string noun = verb.get_parent() != nullptr ? verb.get_parent()->get_name() : "";
  if (option.check_name("--output")) return {"table", "json", "yaml", "plain"};
  if (option.check_name("--state")) return {"queued", "running", "success", "failed"};
  if (option.check_name("--log-format")) return {"text", "json"};
  if (option.check_name("state")) {
    return noun == "runs" ? std::vector<std::string>{"queued", "success", "failed"}
                          : std::vector<std::string>{"success", "failed", "skipped"};
  }
  if (option.check_name("shell")) return {"bash", "zsh", "fish"};
  return {};
}

CLI::Option* positional_at(CLI::App& verb, std::size_t index) {
  CLI::Option* last = nullptr;
  for (CLI::Option* option : verb.get_options()) {
    if (!option->get_positional()) continue;
    if (index == 0) return option;
    last = option;
    --index;
  }
  // The last of them may take several words.
  return last != nullptr && last->get_items_expected_max() > 1 ? last : nullptr;
}

std::vector<std::string> candidates(Place& place, const std::string& current, const AskNames& ask) {
  if (place.pending == nullptr && current.starts_with("-")) return options_of(*place.app);
  if (place.pending == nullptr && place.positionals.empty()) {
    if (auto commands = commands_of(*place.app); !commands.empty()) return commands;
  }
  const CLI::Option* option = place.pending != nullptr
                                  ? place.pending
                                  : positional_at(*place.app, place.positionals.size());
  if (option == nullptr) return {};
  if (auto fixed = fixed_values(*place.app, *option); !fixed.empty()) return fixed;
  const CLI::App* noun = place.app->get_parent();
  // The positional name where it has one too, else the longest of the others.
  std::string name = option->get_positional() ? option->get_name(true) : "";
  if (name.empty() || name.starts_with("-")) name = option->get_single_name();
  if (option->check_name("--dag-id") || option->check_name("--dag")) name = "dag_id";
  if (option->check_name("--run")) name = "run_id";
  const std::string kind = kind_of(noun != nullptr ? noun->get_name() : "", name);
  if (kind.empty()) return {};
  return ask({kind, place.positionals, current, place.home});
}

bool plain_word(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-.:+@/=").find(c) != std::string_view::npos;
  });
}

std::vector<std::string> fields_of(const json& rows, const char* field) {
  std::vector<std::string> out;
  for (const json& row : rows) out.push_back(row.value(field, ""));
  return out;
}

std::vector<std::string> names_from(const Client& client, const NamesWanted& wanted) {
  const auto list = [&](const std::string& path, const char* plural, const char* field) {
    const json page = client.get(path);
    return fields_of(page.value(plural, json::array()), field);
  };
  const std::string prefix = percent_encoded(wanted.prefix);
  if (wanted.kind == "dag_id") {
    return list("/api/v2/dags?limit=1000&order_by=dag_id&dag_id_prefix_pattern=" + prefix, "dags",
                "dag_id");
  }
  if (wanted.kind == "pool") return list("/api/v2/pools?limit=1000", "pools", "name");
  if (wanted.kind == "variable") return list("/api/v2/variables?limit=1000", "variables", "key");
  if (wanted.kind == "connection") {
    return list("/api/v2/connections?limit=1000", "connections", "connection_id");
  }
  if (wanted.before.empty()) return {};
  const std::string dag = "/api/v2/dags/" + percent_encoded(wanted.before[0]);
  if (wanted.kind == "task_id") return list(dag + "/tasks", "tasks", "task_id");
  return list(dag + "/dagRuns?limit=100&order_by=-id&run_id_prefix_pattern=" + prefix, "dag_runs",
              "dag_run_id");
}

}  // namespace

std::string completion_script(const std::string& shell) {
  if (shell == "bash") return bash_script;
  if (shell == "zsh") return zsh_script;
  return shell == "fish" ? fish_script : "";
}

std::vector<std::string> complete(CLI::App& app, const std::vector<std::string>& words,
                                  const AskNames& ask) {
  if (words.empty()) return commands_of(app);
  Place place{&app, nullptr, {}, {}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) walk(place, words[i]);
  std::string current = words.back();
  std::string before;  // of --home=…: what is kept in front of each candidate
  if (const auto equals = current.find('=');
      place.pending == nullptr && current.starts_with("-") && equals != std::string::npos) {
    before = current.substr(0, equals + 1);
    place.pending = place.app->get_option_no_throw(current.substr(0, equals));
    current.erase(0, equals + 1);
    if (place.pending == nullptr) return {};
  }
  std::vector<std::string> found = candidates(place, current, ask);
  std::erase_if(found, [&](const std::string& word) {
    return !plain_word(word) || !word.starts_with(current);
  });
  for (std::string& word : found) word.insert(0, before);
  return found;
}

std::vector<std::string> ask_server(const std::string& default_home, const NamesWanted& wanted) {
  try {
    const Client client = Client::find(wanted.home.empty() ? default_home : wanted.home);
    return names_from(client.hurried(names_timeout), wanted);
  } catch (const std::exception&) {
    return {};  // whoever presses the tab key wants no error message
  }
}

}  // namespace batuta::cli
