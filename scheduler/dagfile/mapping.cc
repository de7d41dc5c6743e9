#include "scheduler/dagfile/mapping.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/mapping_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_mapped_names = 32;
constexpr std::size_t max_name_template = 4096;

std::string type_of(const json& object) {
  const auto type = object.find("type");
  return type != object.end() && type->is_string() ? type->get<std::string>() : std::string();
}

// Why tasks of a type cannot be mapped; empty when they can, or nobody knows the type.
std::string_view why_not(std::string_view type) {
  if (type == "empty") return "an empty task does nothing that could be mapped";
  if (type == "branch") return "a branch decides once in a run, so it cannot be mapped";
  if (type == "short_circuit") {
    return "a short circuit decides once in a run, so it cannot be mapped";
  }
  if (type == "extract" || type == "transform" || type == "aggregate") {
    return "a data task keeps one window and one watermark for all, so it cannot be mapped: map a "
           "shell or http task, or write one task for each";
  }
  return {};
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
    in.problem(in.at(name),
               in_quotes(name) + " is not a name for an argument: " + std::string(id_rule));
  } else if (std::any_of(arguments.begin(), arguments.end(),
                         [&](const auto& other) { return other.first == name; })) {
    in.problem(in.at(name), in_quotes(name) + " is mapped twice");
  } else if (!value.is_array() && !value.is_object() && !is_template(value)) {
    in.problem(in.at(name),
               "a task is mapped over a list, an object, or a template that yields "
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
        in.problem(in.kind,
                   "an entry of a list in expand must be an object of one name and its "
                   "list");
      }
    }
  }
  if (given.empty()) in.problem(in.kind, in.kind + " names nothing to map over");
  if (arguments.size() > max_mapped_names) {
    in.problem(in.kind, "more than " + std::to_string(max_mapped_names) + " names are mapped");
  }
  return arguments;
}

void refuse_connection(const Reading& in, const std::string& where) {
  in.problem(where,
             "a connection cannot be mapped: a task may use only those that its definition "
             "names");
}

// Commands are written by the author of the DAG; what data may say stands in them, quoted.
void check_command(const Reading& in, const std::string& where, const json& value) {
  if (!has_template(value)) return;
  in.problem(where,
             "a mapped command must be written out: map another name, and write the command "
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
  const MappedField* field = find_mapped_field(in.type, name);
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
      stand_in(in, *find_mapped_field("http", "url"), nullptr);
    }
    return;
  }
  if (!given.is_array()) {
    return in.problem(in.kind,
                      "expand_kwargs must be a list of objects, or a template that yields "
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
      if (find_mapped_field(in.type, name)) first.emplace(name, &value);
    }
  }
  for (const auto& [name, value] : first) {
    if (in.object.contains(name)) {
      in.problem(name, in_quotes(name) + " is given twice: here, and by expand_kwargs");
    } else {
      stand_in(in, *find_mapped_field(in.type, name), value);
    }
  }
}

}  // namespace

bool has_mapping(const json& object) {
  return !mapping_kind(object).empty() || object.contains("expand_fill") ||
         object.contains("map_index_template") || object.contains("max_map_length");
}

void read_mapping(json& object, const std::string& pointer, Problems& problems, Task& task) {
  const std::string kind(mapping_kind(object));
  const Reading in{object, pointer, problems, kind, type_of(object)};
  json spec = json::object();
  for (const std::string_view each : mapping_kinds) {
    if (!object.contains(each)) continue;
    if (each != kind) {
      in.problem(std::string(each),
                 "a task is mapped by one of expand, expand_zip and "
                 "expand_kwargs; this one has " +
                     kind + " already");
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
      in.problem(field, std::string(field) +
                            " belongs to a mapped task, and this one has none of "
                            "expand, expand_zip and expand_kwargs");
    }
  } else if (const std::string_view why = why_not(in.type); !why.empty()) {
    in.problem(kind, std::string(why));
  } else {
    if (in.type == "approval" && object.value("ignore_downstream_trigger_rules", json()) == true) {
      in.problem("ignore_downstream_trigger_rules",
                 "of a mapped approval each instance decides for itself: one that is rejected is "
                 "skipped, and trigger rules say what follows; leave it out");
    }
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
  for (const std::string_view each : mapping_kinds) object.erase(std::string(each));
  for (const char* field : {"expand_fill", "map_index_template", "max_map_length"}) {
    object.erase(field);
  }
}

namespace {

json listed_in_order(json expand, const std::vector<std::string>& names) {
  json list = json::array();
  for (const std::string& name : names) {
    json one = json::object();
    one[name] = std::move(expand[name]);
    list.push_back(std::move(one));
  }
  return list;
}

void keep_order_of_groups(json& definition, std::string_view text) {
  const auto groups = definition.find("task_groups");
  if (groups == definition.end() || !groups->is_object()) return;
  for (auto& [id, group] : groups->items()) {
    const auto expand = group.is_object() ? group.find("expand") : group.end();
    if (expand == group.end() || !expand->is_object() || expand->size() < 2) continue;
    *expand = listed_in_order(std::move(*expand),
                              json_keys(text, "/task_groups/" + pointer_token(id) + "/expand"));
  }
}

}  // namespace

void keep_expand_order(json& definition, std::string_view text) {
  keep_order_of_groups(definition, text);
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
    expand = listed_in_order(std::move(expand), orders[i]);
  }
}

}  // namespace batuta
