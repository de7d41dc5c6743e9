#include "scheduler/dagfile/databricks_fields.h"

#include <nlohmann/json.hpp>
#include <string>

namespace batuta {
namespace {

using nlohmann::json;

// A request's body as Databricks documents it; what it has to say is theirs to check.
void read_request(FieldReader& fields, const char* name, json& params) {
  const json* given = fields.object(name);
  if (given == nullptr) return;
  if (given->contains("idempotency_token")) {
    fields.problem(name,
                   "idempotency_token is given by Batuta, so that a run is never started twice: "
                   "leave it out");
  }
  const auto id = given->find("job_id");
  const bool run_now = std::string_view(name) == "run_now";
  if (run_now && (id == given->end() || !(id->is_number_integer() || is_template(*id)))) {
    fields.problem(name, "which job? It needs a \"job_id\", a number or a template");
  }
  if (!run_now && !given->contains("tasks")) {
    fields.problem(name, "a run that is submitted needs its \"tasks\", as runs/submit has them");
  }
  params[name] = *given;
}

}  // namespace

void read_databricks(FieldReader& fields, Task& task, json& params) {
  if (const auto connection = fields.id("connection")) {
    params["connection"] = *connection;
    task.connections.push_back(*connection);
  } else if (!fields.find("connection")) {
    fields.problem("connection",
                   "a databricks task needs a \"connection\" of type databricks: the workspace's "
                   "URL as host, a token as password");
  }
  read_request(fields, "run_now", params);
  read_request(fields, "submit", params);
  if ((fields.find("run_now") == nullptr) == (fields.find("submit") == nullptr)) {
    fields.problem("run_now",
                   "a databricks task has either \"run_now\" (a job that is there) or \"submit\"");
  }
  for (const char* name : {"poke_interval", "timeout"}) {
    const json* value = fields.find(name);
    if (value == nullptr) continue;
    if (!is_template(*value)) {
      const auto span = fields.duration(name);
      if (span && *span < std::chrono::seconds(1)) fields.problem(name, "1 s at least");
    }
    params[name] = *value;
  }
}

}  // namespace batuta
