// Settings out of batuta.json and the environment, and what is wrong with them.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "common/fd.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/serve/settings.h"

namespace batuta {
namespace {

using json = nlohmann::json;

// Variables of ours that are no settings: of the command line, of what a task finds, of tests.
constexpr std::array other_variables{
    "BATUTA_HOME", "BATUTA_URL", "BATUTA_TOKEN", "BATUTA_LOG_FORMAT", "BATUTA_QUEUES",
    "BATUTA_HOOK_SECRET", "BATUTA_FAILPOINT", "BATUTA_VENV_FOLDER", "BATUTA_COMMAND_ENV",
    "BATUTA_CONTAINERS", "BATUTA_SPARK_SUBMIT", "BATUTA_WARM_PYTHON", "BATUTA_TABLES",
    "BATUTA_LAKE", "BATUTA_AZURITE", "BATUTA_DAG_ID", "BATUTA_RUN_ID", "BATUTA_TASK_ID",
    "BATUTA_TRY_NUMBER", "BATUTA_MAP_INDEX", "BATUTA_RUN_DIR", "BATUTA_XCOM_DIR", "BATUTA_RESULT",
    "BATUTA_ASSETS", "BATUTA_SCRATCH", "BATUTA_BUILD_DIR", "BATUTA_SOURCE_DIR",
    // Of an object store (docs/stores.md).
    "BATUTA_STORE_ENDPOINT", "BATUTA_STORE_PATH_STYLE", "BATUTA_STORE_ENCRYPTION",
    "BATUTA_STORE_ENCRYPTION_KEY"};
constexpr std::string_view of_secrets = "BATUTA_SECRET_";

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const Setting& setting : settings_table()) names.emplace_back(setting.name);
  return names;
}

const Setting* setting_named(std::string_view name) {
  const auto& table = settings_table();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const Setting& s) { return name == s.name; });
  return found == table.end() ? nullptr : &*found;
}

std::string unknown(const std::string& name, const json& value) {
  std::string message = "unknown setting \"" + name.substr(0, 100) + "\"";
  const auto& table = settings_table();
  const auto of_section = std::find_if(table.begin(), table.end(), [&](const Setting& s) {
    return std::string_view(s.name).starts_with(name + ".");
  });
  if (value.is_object() && of_section != table.end()) {
    std::string example = of_section->name;
    for (const auto& [key, unused] : value.items()) {  // one of those that are meant, if any is
      const Setting* meant = setting_named(name + "." + key);
      if (meant == nullptr) continue;
      example = meant->name;
      break;
    }
    return message + ": settings of a section are written with a dot, as \"" + example + "\"";
  }
  return message + did_you_mean(name, setting_names()) + " (`batuta config schema` lists all)";
}

// Variables that begin like ours and mean nothing: a slip of the hand would go unseen.
void note_strangers(std::vector<std::string>& notes) {
  std::vector<std::string> known(other_variables.begin(), other_variables.end());
  for (const Setting& setting : settings_table()) known.push_back(setting.variable());
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view entry = *one;
    const std::string name(entry.substr(0, entry.find('=')));
    if (!name.starts_with("BATUTA_") || name.starts_with(of_secrets)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    notes.push_back(name + " in the environment is no setting" + did_you_mean(name, known));
  }
}

// What a variable of the environment says of a setting; ours goes before Airflow's.
Status read_variable(const Setting& setting, Settings& settings, std::vector<std::string>* notes) {
  std::string name = setting.variable();
  const char* value = std::getenv(name.c_str());
  if (value == nullptr && *setting.airflow != '\0') {
    name = setting.airflow;
    value = std::getenv(name.c_str());
    if (value != nullptr && notes != nullptr)
      notes->push_back(std::string("the setting ") + setting.name + " is taken from " + name);
  }
  if (value == nullptr) return success();
  if (auto read = setting.read(settings, json(value)); !read)
    return {Errc::invalid, name + ": " + read.error().message};
  return success();
}

// Nothing where the file may be absent and is. One that is there and cannot be read is never taken
// for an empty one: every setting would silently be its default.
Result<std::optional<std::string>> text_of(const std::string& file, SettingsFile presence) {
  const UniqueFd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd && errno == ENOENT) {
    if (presence == SettingsFile::may_be_absent) return std::optional<std::string>{};
    return {Errc::invalid, file + " is not there; for defaults alone write {} into it"};
  }
  std::string text;
  std::array<char, std::size_t{16} << 10> chunk{};
  for (;;) {
    const ssize_t n = fd ? ::read(fd.get(), chunk.data(), chunk.size()) : -1;
    if (n == 0) return std::optional(std::move(text));
    if (n < 0 && fd && errno == EINTR) continue;
    if (n < 0) {
      return {Errc::invalid, file + " cannot be read: " + std::strerror(errno) +
                                 "; the user that runs this must be let to"};
    }
    text.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

std::vector<std::string> read_settings_text(const std::string& text, const std::string& file,
                                            Settings& into) {
  const auto parsed = parse_untrusted(text);
  if (!parsed) return {file + ": " + parsed.error().message};
  if (!parsed->is_object()) return {file + ": must be a JSON object"};
  std::vector<std::string> problems;
  for (const std::string& name : json_keys(text, "")) {  // in the order of the file
    if (name == "$schema") continue;
    const json& value = (*parsed)[name];
    const Setting* setting = setting_named(name);
    const Status read =
        setting ? setting->read(into, value) : Status(Errc::invalid, unknown(name, value));
    if (read) continue;
    const TextPosition at = locate_json(text, "/" + pointer_token(name));
    problems.push_back(file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                       ": " + read.error().message);
  }
  return problems;
}

std::vector<std::string> check_settings_text(const std::string& text, const std::string& file,
                                             int& settings) {
  Settings read;
  auto problems = read_settings_text(text, file, read);
  if (!problems.empty()) return problems;
  const auto names = json_keys(text, "");
  settings = static_cast<int>(names.size() - std::count(names.begin(), names.end(), "$schema"));
  if (auto fit = check_together(read); !fit) problems.push_back(file + ": " + fit.error().message);
  return problems;
}

Result<Settings> settings_of(const std::string& folder, std::vector<std::string>* notes,
                             SettingsFile presence) {
  Settings settings;
  std::vector<std::string> problems;
  const std::string file = folder + "/batuta.json";
  auto text = text_of(file, presence);
  if (!text) return text.error();
  if (*text) problems = read_settings_text(**text, file, settings);
  for (const Setting& setting : settings_table()) {
    if (auto read = read_variable(setting, settings, notes); !read)
      problems.push_back(read.error().message);
  }
  if (problems.empty()) {
    if (auto fit = check_together(settings); !fit) problems.push_back(fit.error().message);
  }
  if (notes != nullptr) note_strangers(*notes);
  if (problems.empty()) return settings;
  std::string all;
  for (const std::string& problem : problems) all += (all.empty() ? "" : "\n") + problem;
  return {Errc::invalid, all};
}

}  // namespace batuta
