#include "scheduler/cli/model_plan.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/model_folder.h"
#include "scheduler/cli/slot_run.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/dag_parser.h"

namespace batuta::cli {
namespace {

using nlohmann::json;

constexpr std::size_t shown_id = 16;  // hex digits

// "day" of "{{ day }}".
std::string inside_braces(const std::string& text) {
  const auto from = text.find_first_not_of(" \t\r\n", 2);
  const auto to = text.find_last_not_of(" \t\r\n", text.size() - 3);
  return from == std::string::npos || to == std::string::npos || to < from
             ? std::string()
             : text.substr(from, to - from + 1);
}

// The text of a contract as a run's plugin has it: its own braces are kept from the templates of a
// DAG (without_templates()).
void give_back_braces(json& params) {
  json* yaml = params.contains("/contract/yaml"_json_pointer)
                   ? &params["/contract/yaml"_json_pointer]
                   : nullptr;
  if (yaml == nullptr || !yaml->is_string()) return;
  std::string text = yaml->get<std::string>();
  for (const std::string braces : {"{{", "{%"}) {
    const std::string kept = "{{ '" + braces + "' }}";
    for (std::size_t at = 0; (at = text.find(kept, at)) != text.npos; at += braces.size())
      text.replace(at, kept.size(), braces);
  }
  *yaml = std::move(text);
}

json look_at_model(Session& session, const PlanRequest& request, const json& params) {
  SlotRun run = lake_slot(session, "sql_model", request.plugins);
  run.params_json = json_text(params);
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(params.value("table", "") + ": " + done.error().message,
                  done.error().message == interrupted ? interrupted_code : 1);
  auto told = parse_untrusted(*done);
  if (!told || !told->is_object() || !told->contains("computes"))
    throw Failure("the slot gave no answer: is the plugin sql_model of this release?", 1);
  return *std::move(told);
}

// What the plugin is asked of a model that runs on Spark: what it reads, and the table.
json asked_of_spark(const json& params) {
  return {{"sql", "SELECT 1 AS none"},
          {"table", params.value("table", "")},
          {"plan", {{"engine", "spark"}, {"reads", params.value("reads", json::array())}}}};
}

bool reads_table(const json& model, const std::string& table) {
  if (model["table"] == table) return false;
  const json& reads = model["reads"];
  return std::find(reads.begin(), reads.end(), table) != reads.end();
}

std::set<std::string> all_readers(const json& models, const std::string& table) {
  std::set<std::string> found;
  for (std::vector<std::string> open = {table}; !open.empty();) {
    const std::string next = open.back();
    open.pop_back();
    for (const json& model : models)
      if (reads_table(model, next) && model["table"] != table &&
          found.insert(model["table"].get<std::string>()).second)
        open.push_back(model["table"].get<std::string>());
  }
  return found;
}

std::string first_read(const json& model, const std::set<std::string>& tables) {
  for (const std::string& table : tables)
    if (reads_table(model, table)) return table;
  return {};
}

// What a pass over all of the inputs would read, instead of what was told.
void take_whole(json& one) {
  const json whole = one.value("whole", json::object());
  for (const char* name : {"rows", "bytes", "seconds"}) one[name] = whole.value(name, json());
  for (const char* name : {"estimate", "exceeds"}) {
    one.erase(name);
    if (whole.contains(name)) one[name] = whole[name];
  }
  one["at_most"] = true;
}

bool is_of_spark(const json& one) {
  return one.value("engine", "") == "spark";
}

// `one` reads `other`, which is made anew.
void follow_one(json& one, const std::string& other) {
  if (is_of_spark(one) && one["computes"] == "all") return;
  if (one.contains("missing") || one.contains("problem") || one["change"] == "unknown") {
    one["why"] = "it cannot be told before " + other +
                 " is made anew: " + one.value("problem", one.value("why", ""));
    if (one["change"] == "breaking") one["change"] = "unknown";
  } else if (one["computes"] == "all") {
    return;
  } else {
    one["why"] = other + ", which it reads, is made anew";
  }
  one["computes"] = "follows";
  take_whole(one);
}

std::string shown_number(const json& value, bool at_most) {
  if (value.is_null()) return "unknown";
  char text[48];
  std::snprintf(text, sizeof text, value.is_number_float() ? "%.1f" : "%.0f", value.get<double>());
  return (at_most ? "<= " : "") + std::string(text);
}

}  // namespace

json with_template_values(json params, const json& values, const std::string& conf_json,
                          std::vector<std::string>& unknown) {
  const auto conf = parse_untrusted(conf_json);
  const auto parameters = params.find("parameters");
  if (parameters == params.end()) return params;
  for (json& value : *parameters) {
    if (!value.is_string()) continue;
    const std::string text = value.get<std::string>();
    const std::string name = inside_braces(text);
    const auto given = values.find(name);
    if (given != values.end()) {
      value = *given;
    } else if (conf && conf->is_object() && name.starts_with("params.") &&
               conf->contains(name.substr(7))) {
      value = (*conf)[name.substr(7)];
    } else {
      if (std::find(unknown.begin(), unknown.end(), text) == unknown.end()) unknown.push_back(text);
      value = nullptr;
    }
  }
  return params;
}

json follow_plan(json told) {
  // Who reads a model's history reads what the model makes.
  for (json& one : told) {
    for (const json& other : told) {
      const std::string table = other["table"];
      if (other.value("history", false) && reads_table(one, table + std::string(history_ending)) &&
          !reads_table(one, table) && one["table"] != table)
        one["reads"].push_back(table);
    }
  }
  std::set<std::string> anew, maybe;  // tables that are made anew, and that may be
  for (json& one : told) {
    const std::string table = one["table"];
    if (const std::string other = first_read(one, anew); !other.empty()) {
      follow_one(one, other);
    } else if (const std::string open = first_read(one, maybe);
               !open.empty() && one["computes"] == "nothing") {
      one["computes"] = "unknown";
      one["why"] = open + ", which it reads, may be made anew";
      take_whole(one);
    } else if (one.contains("problem")) {
      one["why"] = one["problem"];
    }
    for (const char* name : {"rows", "bytes", "seconds"})
      if (!one.contains(name)) one[name] = nullptr;
    if (!one.contains("at_most")) one["at_most"] = false;
    one.erase("whole");
    one.erase("history");
    if (one["computes"] == "unknown") {
      maybe.insert(table);
    } else if (one["computes"] != "nothing") {
      anew.insert(table);
    }
  }
  for (json& one : told) one["downstream"] = all_readers(told, one["table"]);
  return told;
}

int exit_code_of_plan(const json& models) {
  int code = 0;
  for (const json& one : models) {
    // What Spark's text makes of the table the run tells; that it computes is known.
    const bool later = one["computes"] == "follows" || is_of_spark(one);
    if (one["computes"] == "unknown" || (one["change"] == "unknown" && !later)) return 1;
    if (one["change"] != "none" || one["computes"] != "nothing") code = 2;
  }
  return code;
}

json plan_of_models(Session& session, const PlanRequest& request) {
  const std::vector<ModelFile> models = models_in(request.folder);
  if (!request.model.empty()) (void)model_named(models, request.model);
  const ModelPlace place = place_of_models(request.folder, request.dags);
  const std::string text = value_of(dag_of_models(models, {"plan", "", place.prefix}));
  const auto parsed = parse_dag_file(text, "plan.json", place.dags.string(), {});
  if (!parsed.dag)
    throw Failure(parsed.problems.empty() ? "the models make no DAG"
                                          : parsed.problems.front().message +
                                                "; batuta models validate tells whose it is",
                  1);
  const auto conf = validate_conf(*parsed.dag, "{}");
  const json values = value_of(parse_untrusted(request.values_json));
  json plan = {{"params", json::object()}};
  json told = json::array(), seen = json::array();
  for (const Task& task : parsed.dag->tasks) {
    const json spec = value_of(parse_untrusted(task.spec_json));
    std::vector<std::string> unknown;
    json params = with_template_values(spec.at("params"), values, conf ? *conf : "{}", unknown);
    give_back_braces(params);
    const bool on_spark = params.contains("spark_sql");
    params["plan"] = {{"unknown", unknown}};
    json one = look_at_model(session, request, on_spark ? asked_of_spark(params) : params);
    plan["params"][one["table"].get<std::string>()] = spec.at("params");
    seen.push_back({params, one.value("versions", json()), one["change"], one["computes"]});
    one.erase("versions");
    one["history"] = spec.at("params").value("history", false);
    told.push_back(std::move(one));
  }
  plan["plan"] = version_of(json_text(seen)).substr(0, shown_id);
  plan["models"] = follow_plan(std::move(told));
  if (request.model.empty()) return plan;
  const std::string table = model_named(models, request.model).table;
  json& all = plan["models"];
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const json& one) { return one["table"] != table; }),
            all.end());
  return plan;
}

void print_plan(Session& session, const json& plan) {
  if (session.format().data())
    return print_object(session.format(), {{"plan", plan["plan"]}, {"models", plan["models"]}});
  json rows = plan["models"];
  for (json& one : rows) {
    const bool at_most = one["at_most"];
    for (const char* name : {"rows", "bytes", "seconds"})
      one[name] = shown_number(one.value(name, json()), at_most);
    if (one.contains("exceeds"))
      one["why"] = one["why"].get<std::string>() + "; " + one["exceeds"].get<std::string>();
    std::string downstream;
    for (const json& table : one["downstream"])
      downstream += (downstream.empty() ? "" : ", ") + table.get<std::string>();
    one["downstream"] = downstream;
  }
  print_rows(session.format(), rows,
             {{"table", "table"},
              {"change", "change"},
              {"computes", "computes"},
              {"rows", "rows"},
              {"bytes", "bytes"},
              {"seconds", "seconds", true},
              {"downstream", "downstream"},
              {"why", "why"}});
}

std::vector<std::string> too_large_models(const json& models) {
  std::vector<std::string> out;
  for (const json& one : models)
    if (one.contains("exceeds"))
      out.push_back(one.value("table", "") + ": " + one["exceeds"].get<std::string>());
  return out;
}

void plan_models(Session& session, const PlanRequest& request) {
  const json plan = plan_of_models(session, request);
  print_plan(session, plan);
  session.exit_code = exit_code_of_plan(plan["models"]);
  if (session.format().data() || !request.model.empty()) return;
  const std::string id = plan["plan"];
  if (session.exit_code == 0) {
    std::fprintf(stderr, "plan %s: a run would change nothing\n", id.c_str());
  } else {
    std::fprintf(stderr, "plan %s; to run it: batuta models apply %s --plan %s\n", id.c_str(),
                 request.folder.c_str(), id.c_str());
  }
}

}  // namespace batuta::cli
