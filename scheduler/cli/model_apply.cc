// models apply: what a plan would make anew, as one run of its tasks alone.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "common/time.h"
#include "common/url.h"
#include "scheduler/cli/follow.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/model_plan.h"
#include "scheduler/cli/output.h"

namespace batuta::cli {
namespace {

using nlohmann::json;

constexpr int most_runs_of_a_plan = 100;

std::string dag_url(const std::string& dag_id) {
  return "/api/v2/dags/" + percent_encoded(dag_id);
}

// What the run is given, so that its templates have the plan's values: params as its conf, and ds
// as its logical date.
json run_of_values(const json& values) {
  json body = {{"conf", json::object()}, {"logical_date", to_iso(read_clock().wall)}};
  for (const auto& [name, value] : values.items()) {
    const std::string param = name.starts_with("params.") ? name.substr(7) : std::string();
    if (!param.empty() && param.find_first_of(".[ |") == std::string::npos) {
      body["conf"][param] = value;
    } else if (name == "ds" && value.is_string()) {
      body["logical_date"] = value.get<std::string>() + "T00:00:00Z";
    } else {
      throw Failure("--value " + name +
                        ": a run can be given params.NAME and ds; what else its templates are it "
                        "decides itself",
                    2);
    }
  }
  return body;
}

void refuse_what_would_fail(const json& plan) {
  for (const json& one : plan["models"])
    if (one.contains("problem") && one["computes"] != "follows")
      throw Failure("nothing was run: " + one["table"].get<std::string>() +
                        (one["change"] == "breaking" ? " would fail: " : " cannot be planned: ") +
                        one["why"].get<std::string>(),
                    1);
}

// The task that makes the table, as the scheduler has it: by the text and fields that were planned.
std::string task_of_table(const json& tasks, const std::string& table, const json& planned,
                          const std::string& dag_id) {
  for (const json& task : tasks) {
    const json params = task.value("params", json::object());
    if (params.value("/table/value"_json_pointer, json()) != table) continue;
    json values = json::object();
    for (const auto& [name, param] : params.items()) values[name] = param.value("value", json());
    if (values != planned)
      throw Failure("nothing was run: the scheduler has another text or other fields of " + table +
                        " in DAG " + dag_id +
                        " than the files here. It reads its folder every few seconds, and a DAG "
                        "file that batuta models dag made is to be made anew when a header changed",
                    1);
    return task.value("task_id", "");
  }
  throw Failure("nothing was run: no task of DAG " + dag_id + " makes " + table +
                    "; batuta models dag makes the DAG of a folder, and --dag-id names it",
                1);
}

bool is_over(const json& run) {
  const std::string state = run.value("state", "");
  return state == "success" || state == "failed";
}

// The plan's run: one that is under way is joined, for whoever applies a plan twice means it once.
std::string start_run(const Client& client, const ApplyRequest& request, const std::string& plan_id,
                      json body) {
  const std::string runs = dag_url(request.dag_id) + "/dagRuns";
  for (int number = 1; number <= most_runs_of_a_plan; ++number) {
    const std::string run_id =
        "models_apply__" + plan_id + (number == 1 ? "" : "." + std::to_string(number));
    const std::string path = runs + "/" + percent_encoded(run_id);
    json there = client.look_up(path);
    if (there.is_null()) {
      body["dag_run_id"] = run_id;
      try {
        (void)client.call("POST", runs, body);
        return run_id;
      } catch (const Failure&) {
        there = client.look_up(path);  // another apply of this plan was quicker
        if (there.is_null()) throw;
      }
    }
    if (!is_over(there)) {
      std::fprintf(stderr, "this plan is being applied by run %s\n", run_id.c_str());
      return run_id;
    }
  }
  throw Failure("this plan was run " + std::to_string(most_runs_of_a_plan) +
                    " times and is still to be done: see why with batuta runs list",
                1);
}

}  // namespace

void apply_models(Session& session, const ApplyRequest& request) {
  if (request.plan_id.empty() && !request.yes)
    throw Failure(
        "say --plan ID, as batuta models plan shows it, or --yes for whatever the plan is now", 2);
  json body = run_of_values(value_of(parse_untrusted(request.plan.values_json)));
  const json plan = plan_of_models(session, request.plan);
  const std::string id = plan["plan"];
  if (!request.plan_id.empty() && request.plan_id != id)
    throw Failure("nothing was run: the plan is no longer " + shown_text(request.plan_id) +
                      ", for a file or a table has changed since; it is " + id +
                      " now, and batuta models plan shows it",
                  1);
  refuse_what_would_fail(plan);
  const bool data = session.format().data();
  if (!data) print_plan(session, plan);
  std::vector<std::string> tables;
  for (const json& one : plan["models"])
    if (one["computes"] != "nothing") tables.push_back(one["table"]);
  json out = {{"plan", id}, {"tables", tables}, {"dag_id", request.dag_id}};
  session.exit_code = 0;
  if (tables.empty()) {
    out["state"] = "nothing to do";
    if (data) return print_object(session.format(), out);
    return (void)std::fprintf(stderr, "plan %s: nothing to do\n", id.c_str());
  }
  const Client client = session.client();
  if (client.get(dag_url(request.dag_id)).value("is_paused", false))
    throw Failure("nothing was run: the DAG is paused; batuta dags unpause " + request.dag_id, 1);
  const json tasks = client.get(dag_url(request.dag_id) + "/tasks").value("tasks", json::array());
  for (const std::string& table : tables)
    body["only"].push_back(task_of_table(tasks, table, plan["params"][table], request.dag_id));
  body["note"] = "models apply, plan " + id;
  const std::string run_id = start_run(client, request, id, body);
  const std::string state = follow_run(client, request.dag_id, run_id, !data);
  session.exit_code = state == "success" ? 0 : 1;
  out.update({{"dag_run_id", run_id}, {"state", state}});
  if (data) print_object(session.format(), out);
}

}  // namespace batuta::cli
