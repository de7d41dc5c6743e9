#include "scheduler/cli/model_plan.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/cli/model_folder.h"
#include "scheduler/cli/plugin_scan.h"
#include "scheduler/cli/slot_run.h"
#include "scheduler/dagfile/dag_parser.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

template <class T>
T planned(Result<T> result) {
  if (!result) throw Failure(result.error().message, 1);
  return *std::move(result);
}

json look_at_model(Session& session, const PlanRequest& request, json params) {
  // What templates stand for is a run's: NULL for each.
  for (json& value : params["parameters"]) value = nullptr;
  if (params["parameters"].is_null()) params.erase("parameters");
  const LakeSettings settings = planned(session.processes->lake_settings(session.home));
  SlotRun run;
  run.plugin = "model_plan";
  run.params_json = json_text(params);
  run.lake_folder = fs::absolute(session.home + "/lake").lexically_normal().string();
  run.secrets = settings.secrets;
  run.lake_memory = settings.memory_bytes;
  run.lake_threads = settings.threads;
  run.plugins_folder =
      request.plugins.empty() ? default_plugins_folder() : fs::absolute(request.plugins).string();
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(params.value("table", "") + ": " + done.error().message,
                  done.error().message == interrupted ? 130 : 1);
  const auto told = parse_untrusted(*done);
  if (!told || !told->is_object()) throw Failure("the slot gave no answer", 1);
  return *told;
}

bool reads_table(const ModelFile& model, const std::string& table) {
  return model.table != table &&
         std::find(model.names.begin(), model.names.end(), table) != model.names.end();
}

std::set<std::string> all_readers(const std::vector<ModelFile>& models, const std::string& table) {
  std::set<std::string> found;
  for (std::vector<std::string> open = {table}; !open.empty();) {
    const std::string next = open.back();
    open.pop_back();
    for (const ModelFile& model : models)
      if (reads_table(model, next) && model.table != table && found.insert(model.table).second)
        open.push_back(model.table);
  }
  return found;
}

std::string shown_number(const json& value, bool at_most) {
  if (value.is_null()) return "unknown";
  char text[48];
  std::snprintf(text, sizeof text, value.is_number_float() ? "%.1f" : "%.0f", value.get<double>());
  return (at_most ? "<= " : "") + std::string(text);
}

}  // namespace

json follow_plan(const std::vector<ModelFile>& models, json told) {
  std::map<std::string, std::string> changes;  // of those that are made anew
  for (json& one : told) {
    const std::string table = one["table"];
    const auto model = std::find_if(models.begin(), models.end(),
                                    [&](const ModelFile& each) { return each.table == table; });
    one["at_most"] = false;
    std::string first;
    if (model != models.end())
      for (const auto& [other, change] : changes)
        if (first.empty() && reads_table(*model, other)) first = other;
    if (!first.empty() && one["computes"] != "all") {
      one["computes"] = "follows";
      one["why"] = first + ", which it reads, is made anew";
      const json whole = one.value("whole", json::object());
      for (const char* name : {"rows", "bytes", "seconds"}) one[name] = whole.value(name, json());
      one["at_most"] = true;
    }
    if (!first.empty() && (one["change"] == "unknown" || one.contains("missing")))
      one["why"] = "it cannot be told before " + first +
                   " is made anew: " + one.value("problem", one.value("why", ""));
    else if (one.contains("problem"))
      one["why"] = one["problem"];
    for (const char* name : {"rows", "bytes", "seconds"})
      if (!one.contains(name)) one[name] = nullptr;
    one.erase("whole");
    if (one["computes"] != "nothing") changes[table] = one["change"];
    one["downstream"] =
        model == models.end() ? std::set<std::string>() : all_readers(models, table);
  }
  return told;
}

json plan_of_models(Session& session, const PlanRequest& request) {
  const std::vector<ModelFile> models = models_in(request.folder);
  if (!request.model.empty()) (void)model_named(models, request.model);
  if (const std::string lake = session.home + "/lake"; !fs::is_directory(lake))
    throw Failure("no lake at " + lake + "; name the installation with --home", 1);
  const ModelPlace place = place_of_models(request.folder, request.dags);
  const std::string text = planned(dag_of_models(models, {"plan", "", place.prefix}));
  const auto parsed = parse_dag_file(text, "plan.json", place.dags.string(), {});
  if (!parsed.dag)
    throw Failure(parsed.problems.empty() ? "the models make no DAG"
                                          : parsed.problems.front().message +
                                                "; batuta models validate tells whose it is",
                  1);
  json told = json::array();
  for (const Task& task : parsed.dag->tasks) {
    const json spec = planned(parse_untrusted(task.spec_json));
    told.push_back(look_at_model(session, request, spec.at("params")));
  }
  json plan = follow_plan(models, std::move(told));
  if (request.model.empty()) return plan;
  const std::string table = model_named(models, request.model).table;
  plan.erase(std::remove_if(plan.begin(), plan.end(),
                            [&](const json& one) { return one["table"] != table; }),
             plan.end());
  return plan;
}

void plan_models(Session& session, const PlanRequest& request) {
  json plan = plan_of_models(session, request);
  session.exit_code = 0;
  for (json& one : plan) {
    if (one["change"] != "none" || one["computes"] != "nothing") session.exit_code = 2;
    if (session.format().data()) continue;
    const bool at_most = one["at_most"];
    for (const char* name : {"rows", "bytes", "seconds"})
      one[name] = shown_number(one.value(name, json()), at_most);
    std::string downstream;
    for (const json& table : one["downstream"])
      downstream += (downstream.empty() ? "" : ", ") + table.get<std::string>();
    one["downstream"] = downstream;
  }
  print_rows(session.format(), plan,
             {{"table", "table"},
              {"change", "change"},
              {"computes", "computes"},
              {"rows", "rows"},
              {"bytes", "bytes"},
              {"seconds", "seconds"},
              {"downstream", "downstream"},
              {"why", "why"}});
}

}  // namespace batuta::cli
