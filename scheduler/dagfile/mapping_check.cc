// A mapping held against its task's type and templates, and put into an instance's parameters.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/mapped_items.h"
#include "scheduler/dagfile/mapping.h"
#include "scheduler/dagfile/mapping_fields.h"
#include "scheduler/dagfile/task_types.h"
#include "scheduler/dagfile/template.h"

namespace batuta {
namespace {

using nlohmann::json;

// Every item that is written out, as its type would read it.
void check_items(const json& object, const Task& task, const json& spec, const std::string& pointer,
                 Problems& problems) {
  json plain = object;
  for (const auto& field : all_mapped_fields()) {
    if (field.type != task.plugin) continue;
    if (!plain.contains(field.name) && field.name == "url") plain["url"] = "http://localhost/";
  }
  const auto check = [&](const std::string& name, const json& value, const std::string& where) {
    if (!find_mapped_field(task.plugin, name) || is_template(value) || problems.full()) return;
    const json before = std::exchange(plain[name], value);
    Problems found;
    Task scratch;
    FieldReader reader(plain, "", found);
    read_task_type(reader, scratch);
    if (!found.none()) problems.add(pointer + where, found.list().front().message);
    plain[name] = before;
  };
  const auto check_lists = [&](const json& lists, const std::string& where) {
    for (const auto& [name, list] : lists.items()) {
      for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
        check(name, list[i], where + "/" + pointer_token(name) + "/" + std::to_string(i));
      }
    }
  };
  for (const std::string_view kind : {mapping_kinds[0], mapping_kinds[1]}) {
    const auto given = spec.find(kind);
    if (given == spec.end()) continue;
    const std::string where = "/" + std::string(kind);
    if (given->is_object()) check_lists(*given, where);
    for (const json& each : *given) {
      if (given->is_array() && each.is_object()) check_lists(each, where);
    }
  }
  const auto rows = spec.find("expand_kwargs");
  if (rows == spec.end() || !rows->is_array()) return;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    for (const auto& [name, value] : (*rows)[i].items()) {
      check(name, value, "/expand_kwargs/" + std::to_string(i) + "/" + pointer_token(name));
    }
  }
}

// What templates call `item.<name>` is mapped, and what is mapped is used.
void check_uses(const Task& task, const json& spec, const std::string& pointer,
                Problems& problems) {
  const auto names = mapped_names(spec);
  if (!names) return;
  std::set<std::string> used;
  bool whole = false;
  const std::vector<std::string> known(names->begin(), names->end());
  for (const std::string* text : {&task.spec_json, &task.map_index_template}) {
    if (text->empty()) continue;
    for (const ParamUse& use : items_needed(*text)) {
      if (use.name.empty()) {
        whole = true;
      } else if (names->contains(use.name)) {
        used.insert(use.name);
      } else {
        problems.add(pointer, "item." + use.name.substr(0, 80) + " is not mapped" +
                                  did_you_mean(use.name, known));
      }
    }
  }
  if (spec.contains("expand_kwargs")) return;
  for (const std::string& name : *names) {
    if (whole || used.contains(name) || find_mapped_field(task.plugin, name)) continue;
    if (name == "connection") continue;  // told already
    std::vector<std::string> fields;
    for (const auto& field : all_mapped_fields()) {
      if (field.type == task.plugin) fields.emplace_back(field.name);
    }
    const std::string kind(mapping_kind(spec));
    problems.add(pointer + "/" + kind + "/" + pointer_token(name),
                 in_quotes(name) + " is no field of a " + task.plugin +
                     " task that can be mapped, and "
                     "no template uses {{ item." +
                     name.substr(0, 80) + " }}" + did_you_mean(name, fields));
  }
}

JsonLimits limits_of_a_mapping() {
  JsonLimits limits;
  limits.bytes = limits.string_bytes = std::size_t{8} << 20;
  limits.tokens = 2'000'000;
  return limits;
}

bool skips_whatever_follows(const Task& task) {
  if (task.plugin != "approval") return false;
  const auto spec = parse_untrusted(task.spec_json, limits_of_a_mapping());
  if (!spec || !spec->is_object()) return false;
  const auto params = spec->find("params");
  return params != spec->end() && params->is_object() &&
         params->value("on_reject", std::string()) == "skip_all";
}

// What each instance of a group would have to do on its own, and cannot.
std::string_view why_not_in_group(const Task& task) {
  if (task.is_data) {
    return "a data task keeps one window and one watermark for all, so it cannot stand in a mapped "
           "group";
  }
  if (task.is_setup || task.is_teardown) {
    return "setups and teardowns cannot stand in a mapped group: put them before and behind it, "
           "around all of its instances";
  }
  if (task.is_on_exit) return "a task of on_exit cannot stand in a mapped group";
  if (skips_whatever_follows(task)) {
    return "an approval with ignore_downstream_trigger_rules cannot stand in a mapped group: each "
           "item's decides for that item, and trigger rules say what follows; leave it out";
  }
  if (task.is_branch || task.plugin == "short_circuit") {
    return "what decides whether others are skipped cannot stand in a mapped group: give each of "
           "its tasks a \"run_if\", which is read for each item";
  }
  return {};
}

void check_items_used(const std::string& text, const json& spec, const std::string& pointer,
                      Problems& problems) {
  const auto names = mapped_names(spec);
  if (text.empty() || !names) return;
  const std::vector<std::string> known(names->begin(), names->end());
  for (const ParamUse& use : items_needed(text)) {
    if (use.name.empty() || names->contains(use.name)) continue;
    problems.add(pointer, "item." + use.name.substr(0, 80) + " is not mapped" +
                              did_you_mean(use.name, known));
  }
}

void check_in_group(const std::string& pointer, Problems& problems, Task& task) {
  if (const auto why = why_not_in_group(task); !why.empty()) {
    return problems.add(pointer, std::string(why) + " (\"" + task.mapped_group + "\")");
  }
  task.has_templates = true;  // what it gets is made at launch
  const auto spec = parse_untrusted(task.expand_json, limits_of_a_mapping());
  if (spec) check_items_used(task.spec_json, *spec, pointer, problems);
}

}  // namespace

void check_group_mapping(const std::string& expand_json, const std::string& map_index_template,
                         std::int32_t most, const std::string& pointer, Problems& problems) {
  const auto spec = parse_untrusted(expand_json, limits_of_a_mapping());
  if (!spec) return;
  check_items_used(map_index_template, *spec, pointer + "/map_index_template", problems);
  if (has_template(*spec)) return;
  if (const auto items = MappedItems::of(*spec, most); !items) {
    problems.add(pointer + "/" + std::string(mapping_kind(*spec)), items.error().message);
  }
}

void check_mapping(const json& object, const std::string& pointer, Problems& problems, Task& task) {
  if (!task.mapped_group.empty()) return check_in_group(pointer, problems, task);
  if (!task.is_mapped()) {
    if (!task.has_templates) return;
    const auto uses = items_needed(task.spec_json);
    if (uses.empty()) return;
    problems.add(pointer,
                 "only a mapped task has an item: name what it is mapped over in \"expand\"");
    return;
  }
  const JsonLimits limits = limits_of_a_mapping();
  auto written = parse_untrusted(task.spec_json, limits);
  const auto spec = parse_untrusted(task.expand_json, limits);
  if (!written || !spec) return;
  if (problems.none()) check_items(object, task, *spec, pointer, problems);
  json& params = (*written)["params"];
  if (const auto names = mapped_names(*spec)) {
    for (const std::string& name : *names) {
      if (find_mapped_field(task.plugin, name)) params.erase(name);
    }
  } else if (task.plugin == "http" && params.value("url", "") == "http://localhost/") {
    params.erase("url");
  }
  task.spec_json = json_text(*written);
  task.has_templates = true;  // what it gets is made at launch
  check_uses(task, *spec, pointer, problems);
  if (!problems.none() || has_template(*spec)) return;
  if (const auto items = MappedItems::of(*spec, task.max_map_length); !items) {
    problems.add(pointer + "/" + std::string(mapping_kind(*spec)), items.error().message);
  }
}

Status fill_arguments(const Task& task, const json& item, json& params) {
  if (!task.mapped_group.empty()) return success();  // its templates take what they want
  for (const auto& [name, value] : item.items()) {
    if (task.plugin == "http" && name == "connection") {
      return {Errc::invalid,
              "a connection cannot come from what a task is mapped over: name it in "
              "the task"};
    }
    if (!find_mapped_field(task.plugin, name)) continue;
    if (task.plugin == "shell" && name == "command" &&
        task.expand_json.find("{{") != std::string::npos) {
      return {Errc::invalid,
              "a command cannot come from what a task is mapped over: write it in the "
              "task, with {{ item.<name> }}, which is quoted there"};
    }
    json& given = params[name];
    if (name == "env" && given.is_object() && value.is_object()) {
      given.update(value);  // over the DAG's
    } else {
      given = value;
    }
  }
  return success();
}

}  // namespace batuta
