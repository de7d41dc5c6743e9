#include "scheduler/dagfile/plugin_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/contract_fields.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/model_fields.h"
#include "scheduler/dagfile/task_types.h"

namespace batuta {
namespace {

using nlohmann::json;

struct TypeRow {
  const char* wanted;
  bool (*fits)(const json&);
};

// By ParamType.
constexpr TypeRow types[] = {
    {"a text", [](const json& v) { return v.is_string(); }},
    {"a whole number", [](const json& v) { return json_int(v).has_value(); }},
    {"a number", [](const json& v) { return v.is_number(); }},
    {"true or false", [](const json& v) { return v.is_boolean(); }},
    {"a list", [](const json& v) { return v.is_array(); }},
    {"an object", [](const json& v) { return v.is_object(); }},
    {"the name of a connection", [](const json& v) { return v.is_string(); }},
    {"anything", [](const json&) { return true; }},
};

void check_params(const PluginInfo& plugin, const json& params, const std::string& pointer,
                  Problems& problems) {
  std::vector<std::string> names;
  for (const auto& param : plugin.params) {
    names.push_back(param.name);
    const auto given = params.find(param.name);
    if (given == params.end()) {
      if (param.required && param.default_json.empty()) {
        problems.add(pointer, plugin.name + " needs the parameter \"" + param.name + "\"");
      }
      continue;
    }
    const auto& type = types[static_cast<std::size_t>(param.type)];
    if (!is_template(*given) && !type.fits(*given)) {
      problems.add(
          pointer + "/" + pointer_token(param.name),
          param.name + " must be " + type.wanted + ", not " + std::string(json_kind(*given)));
    }
  }
  for (const auto& [name, value] : params.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    problems.add(pointer + "/" + pointer_token(name), plugin.name + " has no parameter \"" +
                                                          name.substr(0, 80) + "\"" +
                                                          did_you_mean(name, names));
  }
}

}  // namespace

std::vector<std::string> check_plugins(const Dag& dag, const json& definition,
                                       const std::vector<PluginInfo>& catalogue,
                                       Problems& problems) {
  std::unordered_map<std::string, const PluginInfo*> known;
  std::vector<std::string> names;
  for (const auto& plugin : catalogue) {
    known.emplace(plugin.name, &plugin);
    names.push_back(plugin.name);
  }
  std::set<std::string> missing;
  for (std::size_t i = 0; i < dag.tasks.size() && !problems.full(); ++i) {
    const Task& task = dag.tasks[i];
    const auto found = known.find(task.plugin);
    if (found == known.end()) {
      if (task.needs_worker()) missing.insert(task.plugin);
      continue;
    }
    // The parser knows the fields of these.
    if (is_builtin_type(task.plugin) || task.plugin == model_plugin) continue;
    const json& written = definition["tasks"][i];
    const auto pointer = "/tasks/" + std::to_string(i);
    if (const auto& type = written["type"].get_ref<const std::string&>();
        type != found->second->kind) {
      problems.add(pointer + "/type", task.plugin + " is a plugin of type \"" +
                                          found->second->kind + "\", not \"" + type + "\"");
    }
    const auto given = written.find("params");
    json params = given == written.end() ? json::object() : *given;
    add_contract_params(written, params);
    check_params(*found->second, params, pointer + "/params", problems);
  }
  std::vector<std::string> texts;
  texts.reserve(missing.size());
  for (const auto& plugin : missing) {
    texts.push_back(std::string(nobody_offers) + "\"" + plugin + "\"" +
                    did_you_mean(plugin, names));
  }
  return texts;
}

}  // namespace batuta
