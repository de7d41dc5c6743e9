#include "scheduler/dagfile/mapping.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/mapped_items.h"
#include "scheduler/dagfile/suggest.h"
#include "scheduler/dagfile/task_types.h"
#include "scheduler/dagfile/template.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::string_view kinds[] = {"expand", "expand_zip", "expand_kwargs"};
constexpr std::size_t max_arguments = 32;
constexpr std::size_t max_name_template = 4096;

// A field of a built-in that instances may fill, and a value that it takes while nobody knows
// theirs.
struct MappedField {
  std::string_view type;
  std::string_view name;
  const char* stand_in;
};
constexpr MappedField mapped_fields[] = {
    {"shell", "command", R"("true")"}, {"shell", "env", "{}"},
    {"http", "method", R"("GET")"},    {"http", "url", R"("http://localhost/")"},
    {"http", "body", "null"},          {"http", "headers", "{}"},
    {"mock", "run_for", "0"},          {"mock", "fail_times", "0"},
    {"mock", "exit", "0"},             {"mock", "signal", "1"},
    {"mock", "hang", "false"},         {"mock", "print", R"("")"},
    {"mock", "return", "null"},
};

const MappedField* find_field(std::string_view type, std::string_view name) {
  const auto* found =
      std::find_if(std::begin(mapped_fields), std::end(mapped_fields),
                   [&](const MappedField& f) { return f.type == type && f.name == name; });
  return found == std::end(mapped_fields) ? nullptr : found;
}

std::string in_quotes(std::string_view name) {
  return "\"" + std::string(name.substr(0, 80)) + "\"";
}

std::string_view kind_of(const json& object) {
  for (const std::string_view kind : kinds) {
    if (object.contains(kind)) return kind;
  }
  return {};
}

std::string type_of(const json& object) {
  const auto type = object.find("type");
  return type != object.end() && type->is_string() ? type->get<std::string>() : std::string();
}

// Why tasks of a type cannot be mapped; empty when they can, or nobody knows the type.
std::string_view why_not(std::string_view type) {
  if (type == "empty") return "an empty task does nothing that could be mapped";
  if (type == "branch") return "a branch decides once in a run, so it cannot be mapped";
  if (type == "extract" || type == "transform" || type == "aggregate") {
    return "a data task keeps one window and one watermark for all, so it cannot be mapped: map a "
           "shell or http task, or write one task for each";
  }
  return {};
}

bool has_template(const json& value) {
  return json_text(value).find("{{") != std::string::npos;
}

// The named arguments of one task, each with what it is mapped over.
using Arguments = std::vector<std::pair<std::string, const json*>>;

struct Reading {
  json& object;
  const std::string& pointer;
  Problems& problems;
  std::string kind;
  std::string type;

  void problem(const std::string& where, std::string message) const {
    problems.add(pointer + "/" + where, std::move(message));
  }
  std::string at(const std::string& name) const { return kind + "/" + pointer_token(name); }
};

void read_argument(const Reading& in, const std::string& name, const json& value,
                   Arguments& arguments) {
  if (!valid_id(name)) {
    in.problem(in.at(name), in_quotes(name) + " is not a name for an argument: " + std::string(id_rule));
  } else if (std::any_of(arguments.begin(), arguments.end(),
                         [&](const auto& other) { return other.first == name; })) {
    in.problem(in.at(name), in_quotes(name) + " is mapped twice");
  } else if (!value.is_array() && !value.is_object() && !is_template(value)) {
    in.problem(in.at(name), "a task is mapped over a list, an object, or a template that yields "
                            "one, such as \"{{ ti.xcom_pull('list_files') }}\"; this is " +
                                std::string(json_kind(value)));
  } else {
    arguments.emplace_back(name, &value);
  }
}

Arguments read_arguments(const Reading& in, const json& given) {
  Arguments arguments;
  const bool list = in.kind == "expand" && given.is_array();
  if (!given.is_object() && !list) {
    in.problem(in.kind, in.kind + " must be an object of names and lists, not " +
                            std::string(json_kind(given)));
    return arguments;
  }
  const auto read = [&](const json& object) {
    for (const auto& [name, value] : object.items()) read_argument(in, name, value, arguments);
  };
  if (!list) {
    read(given);
  } else {
    for (const json& each : given) {
      if (each.is_object()) {
        read(each);
      } else {
        in.problem(in.kind, "an entry of a list in expand must be an object of one name and its "
                            "list");
      }
    }
  }
  if (given.empty()) in.problem(in.kind, in.kind + " names nothing to map over");
  if (arguments.size() > max_arguments) {
    in.problem(in.kind, "more than " + std::to_string(max_arguments) + " names are mapped");
  }
  return arguments;
}

void refuse_connection(const Reading& in, const std::string& where) {
  in.problem(where, "a connection cannot be mapped: a task may use only those that its definition "
                    "names");
}

// Commands are written by the author of the DAG; what data may say stands in them, quoted.
void check_command(const Reading& in, const std::string& where, const json& value) {
  if (!has_template(value)) return;
  in.problem(where, "a mapped command must be written out: map another name, and write the command "
                    "with {{ item.<name> }}, which is quoted there");
}

void stand_in(const Reading& in, const MappedField& field, const json* known) {
  if (known) {
    in.object[std::string(field.name)] = *known;
  } else {
    const auto value = parse_untrusted(field.stand_in);
    BATUTA_CHECK(value.ok(), field.stand_in);
    in.object[std::string(field.name)] = *value;
  }
}

void fill_field(const Reading& in, const std::string& name, const json& value) {
  if (in.type == "http" && name == "connection") return refuse_connection(in, in.at(name));
  const MappedField* field = find_field(in.type, name);
  if (!field) return;
  if (in.object.contains(name)) {
    return in.problem(name, in_quotes(name) + " is given twice: here, and by " + in.kind);
  }
  if (name == "command") check_command(in, in.at(name), value);
  stand_in(in, *field, value.is_array() && !value.empty() ? &value.front() : nullptr);
}

void read_rows(const Reading& in, const json& given) {
  if (is_template(given)) {  // a URL may be among what it yields
    if (in.type == "http" && !in.object.contains("url")) {
      stand_in(in, *find_field("http", "url"), nullptr);
    }
    return;
  }
  if (!given.is_array()) {
    return in.problem(in.kind, "expand_kwargs must be a list of objects, or a template that yields "
                               "one, not " +
                                   std::string(json_kind(given)));
  }
  std::map<std::string, const json*> first;
  for (std::size_t i = 0; i < given.size() && !in.problems.full(); ++i) {
    const std::string where = in.kind + "/" + std::to_string(i);
    if (!given[i].is_object()) {
      in.problem(where, "must be an object with the arguments of one instance, not " +
                            std::string(json_kind(given[i])));
      continue;
    }
    for (const auto& [name, value] : given[i].items()) {
      if (in.type == "http" && name == "connection") refuse_connection(in, where + "/connection");
      if (in.type == "shell" && name == "command") check_command(in, where + "/command", value);
      if (find_field(in.type, name)) first.emplace(name, &value);
    }
  }
  for (const auto& [name, value] : first) {
    if (in.object.contains(name)) {
      in.problem(name, in_quotes(name) + " is given twice: here, and by expand_kwargs");
    } else {
      stand_in(in, *find_field(in.type, name), value);
    }
  }
}

// Names that instances are given, as far as they are known before a run; nullopt: not at all.
std::optional<std::set<std::string>> names_of(const json& spec) {
  std::set<std::string> names;
  const auto add = [&](const json& object) {
    if (!object.is_object()) return;
    for (const auto& [name, value] : object.items()) names.insert(name);
  };
  for (const std::string_view kind : kinds) {
    const auto given = spec.find(kind);
    if (given == spec.end()) continue;
    if (given->is_string()) return std::nullopt;
    if (given->is_array()) {
      for (const json& each : *given) add(each);
    } else {
      add(*given);
    }
  }
  return names;
}

// Every item that is written out, as its type would read it.
void check_items(const json& object, const Task& task, const json& spec,
                 const std::string& pointer, Problems& problems) {
  json plain = object;
  for (const auto& field : mapped_fields) {
    if (field.type != task.plugin) continue;
    if (!plain.contains(field.name) && field.name == "url") plain["url"] = "http://localhost/";
  }
  const auto check = [&](const std::string& name, const json& value, const std::string& where) {
    if (!find_field(task.plugin, name) || is_template(value) || problems.full()) return;
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
  for (const std::string_view kind : {kinds[0], kinds[1]}) {
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
  const auto names = names_of(spec);
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
    if (whole || used.contains(name) || find_field(task.plugin, name)) continue;
    if (name == "connection") continue;  // told already
    std::vector<std::string> fields;
    for (const auto& field : mapped_fields) {
      if (field.type == task.plugin) fields.emplace_back(field.name);
    }
    const std::string kind(kind_of(spec));
    problems.add(pointer + "/" + kind + "/" + pointer_token(name),
                 in_quotes(name) + " is no field of a " + task.plugin + " task that can be mapped, and "
                                "no template uses {{ item." +
                     name.substr(0, 80) + " }}" + did_you_mean(name, fields));
  }
}

}  // namespace

bool has_mapping(const json& object) {
  return !kind_of(object).empty() || object.contains("expand_fill") ||
         object.contains("map_index_template") || object.contains("max_map_length");
}

void read_mapping(json& object, const std::string& pointer, Problems& problems, Task& task) {
  const std::string kind(kind_of(object));
  const Reading in{object, pointer, problems, kind, type_of(object)};
  json spec = json::object();
  for (const std::string_view each : kinds) {
    if (!object.contains(each)) continue;
    if (each != kind) {
      in.problem(std::string(each), "a task is mapped by one of expand, expand_zip and "
                                    "expand_kwargs; this one has " + kind + " already");
    } else {
      spec[kind] = object[kind];
    }
  }
  FieldReader fields(object, pointer, problems);
  const auto name = fields.text("map_index_template", max_name_template);
  const auto most = fields.integer("max_map_length", 1, max_map_length);
  if (object.contains("expand_fill")) spec["expand_fill"] = object["expand_fill"];
  if (kind.empty()) {
    for (const char* field : {"expand_fill", "map_index_template", "max_map_length"}) {
      if (!object.contains(field)) continue;
      in.problem(field, std::string(field) + " belongs to a mapped task, and this one has none of "
                                             "expand, expand_zip and expand_kwargs");
    }
  } else if (const std::string_view why = why_not(in.type); !why.empty()) {
    in.problem(kind, std::string(why));
  } else {
    if (spec.contains("expand_fill") && kind != "expand_zip") {
      in.problem("expand_fill", "expand_fill belongs to expand_zip");
    }
    if (kind == "expand_kwargs") {
      read_rows(in, spec[kind]);
    } else {
      for (const auto& [argument, value] : read_arguments(in, spec[kind])) {
        fill_field(in, argument, *value);
      }
    }
    task.expand_json = json_text(spec);
    if (name) task.map_index_template = json_text(json{{"map_index_template", *name}});
    if (most) task.max_map_length = static_cast<std::int32_t>(*most);
  }
  for (const std::string_view each : kinds) object.erase(std::string(each));
  for (const char* field : {"expand_fill", "map_index_template", "max_map_length"}) {
    object.erase(field);
  }
}

void check_mapping(const json& object, const std::string& pointer, Problems& problems, Task& task) {
  if (!task.is_mapped()) {
    if (!task.has_templates) return;
    const auto uses = items_needed(task.spec_json);
    if (uses.empty()) return;
    problems.add(pointer, "only a mapped task has an item: name what it is mapped over in \"expand\"");
    return;
  }
  JsonLimits limits;
  limits.bytes = limits.string_bytes = std::size_t{8} << 20;
  limits.tokens = 2'000'000;
  auto written = parse_untrusted(task.spec_json, limits);
  const auto spec = parse_untrusted(task.expand_json, limits);
  if (!written || !spec) return;
  if (problems.none()) check_items(object, task, *spec, pointer, problems);
  json& params = (*written)["params"];
  if (const auto names = names_of(*spec)) {
    for (const std::string& name : *names) {
      if (find_field(task.plugin, name)) params.erase(name);
    }
  } else if (task.plugin == "http" && params.value("url", "") == "http://localhost/") {
    params.erase("url");
  }
  task.spec_json = json_text(*written);
  task.has_templates = true;  // what it gets is made at launch
  check_uses(task, *spec, pointer, problems);
  if (!problems.none() || has_template(*spec)) return;
  if (const auto items = MappedItems::of(*spec, task.max_map_length); !items) {
    problems.add(pointer + "/" + std::string(kind_of(*spec)), items.error().message);
  }
}

Status fill_arguments(const Task& task, const json& item, json& params) {
  for (const auto& [name, value] : item.items()) {
    if (task.plugin == "http" && name == "connection") {
      return {Errc::invalid, "a connection cannot come from what a task is mapped over: name it in "
                             "the task"};
    }
    if (!find_field(task.plugin, name)) continue;
    if (task.plugin == "shell" && name == "command" &&
        task.expand_json.find("{{") != std::string::npos) {
      return {Errc::invalid, "a command cannot come from what a task is mapped over: write it in the "
                             "task, with {{ item.<name> }}, which is quoted there"};
    }
    params[name] = value;
  }
  return success();
}

void keep_expand_order(json& definition, std::string_view text) {
  const auto tasks = definition.find("tasks");
  if (tasks == definition.end() || !tasks->is_array()) return;
  const auto several = [](const json& task) {
    return task.is_object() && task.contains("expand") && task["expand"].is_object() &&
           task["expand"].size() > 1;
  };
  if (std::none_of(tasks->begin(), tasks->end(), several)) return;
  const auto orders = json_keys_of_items(text, "/tasks", "expand");
  for (std::size_t i = 0; i < tasks->size() && i < orders.size(); ++i) {
    if (!several((*tasks)[i])) continue;
    json& expand = (*tasks)[i]["expand"];
    json list = json::array();
    for (const std::string& name : orders[i]) {
      json one = json::object();
      one[name] = std::move(expand[name]);
      list.push_back(std::move(one));
    }
    expand = std::move(list);
  }
}

}  // namespace batuta
